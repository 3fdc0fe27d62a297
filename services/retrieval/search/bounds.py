"""Bounds of a search, and of what is kept between searches."""

from dataclasses import dataclass

from services.retrieval.working_memory import CHOSEN_FROM


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Numbers of candidates by where they come from, and of what the cache may hold."""

    nearest: int = 200
    matching: int = 200
    # Working memory is chosen among the same.
    recent: int = CHOSEN_FROM
    frequent: int = 100
    # To all sources together, and to what is related to them.
    linked: int = 200
    sources: int = 20
    related: int = 50
    # That choose candidates; all of them score.
    terms: int = 64
    # Beside a memory with the words of the question often stands the one with the answer.
    context_of: int = 50
    # Steps from what is superseded to what superseded it.
    successions: int = 10
    # A namespace with fewer memories is scored whole.
    small: int = 500
    # One with fewer than this is cached whole: comparing so many vectors takes less than reading
    # what an index found among them. So many at a time are read until it is.
    whole: int = 16_384
    read_ahead: int = 500
    # Read with the first round trip of the next search, so that it needs no second one.
    expected: int = 100
    # More changes than this between two searches, and reading anew is cheaper.
    changes: int = 20_000
    # Of the cache: all rows, about 3 kB each, and namespaces.
    rows: int = 200_000
    namespaces: int = 10_000
    index_timeout_ms: int = 5_000
