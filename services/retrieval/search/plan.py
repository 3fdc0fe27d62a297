"""The plan of a search: everything that follows from the query alone."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from cognition.language.text import terms
from schemas.queries import Search
from services.readside.layout import Status
from services.retrieval.search.column_cache import unit_vectors
from services.retrieval.search.filters import Filters


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """A query, and what follows from it before anything is read.

    `cause`: of the events that the search leads to. `terms` and `concepts`: each once. `recording`:
    whether what is found becomes stronger.
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

    @property
    def namespace(self) -> str:
        """The namespace that is searched."""
        return self.query.namespace

    @property
    def moment_ms(self) -> int:
        """The moment that is asked about."""
        return self.now_ms if self.query.as_of is None else self.query.as_of

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The vector, rounded as stored ones are, at length 1."""
        unit: NDArray[np.float32] = unit_vectors(self.vector[np.newaxis])[0]
        return unit


def plan_of(query: Search, cause: UUID, vector: NDArray[np.float16], now_ms: int) -> SearchPlan:
    """The plan of a query whose text has this vector."""
    decayed = query.include_decayed or query.as_of is not None
    return SearchPlan(
        query=query,
        cause=cause,
        now_ms=now_ms,
        vector=vector,
        terms=tuple(dict.fromkeys(terms(query.query))),
        concepts=tuple(dict.fromkeys(query.active_concepts)),
        filters=Filters(
            types=tuple(query.types),
            tags=tuple(query.tags),
            created_from_ms=None if query.created_after is None else query.created_after + 1,
            created_before_ms=query.created_before,
        ),
        statuses=("active", "decayed") if decayed else ("active",),
        recording=query.record_access and query.as_of is None,
    )
