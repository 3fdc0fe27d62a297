"""Terms of a text as the read side keeps them."""

import struct
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from cognition.language.text import terms, terms_by_word
from services.readside.layout import TERM, hash64

_COUNTS = struct.Struct("<HH")  # of TERM, behind the hash
# BM25 has saturated long before a count is at its end.
_COUNT_MAX = 2**16 - 1
# A run of words without spaces has about four, pairs and ideographs; any other word has fewer.
TERMS_A_WORD = 4
assert 8 + _COUNTS.size == TERM.itemsize


@dataclass(frozen=True, slots=True)
class Terms:
    """A text's terms.

    `packed`: with their counts, in the order of their hashes (see TERM). `names`: the hashes
    alone. `length`: how many words they are of, each as often as it occurs. `searchable`: what the
    index gets to see of the text: the terms that it is scored by, and no others.
    """

    packed: bytes
    names: list[bytes]
    length: int
    searchable: str


# Asked for when it is known what to read, and in the fold; a batch of long texts takes 300 MB.
@lru_cache(512)
def terms_of(text: str, speaker: str | None) -> Terms:
    """The terms of a text; those of its speaker's name are marked."""
    by_word = terms_by_word(text)
    said = list(chain.from_iterable(by_word))
    counts = Counter(map(hash64, said))
    spoken = set(map(hash64, terms(speaker))) if speaker is not None else ()
    # Little-endian, as in TERM: the order of the numbers, not of the bytes.
    names = sorted(counts, key=lambda name: name[::-1])
    packed = [name + _COUNTS.pack(min(counts[name], _COUNT_MAX), name in spoken) for name in names]
    length = sum(-(-len(word) // TERMS_A_WORD) for word in by_word)
    return Terms(b"".join(packed), names, length, index_word(" ".join(said)))


def names_of(packed: bytes) -> list[bytes]:
    """The hashes of packed terms, each as `hash64` gives it."""
    return [packed[at : at + 8] for at in range(0, len(packed), TERM.itemsize)]


def concepts_of(packed: bytes) -> list[bytes]:
    """The hashes of packed concepts."""
    return [packed[at : at + 8] for at in range(0, len(packed), 8)]


def index_word(term: str) -> str:
    """A term as the index has it, which would cut it at an apostrophe."""
    return term.replace("'", "_")
