"""Candidates out of a table that holds its namespace whole, as the index would find them."""

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.lexical import (
    bm25,
    inverse_document_frequency,
    relative_lengths,
    term_contributions,
)
from services.readside.columns import ACTIVE, DECAYED
from services.retrieval.search.column_cache import Table
from services.retrieval.search.plan import Question, Statistics


def nearest(table: Table, question: Question, cosines: FloatArray, count: int) -> IntArray:
    """Rows with the highest of all rows' cosines, at most `count` of a status, in no order."""
    each = [_best(cosines, admitted, count) for admitted in _admitted(table, question)]
    return np.concatenate(each)


def matching(table: Table, question: Question, statistics: Statistics, count: int) -> IntArray:
    """Rows with the best words, the best first, at most `count` of a status."""
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
    each = [
        _best(scores, admitted & (scores > 0), count) for admitted in _admitted(table, question)
    ]
    best = np.concatenate(each)
    ranked: IntArray = best[np.argsort(-scores[best], kind="stable")]
    return ranked


def _all(table: Table) -> slice:
    return slice(0, len(table))


def _admitted(table: Table, question: Question) -> list[np.ndarray]:
    """Rows of each status that is asked for, as the index is asked for each by itself."""
    status = table.column("status", _all(table))
    codes = [ACTIVE, DECAYED] if "decayed" in question.statuses else [ACTIVE]
    then = np.ones(len(table), np.bool_)
    if question.as_of_ms is not None:
        then = table.column("created_ms", _all(table)) <= question.as_of_ms
    return [(status == code) & then for code in codes]


def _best(scores: FloatArray, admitted: np.ndarray, count: int) -> IntArray:
    rows = np.flatnonzero(admitted)
    if len(rows) <= count:
        return rows
    best: IntArray = rows[np.argpartition(-scores[rows], count - 1)[:count]]
    return best
