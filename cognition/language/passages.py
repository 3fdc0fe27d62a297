"""The passages of a long text, each short enough for one vector to say what it is about."""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate

# An embedding model takes 256 word pieces, the two that mark begin and end included; the date and
# speaker before the text are some more.
WHOLE_PIECES = 220
# Of one sentence among twenty a vector says nothing; among five it does.
PIECES = 64
# What each further letter of an ASCII word adds: English words of five letters are 1.3 on average.
_INSIDE = 0.15
# An emoji is embedded as its name.
_OF_A_SIGN = 4.0
# A passage holds an even share of what is left, or up to so much less or more of it.
_SLACK = 0.5
_WIDER = 1.2
# Ends of a passage in the order of preference, each with what follows it.
_ENDS = tuple(
    map(re.compile, (r"\n\s*\n", r"\n", r"[.!?…]\s|[。！？।॥۔؟]", r"[;:,、，；：،]\s?", r"\s"))
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text, by the places of its first character and of the one behind it."""

    start: int
    end: int


def pieces(text: str) -> list[float]:
    """Estimates of the word pieces that each character of a text adds.

    A word is one at least, longer ones are more; other scripts than Latin are in pieces of one
    character, taken apart (a Korean syllable is three). Above the truth in ordinary texts, but not
    in long words of letters at random.

    Args:
        text: A text.

    Returns:
        Word pieces by character, part of one inside a word.

    Source:
        None: an estimate, counted against the tokenizer of all-MiniLM-L6-v2.
    """
    found, inside = [], False
    for character in text:
        letter = character.isascii() and character.isalpha()
        if character.isspace():
            found.append(0.0)
        elif character.isascii():
            found.append(_INSIDE if inside and letter else 1.0)
        elif unicodedata.category(character) == "So":
            found.append(_OF_A_SIGN)
        else:
            found.append(float(len(unicodedata.normalize("NFD", character))))
        inside = letter
    return found


def passages(text: str, most: int) -> list[Passage]:
    """The passages of a text, in its order; together they are the text, without overlap.

    What a model takes whole is one passage. Others are of like length, and each ends where a
    paragraph, line, sentence, clause or word does, the best of these that is near; else in a word.
    By `pieces` each holds `PIECES` at most, but in a text that would be more than `most` of them
    they are longer.

    Args:
        text: A text.
        most: Passages there may be.

    Returns:
        Passages; none of an empty text.

    Source:
        None: fitted to facts in the middle of long texts.
    """
    before = [0.0, *accumulate(pieces(text))]
    limit: float = WHOLE_PIECES if before[-1] <= WHOLE_PIECES else PIECES
    found = _split(text, before, limit)
    while len(found) > most:
        limit *= _WIDER
        found = _split(text, before, limit)
    return found


def _split(text: str, before: list[float], limit: float) -> list[Passage]:
    found: list[Passage] = []
    start = 0
    while start < len(text):
        end = _end(text, before, start, limit)
        found.append(Passage(start, end))
        start = end
    return found


def _end(text: str, before: list[float], start: int, limit: float) -> int:
    """The place where the passage ends that begins at `start`.

    `before`: word pieces before each character of the text, and of all of it.
    """
    held = before[start]
    left = before[-1] - held
    if left <= limit:
        return len(text)
    share = left / -(-left // limit)
    least, most = held + (1 - _SLACK) * share, held + min(limit, (1 + _SLACK) * share)
    first = bisect_left(before, least, start + 1)
    last = max(bisect_right(before, most) - 1, start + 1)
    goal = held + share
    for ends in _ENDS:
        places = [match.end() for match in ends.finditer(text, first - 1, last)]
        if places := [place for place in places if first <= place]:
            return min(places, key=lambda place: abs(before[place] - goal))
    return last
