"""Names as they are written: their signs, their capitals, and where their script lets them end."""

from collections.abc import Sequence
from dataclasses import dataclass

import regex

from cognition.language.spelling import SPACED, UNSPACED, composed, folded

# A dot before a word and + or # behind it belong to the name: ".NET", "C++", "F#". Katakana ends
# where another script begins; of other scripts without spaces each character stands for itself.
_PIECE = regex.compile(
    rf"(?V1)[\p{{Katakana}}ー]+|{UNSPACED}\p{{M}}*|(?:(?<![\w.])\.)?{SPACED}[+#]*"
)
_RUN = regex.compile(rf"(?V1){UNSPACED}")
# Shorter ones are often words, when a text is all in capitals.
CAPITALS_MIN = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a name or of a text.

    Args:
        written: as it is written.
        key: the same in one case.
        joined: nothing stands between it and the piece before, in a script without spaces.
    """

    written: str
    key: str
    joined: bool


def pieces(text: str) -> list[Piece]:
    """The pieces of a text in their order.

    Args:
        text: any text.

    Returns:
        Words with the signs that belong to names; single characters where no spaces are.

    Source: none.

    >>> [each.written for each in pieces("From .NET to C++, 北京.")]
    ['From', '.NET', 'to', 'C++', '北', '京']
    """
    found, end = [], -1
    for match in _PIECE.finditer(composed(text)):
        run = bool(_RUN.match(match[0]))
        found.append(Piece(match[0], folded(match[0]), run and match.start() == end))
        end = match.end() if run else -1
    return found


def is_named(name: Sequence[Piece], said: Sequence[Piece], start: int) -> bool:
    """True if the pieces of a text from `start` on, which have a name's keys, are the name.

    A single word with a capital is meant only by a word written like it, or in capitals
    throughout: "May" is not what may be. Names of several words, with signs, digits or without
    a capital are meant in any case. A single ideograph is a name where it stands alone.

    Args:
        name: its pieces.
        said: the pieces of a text.
        start: the index of the first.

    Returns:
        False if it is another word.

    Source: none.

    >>> is_named(pieces("IT"), pieces("it rains"), 0), is_named(pieces("C#"), pieces("c#"), 0)
    (False, True)
    """
    if len(name) > 1:
        return True
    own, written = name[0].written, said[start].written
    if _RUN.match(own):
        behind = said[start + 1 : start + 2]
        alone = not said[start].joined and not (behind and behind[0].joined)
        return alone or len(own) > 1
    if own == own.lower() or not own.isalpha():
        return True
    return written.startswith(own) or (written.isupper() and len(own) >= CAPITALS_MIN)
