"""A search in the year's namespace, without an index: all memories are candidates."""

import numpy as np

from services.readside.collections import COUNTS, TERMS
from services.readside.layout import INDEXED, hash64, pack_record
from services.retrieval.search.candidates import Candidates, Sources, Statistics
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.plan import SearchPlan
from tests.fakes.world import World


def columns_of(world: World) -> ColumnCache:
    """All memories as a search caches them."""
    columns = ColumnCache(world.embedder.dimension)
    memories = world.memories(world.namespace).items()
    records = {name: pack_record(each.state, each.parts) for name, each in memories}
    columns.put(records, at=world.cursor, fresh=True)
    return columns


def candidates_of(world: World, columns: ColumnCache, plan: SearchPlan) -> Candidates:
    """All of them, for one search."""
    known = world.view.namespace(world.namespace)
    frequencies = [known[TERMS].get(hash64(term), 0) for term in plan.terms]
    statistics = Statistics(
        memories=sum(known[COUNTS].get(status, 0) for status in INDEXED),
        length=known[COUNTS].get("length", 0),
        frequencies=np.array(frequencies, np.float64),
    )
    return Candidates(columns, np.arange(len(columns)), statistics, Sources(), known.parameters)
