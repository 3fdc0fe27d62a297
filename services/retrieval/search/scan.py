"""Candidates out of a cache that holds its namespace whole, as the index would find them."""

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from cognition.lexical import (
    bm25,
    inverse_document_frequency,
    relative_lengths,
    term_contributions,
)
from services.readside.columns import ACTIVE, DECAYED
from services.retrieval.search.candidates import Statistics
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.plan import SearchPlan

Mask = NDArray[np.bool_]


def nearest(
    columns: ColumnCache,
    plan: SearchPlan,
    cosines: FloatArray,
    count: int,
    *,
    among: Mask | None = None,
) -> IntArray:
    """Rows with the highest of all rows' cosines, at most `count` of a status, in no order.

    `among`: the rows that may be chosen; absent: all.
    """
    admitted = _admitted(columns, plan, among)
    each = [_best(columns, cosines, rows, count) for rows in admitted]
    return np.concatenate(each)


def matching(
    columns: ColumnCache,
    plan: SearchPlan,
    statistics: Statistics,
    count: int,
    *,
    among: Mask | None = None,
) -> IntArray:
    """Rows with the best words, the best first, at most `count` of a status; as `nearest`."""
    if plan.query.parameters.lexical_weight == 0 or not plan.terms:
        return np.zeros(0, np.intp)
    lengths = relative_lengths(
        columns.column("length", _all(columns)).astype(np.float64),
        statistics.length / max(1, statistics.memories),
    )
    idf = inverse_document_frequency(
        np.minimum(statistics.frequencies, statistics.memories), statistics.memories
    )
    matches = columns.matches(plan.terms, np.arange(len(columns)))
    scores = bm25(matches, term_contributions(matches, lengths, idf))
    admitted = [rows & (scores > 0) for rows in _admitted(columns, plan, among)]
    best = np.concatenate([_best(columns, scores, rows, count) for rows in admitted])
    ranked = sorted(best.tolist(), key=lambda row: (-scores[row], columns.ids[row]))
    return np.array(ranked, np.intp)


def _all(columns: ColumnCache) -> slice:
    return slice(0, len(columns))


def _admitted(columns: ColumnCache, plan: SearchPlan, among: Mask | None) -> list[Mask]:
    """Rows of each status that is asked for, as the index is asked for each by itself."""
    status = columns.statuses(_all(columns), plan.moment_ms)
    codes = [ACTIVE, DECAYED] if "decayed" in plan.statuses else [ACTIVE]
    then = np.ones(len(columns), np.bool_) if among is None else among
    if plan.query.as_of is not None:
        then = then & (columns.column("created_ms", _all(columns)) <= plan.query.as_of)
    if not plan.query.include_decayed:
        then = then & ~columns.expired(_all(columns), plan.moment_ms)
    return [(status == code) & then for code in codes]


def _best(columns: ColumnCache, scores: FloatArray, admitted: np.ndarray, count: int) -> IntArray:
    """Rows with the highest scores, in no order; of equal ones those whose ids come first.

    Not `argpartition`: which of equal scores it keeps depends on the processor, and the numbers of
    rows depend on what was read first.
    """
    rows = np.flatnonzero(admitted)
    if len(rows) <= count:
        return rows
    least = np.partition(scores[rows], -count)[-count]
    above, equal = rows[scores[rows] > least], rows[scores[rows] == least]
    kept = sorted(equal.tolist(), key=columns.ids.__getitem__)[: count - len(above)]
    return np.concatenate([above, np.array(kept, np.intp)])
