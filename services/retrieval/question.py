"""What a search asks the read side for, and what it gets to rank."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import IntArray
from schemas.parameters import ParameterOverrides, Parameters
from services.common.read_model import Status
from services.retrieval.adapters.filters import Filters
from services.retrieval.association import Sources
from services.retrieval.table import Table


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


@dataclass(frozen=True)
class Statistics:
    """Terms of a namespace: memories, all their terms, and in how many each of the query's is."""

    memories: int
    length: int
    frequencies: NDArray[np.float64]


@dataclass(frozen=True)
class Candidates:
    """What to rank (`rows` of a table that holds their neighbours too), and what to rank it with.

    To be used at once: later the table may show another moment.
    """

    table: Table
    rows: IntArray
    statistics: Statistics
    sources: Sources
    parameters: Parameters
