"""Wording of a fact by a language model: its question, and the part of the answer that is taken."""

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

CITED_MIN = 2
FACT_CHARACTERS_MAX = 1_000
DIGITS_MAX = 10
# As DeepSeek, Qwen and Magistral mark their thoughts, and the last word of gpt-oss.
THOUGHT_BEGINS = re.compile(r"[<\[](think|thinking|thought|reasoning)[>\]]", re.IGNORECASE)
THOUGHT_ENDS = re.compile(
    r"[<\[]/(think|thinking|thought|reasoning)[>\]]|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
# Objects tried in an answer: a model that thinks aloud writes a few, never this many.
OBJECTS_MAX = 200
SHOWN = 100  # characters of an answer, where it is said what is wrong with it
INSTRUCTION = (
    "You read episodes of one memory that are about the same thing. Say in one short sentence what "
    "is true in general according to them. Claim nothing that is not supported by at least two of "
    'them. Answer with JSON: {"fact": "<sentence>", "episodes": [<numbers that support it>]}, or '
    '{"fact": null, "episodes": []} if they have nothing in common.'
)


class WordingFailed(Exception):
    """The language model does not answer, or has been asked often enough."""


class Nonsense(Exception):
    """The language model has answered, but with no fact of these episodes; says what is wrong."""


class Wording(Protocol):
    """Something that words facts."""

    name: str

    async def fact(self, texts: list[str]) -> str | None:
        """One sentence that at least two of the texts support; None if there is none.

        Raises:
            Nonsense: it may still word others.
            WordingFailed: there is no use in asking for more.
        """
        ...


def question(texts: list[str]) -> list[dict[str, str]]:
    """The messages that ask for the fact of some episodes."""
    numbered = "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": f"Episodes:\n{numbered}"},
    ]


def answer(content: str, episodes: int) -> str | None:
    """The fact of an answer; None if it says that there is none.

    Raises:
        Nonsense: it is not what was asked for, or cites too few of the episodes.

    >>> answer('{"fact": "Ann likes tea.", "episodes": [1, 3]}', 3)
    'Ann likes tea.'

    Models fence their JSON, think aloud before it and explain it afterwards: the last object with
    a fact counts, wherever it stands outside of thoughts.

    >>> answer('<think>{"fact": 1}?</think> ```json\\n{"fact": null}\\n``` Nothing in common.', 3)
    >>> answer('{"fact": "Ann likes tea.", "episodes": [1, 7]}', 3)
    Traceback (most recent call last):
    services.maintenance.phrasing.Nonsense: it cites 1 of the 3 episodes; at least 2 must support it
    """
    shown = repr(content[:SHOWN])
    said = _without_thoughts(content)
    given = next((each for each in _objects(said) if "fact" in each), {})
    fact = given.get("fact")
    if "fact" not in given or (fact is not None and "episodes" not in given):
        raise Nonsense(f"not the JSON that was asked for: {shown}")
    cited = given.get("episodes")
    if fact is None:
        return None
    if not isinstance(fact, str) or not fact.strip():
        raise Nonsense(f"a fact must be a sentence: {shown}")
    numbers = set(map(_number, cited)) if isinstance(cited, list) else {None}
    if None in numbers:
        raise Nonsense(f"episodes must be a list of their numbers: {shown}")
    if (support := len(numbers & set(range(1, episodes + 1)))) < CITED_MIN:
        raise Nonsense(
            f"it cites {support} of the {episodes} episodes; at least {CITED_MIN} must support it"
        )
    return fact.strip()[:FACT_CHARACTERS_MAX]


def _without_thoughts(content: str) -> str:
    """What stands behind the last thought; a thought without an end takes all that follows it."""
    said = THOUGHT_ENDS.split(content)[-1] if THOUGHT_ENDS.search(content) else content
    begins = THOUGHT_BEGINS.search(said)
    return said[: begins.start()] if begins else said


def _objects(content: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, the last one first."""
    decoder = json.JSONDecoder()
    at = len(content)
    for _ in range(OBJECTS_MAX):
        at = content.rfind("{", 0, at)
        if at < 0:
            return
        try:
            yield decoder.raw_decode(content, at)[0]
        except (ValueError, RecursionError):
            continue


def _number(given: Any) -> int | None:
    """A whole number, also as a string or with a point, as models write them."""
    match given:
        case bool():
            return None
        case int():
            return given
        case float() if given.is_integer():
            return int(given)
        case str() if given.isdecimal() and len(given) < DIGITS_MAX:
            return int(given)
        case _:
            return None
