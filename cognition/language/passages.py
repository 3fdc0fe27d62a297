"""The passages of a long text, each short enough to be embedded whole."""

import re
import unicodedata
from dataclasses import dataclass

# An embedding model takes 256 word pieces, the two that mark begin and end included; the date and
# speaker before the text are some more.
PIECES = 220
# What each further letter of an ASCII word adds: English words of five letters are 1.3 on average.
_INSIDE = 0.15
# Ends of a passage in the order of preference, each with what follows it.
_ENDS = tuple(
    map(re.compile, (r"\n\s*\n", r"\n", r"[.!?…]\s|[。！？।॥۔؟]", r"[;:,、，；：،]\s?", r"\s"))
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a text, by the places of its first character and of the one behind it."""

    start: int
    end: int


def pieces(text: str, place: int) -> float:
    """An estimate of the word pieces that a character of a text adds.

    A word is one at least, longer ones are more; other scripts than Latin are in pieces of one
    character, taken apart (a Korean syllable is three). Above the truth in ordinary texts, but not
    in long words of letters at random.

    Args:
        text: A text.
        place: Where the character stands in it.

    Returns:
        Word pieces, part of one inside a word.

    Source:
        None: an estimate, counted against the tokenizer of all-MiniLM-L6-v2.
    """
    character = text[place]
    if character.isspace():
        return 0.0
    if character.isascii():
        inside = place and text[place - 1].isascii() and text[place - 1].isalpha()
        return _INSIDE if inside and character.isalpha() else 1.0
    return float(len(unicodedata.normalize("NFD", character)))


def passages(text: str, limit: float = PIECES) -> list[Passage]:
    """The passages of a text, in its order; together they are the text, without overlap.

    A passage ends where a paragraph, line, sentence, clause or word does, the best of these in the
    last half of what it may hold; else in a word. By `pieces` it holds `limit` at most.

    Args:
        text: A text.
        limit: Word pieces that a passage may hold, 3 at least.

    Returns:
        Passages; none of an empty text.

    Source:
        None: so that each passage is embedded whole.
    """
    found: list[Passage] = []
    start, length = 0, len(text)
    while start < length:
        end = _end(text, start, limit)
        found.append(Passage(start, end))
        start = end
    return found


def _end(text: str, start: int, limit: float) -> int:
    """The place where the passage ends that begins at `start`."""
    held, half, end = 0.0, start, start
    while end < len(text):
        held += pieces(text, end)
        if held > limit:
            break
        end += 1
        if held <= limit / 2:
            half = end
    if end == len(text):
        return end
    for ends in _ENDS:
        if places := [m.end() for m in ends.finditer(text, half, end)]:
            return places[-1]
    return max(end, start + 1)
