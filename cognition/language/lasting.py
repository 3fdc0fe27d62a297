"""Lasting statements: the sentences of a text that hold beyond the occasion they were said on."""

import re

from cognition.language import english
from cognition.language.assertions import SPEAKER, Assertion, read
from cognition.language.feelings import ENGLISH, LANGUAGES, language_of
from cognition.language.text import words

ADJECTIVE_MAX = 3  # "red"
WORDS_MIN, WORDS_MAX = 3, 30  # "Sounds great", or a story.
# What is said to somebody, of the moment, or of what is hoped for.
_PASSING = frozenset(
    """
    you your you're you've yours let's we'll i'll i'd thanks thank sorry wow hey hi hello bye yeah
    yep yup congrats congratulations glad cheers welcome awesome cool okay ok sure definitely
    absolutely agreed lol haha gonna going hope hoping wish excited looking planning thinking can't
    today yesterday tomorrow tonight soon ago last next this that these those it it's that's here
    there just lately recently currently
    """.split()  # noqa: SIM905 a list of words reads better so
)
# "I'm a nurse", "I'm from Leeds": what one is, not how one is at the moment.
_IS = re.compile(
    r"\b(?:i'm|i am|we're|we are) (?:an?|the|from|allergic|married|divorced|retired)\b"
)
_CODE = re.compile(r"[{}=<>_#*`\[\]]")
_HABITS = english.KNOWN | english.LIKED | {"have", "live", "work for", "work as", "call"}
_MOMENTS = english.CHATTY | english.stems(
    "appreciate agree hear guess suppose promise realize notice bet remember understand find start"
    " keep help make give take bring check share talk enjoy can"
)


def lasting(text: str) -> str:
    """The sentences of a text that state something beyond their occasion, in their order.

    Left out are questions, what is said to the other one ("you"), what has no subject of its own
    ("that was great"), what was or will be, and what is told of a day ("today", "next week").

    Args:
        text: in English. One of another language, or of bare words ("green tea daily"), stays as it
            is: nothing tells against it.

    Returns:
        The sentences, with spaces between; empty if none lasts.

    Source: none; a few words and the clauses that `read` finds.

    >>> lasting("Hey! I play the violin. Did you sleep? We went home.")
    'I play the violin.'
    """
    said = words(text)
    if language_of(said) != ENGLISH and not (text.isascii() and language_of(said) is None):
        return text
    if LANGUAGES[ENGLISH].common.isdisjoint(said):
        return text if "?" not in text and _stays(said) else ""
    found = english.SENTENCE.finditer(text)
    return " ".join(each[0].strip() for each in found if each[1].strip() and _lasts(each))


def _lasts(sentence: re.Match[str]) -> bool:
    said = words(sentence[1])
    if "?" in sentence[2] or len(said) > WORDS_MAX or not _stays(said):
        return False
    if _CODE.search(sentence[1]) or _tells(said):
        return False
    claims = read(sentence[1]).assertions
    if any(each.past or each.changes or each.ends for each in claims):
        return False
    return any(_holds(each, " ".join(said)) for each in claims)


def _stays(said: list[str]) -> bool:
    passing = _PASSING | english.SUPPOSED
    return len(said) >= WORDS_MIN and passing.isdisjoint(said)


def _tells(said: list[str]) -> bool:
    """True where a verb stands in the past: "we went", "people marched", but not "is called"."""
    return any(
        (word in english.PAST or (len(word) > ADJECTIVE_MAX and english.PAST_ENDING.search(word)))
        and said[max(0, i - 1)] not in english.BE
        for i, word in enumerate(said)
    )


def _holds(claim: Assertion, said: str) -> bool:
    if not claim.value or claim.verb in _MOMENTS:
        return False
    if claim.verb != "be":
        return claim.verb in _HABITS or claim.subject != SPEAKER
    return bool(claim.named or claim.measured) or (
        claim.subject == SPEAKER and bool(_IS.search(said))
    )
