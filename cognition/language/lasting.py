"""Lasting statements: which sentences of a text hold beyond the occasion on which they were said."""

import re

from cognition.language import english
from cognition.language.assertions import read
from cognition.language.text import words

WORDS_MIN, WORDS_MAX = 3, 30  # "Sounds great", or a story.
# What is said to somebody, of the moment, or of what is hoped for.
_PASSING = frozenset(
    """
    you your you're you've yours let's we'll i'll i'd thanks thank sorry wow hey hi hello bye yeah
    yep yup congrats congratulations glad cheers welcome awesome cool okay ok sure definitely
    absolutely agreed lol haha gonna going hope hoping wish excited looking planning thinking can't
    today yesterday tomorrow tonight soon ago last next this that these those it it's that's here
    there just lately recently currently week weekend month morning afternoon evening
    """.split()  # noqa: SIM905 a list of words reads better so
)
_URGES = re.compile(r"^(?:don't |do not |never )?(?:keep|take|go|have|make|let|tell|see|stay)\b")


def lasting(text: str) -> str:
    """The sentences of a text that state something beyond their occasion, in their order.

    Left out are questions, what is said to the other one ("you"), what has no subject of its own
    ("that was great"), what was or will be, and what is told of a day ("today", "next week").

    Args:
        text: in English; of other languages, in which hardly a word counts, everything stays.

    Returns:
        The sentences, with spaces between; empty if none lasts.

    Source: none; a few words and the clauses that `read` finds.

    >>> lasting("Hey! I play the violin. Did you sleep? We went home.")
    'I play the violin.'
    """
    found = english.SENTENCE.finditer(text)
    return " ".join(each[0].strip() for each in found if each[1].strip() and _lasts(each))


def _lasts(sentence: re.Match[str]) -> bool:
    said = words(sentence[1])
    if "?" in sentence[2] or not _PASSING.isdisjoint(said):
        return False
    if not english.SUPPOSED.isdisjoint(said) or _URGES.match(" ".join(said)):
        return False
    claims = read(sentence[1]).assertions
    if claims:
        return not any(each.past or each.changes or each.ends for each in claims) and any(
            each.value for each in claims
        )
    return True
