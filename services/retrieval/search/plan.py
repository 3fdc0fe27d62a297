"""What a search asks the read side for, and what it gets to rank."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from schemas.parameters import ParameterOverrides, Parameters
from services.readside.layout import Status
from services.retrieval.search.association import Sources
from services.retrieval.search.column_cache import Table, unit_vectors
from services.retrieval.search.filters import Filters


@dataclass(frozen=True, kw_only=True)
class Question:
    """A search, as far as reading is concerned.

    `terms`: those of the query, each once. `as_of_ms`: the past moment asked about, if it is one.
    """

    namespace: str
    vector: NDArray[np.float16]
    terms: tuple[str, ...]
    concepts: tuple[str, ...]
    filters: Filters
    statuses: tuple[Status, ...]
    now_ms: int
    as_of_ms: int | None
    overrides: ParameterOverrides

    @property
    def unit(self) -> NDArray[np.float32]:
        """The vector, rounded as stored ones are, at length 1."""
        unit: NDArray[np.float32] = unit_vectors(self.vector[np.newaxis])[0]
        return unit


@dataclass(frozen=True)
class Statistics:
    """Terms of a namespace: memories, all their terms, and in how many each of the query's is."""

    memories: int
    length: int
    frequencies: NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """What to rank (`rows` of a table that holds their neighbours too), and what to rank it with.

    To be used at once: later the table may show another moment. `cosines`: of the query with the
    rows that the table had, where all were compared.
    """

    table: Table
    rows: IntArray
    statistics: Statistics
    sources: Sources
    parameters: Parameters
    cosines: FloatArray | None = None

    def cosines_of(self, rows: IntArray, unit: NDArray[np.float32]) -> FloatArray:
        """Cosine of the query, a unit vector, with some rows."""
        known = self.cosines
        if known is None or (len(rows) and rows.max() >= len(known)):  # another search adds rows
            return self.table.cosines(unit, rows)
        some: FloatArray = known[rows]
        return some
