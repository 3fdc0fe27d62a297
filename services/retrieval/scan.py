"""Candidates out of a table that holds its namespace whole, as the index would find them."""

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.lexical import (
    bm25,
    inverse_document_frequency,
    relative_lengths,
    term_contributions,
)
from services.common.memories import ACTIVE, DECAYED
from services.retrieval.question import Question, Statistics
from services.retrieval.table import Table


def nearest(table: Table, question: Question, cosines: FloatArray, count: int) -> IntArray:
    """Rows with the highest of all rows' cosines, at most `count`, in no order."""
    return _best(cosines, _admitted(table, question), count)


def matching(table: Table, question: Question, statistics: Statistics, count: int) -> IntArray:
    """Rows with the best words, the best first, at most `count`."""
    if question.overrides.lexical_weight == 0 or not question.terms:
        return np.zeros(0, np.intp)
    lengths = relative_lengths(
        table.column("length", _all(table)).astype(np.float64),
        statistics.length / max(1, statistics.memories),
    )
    idf = inverse_document_frequency(
        np.minimum(statistics.frequencies, statistics.memories), statistics.memories
    )
    matches = table.matches(question.terms, np.arange(len(table)))
    scores = bm25(matches, term_contributions(matches, lengths, idf))
    best = _best(scores, _admitted(table, question) & (scores > 0), count)
    ranked: IntArray = best[np.argsort(-scores[best], kind="stable")]
    return ranked


def _all(table: Table) -> slice:
    return slice(0, len(table))


def _admitted(table: Table, question: Question) -> np.ndarray:
    status = table.column("status", _all(table))
    admitted: np.ndarray = status == ACTIVE
    if "decayed" in question.statuses:
        admitted |= status == DECAYED
    if question.as_of_ms is not None:
        admitted &= table.column("created_ms", _all(table)) <= question.as_of_ms
    return admitted


def _best(scores: FloatArray, admitted: np.ndarray, count: int) -> IntArray:
    rows = np.flatnonzero(admitted)
    if len(rows) <= count:
        return rows
    best: IntArray = rows[np.argpartition(-scores[rows], count - 1)[:count]]
    return best
