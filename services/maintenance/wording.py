"""How a fact is worded by a language model: what it is asked, and what of its answer is taken."""

from typing import Protocol

import orjson

CITED_MIN = 2
FACT_CHARACTERS_MAX = 1_000
INSTRUCTION = (
    "You read episodes of one memory that are about the same thing. Say in one short sentence what "
    "is true in general according to them. Claim nothing that is not supported by at least two of "
    'them. Answer with JSON: {"fact": "<sentence>", "episodes": [<numbers that support it>]}, or '
    '{"fact": null, "episodes": []} if they have nothing in common.'
)


class WordingFailed(Exception):
    """The language model does not answer, or has been asked often enough."""


class Wording(Protocol):
    """Something that words facts."""

    name: str

    async def fact(self, texts: list[str]) -> str | None:
        """One sentence that at least two of the texts support; None if there is none.

        Raises:
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
    """The fact of an answer, if it is one that cites enough episodes.

    >>> answer('{"fact": "Ann likes tea.", "episodes": [1, 3]}', 3)
    'Ann likes tea.'
    >>> answer('{"fact": "Ann likes tea.", "episodes": [1, 7]}', 3) is None
    True
    """
    try:
        given = orjson.loads(content)
        fact, cited = given["fact"], {int(number) for number in given["episodes"]}
    except (ValueError, KeyError, TypeError):
        return None
    supported = sum(1 <= number <= episodes for number in cited) >= CITED_MIN
    if not isinstance(fact, str) or not fact.strip() or not supported:
        return None
    return fact.strip()[:FACT_CHARACTERS_MAX]
