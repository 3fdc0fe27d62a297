"""The plan of a search: what follows from the query alone. The bounds of all searches."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from cognition.language.emoji import named
from cognition.language.text import terms
from cognition.language.times import Times, times_in
from schemas.queries import Search
from services.readside.filters import Filters, filters_of
from services.readside.layout import Status
from services.retrieval.search.column_cache import unit_vectors
from services.retrieval.working_memory import CHOSEN_FROM


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """A query, and what follows from it before anything is read.

    `cause`: of the events that the search leads to. `terms` and `concepts`: each once. `recording`:
    whether what is found becomes stronger. `times`: those that the question names.
    """

    query: Search
    cause: UUID
    now_ms: int
    vector: NDArray[np.float16]
    terms: tuple[str, ...]
    concepts: tuple[str, ...]
    filters: Filters
    statuses: tuple[Status, ...]
    recording: bool
    times: Times

    @property
    def namespace(self) -> str:
        """The namespace that is searched."""
        return self.query.namespace

    @property
    def moment_ms(self) -> int:
        """The moment that is asked about."""
        return self.now_ms if self.query.as_of is None else self.query.as_of

    def is_from_then(self, times_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the memories from a time that the question names."""
        inside = [(times_ms >= begins) & (times_ms < ends) for begins, ends in self.times.spans]
        from_then: NDArray[np.bool_] = np.logical_or.reduce(inside)
        return from_then

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The vector, rounded as stored ones are, at length 1."""
        unit: NDArray[np.float32] = unit_vectors(self.vector[np.newaxis])[0]
        return unit


def plan_of(query: Search, cause: UUID, vector: NDArray[np.float16], now_ms: int) -> SearchPlan:
    """The plan of a query whose text has this vector."""
    decayed = query.include_decayed is not False or query.as_of is not None
    moment_ms = now_ms if query.as_of is None else query.as_of
    times = times_in(query.query, moment_ms, utc_offset=query.utc_offset)
    # A month is written in three letters where memories are dated.
    said = " ".join([named(query.query), *(month[:3] for month in times.months)])
    return SearchPlan(
        query=query,
        cause=cause,
        now_ms=now_ms,
        vector=vector,
        terms=tuple(dict.fromkeys(terms(said))),
        concepts=tuple(dict.fromkeys(query.active_concepts)),
        filters=filters_of(query),
        statuses=("active", "decayed") if decayed else ("active",),
        recording=query.record_access and query.as_of is None,
        times=times,
    )


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
