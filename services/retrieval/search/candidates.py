"""Candidates of a search, and what they are ranked with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from schemas.parameters import Parameters
from services.retrieval.search.column_cache import ColumnCache


@dataclass(frozen=True)
class Statistics:
    """Terms of a namespace: memories, all their terms, and in how many each of the query's is."""

    memories: int
    length: int
    frequencies: NDArray[np.float64]


@dataclass(frozen=True)
class Fan:
    """A concept's connections.

    `links`: how many memories. `relations`: weights by the other concept's `hash64`, both ways.
    """

    links: int = 0
    relations: Mapping[bytes, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """Concepts that spread activation, by `hash64`.

    `fans`: of the sources and of the concepts related to them. `memories`: N of the namespace.
    """

    concepts: tuple[bytes, ...] = ()
    fans: Mapping[bytes, Fan] = field(default_factory=dict)
    memories: int = 0


@dataclass(frozen=True)
class Candidates:
    """Memories worth ranking: `rows` of a cache that holds their neighbours too.

    To be scored at once: later the cache may show another moment. `cosines`: of the query with the
    rows that the cache had, where all were compared.
    """

    columns: ColumnCache
    rows: IntArray
    statistics: Statistics
    sources: Sources
    parameters: Parameters
    cosines: FloatArray | None = None

    def cosines_of(self, rows: IntArray, unit: NDArray[np.float32]) -> FloatArray:
        """Cosine of the query, a unit vector, with some rows."""
        known = self.cosines
        if known is None or (len(rows) and rows.max() >= len(known)):  # another search adds rows
            return self.columns.cosines(unit, rows)
        some: FloatArray = known[rows]
        return some
