"""Terms of a text as the read side keeps them."""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from cognition.text import terms
from services.common.read_model import TERM, hash64


@lru_cache(4_096)
def packed_terms(text: str, speaker: str | None) -> tuple[bytes, int]:
    """A text's terms with their counts, in the order of their hashes (see TERM), and its length."""
    counts = Counter(hash64(term) for term in terms(text))
    rows = np.zeros(len(counts), TERM)
    rows["term"] = np.frombuffer(b"".join(counts), "<u8")
    # BM25 has saturated long before a count is at its end.
    rows["count"] = np.minimum(list(counts.values()), np.iinfo(TERM["count"]).max)
    if speaker is not None:
        rows["speaker"] = np.isin(rows["term"], hashes_of(terms(speaker)))
    return np.sort(rows, order="term").tobytes(), counts.total()


def hashes_of(names: Iterable[str]) -> np.ndarray:
    """Hashes of terms or concepts, as the columns have them."""
    return np.frombuffer(b"".join(hash64(name) for name in names), "<u8")


def names_of(packed: bytes) -> list[bytes]:
    """The hashes of packed terms, each as `hash64` gives it."""
    hashes = np.frombuffer(packed, TERM)["term"].tobytes()
    return [hashes[at : at + 8] for at in range(0, len(hashes), 8)]


def concepts_of(packed: bytes) -> list[bytes]:
    """The hashes of packed concepts."""
    return [packed[at : at + 8] for at in range(0, len(packed), 8)]


def searchable(text: str) -> str:
    """What the index gets to see of a text: the terms that it is scored by, and no others."""
    return " ".join(index_word(term) for term in terms(text))


def index_word(term: str) -> str:
    """A term as the index has it, which would cut it at an apostrophe."""
    return term.replace("'", "_")
