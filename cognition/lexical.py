"""Lexical match: how much the words of a memory say that it is the one asked for (BM25).

What a query finds in some memories comes flat: one entry per (memory, term) that occurs, so that
one numpy pass serves a whole candidate set. A BM25 score is a sum of log odds weights, so it adds
to the rest of the activation in nats, times a weight.
"""

from dataclasses import dataclass

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange

SATURATION = 1.5  # k1: how fast a repeated word stops adding
LENGTH_NORMALISATION = 0.75  # b: how much of a long memory's words is taken as verbosity
FLOOR_SHARE = 0.25
# Memories beside those of the namespace that hold none of its words: in a new namespace a word that
# all memories hold is as rare as words are.
BACKGROUND_MEMORIES = 100.0
# Of BM25: the words of one long question repeat each other's evidence.
BM25_MAX = 25.0
# Terms with which a text says neither that it holds an answer nor that it does not.
NEUTRAL_TERMS = 10.0
# With these it is long enough.
ENOUGH_TERMS = 30.0
LENGTH_EVIDENCE_MIN = -1.0


@dataclass(frozen=True, kw_only=True)
class Matches:
    """Places of a query's terms in memories: flat arrays, shape (entries,) each.

    Args:
        memory: row of the memory, 0 <= memory < memories.
        term: index of the query's distinct term.
        count: how often the term stands in the memory, > 0.
        memories: number of rows; those without an entry hold no term of the query.
        terms: number of the query's distinct terms, known ones or not.
    """

    memory: IntArray
    term: IntArray
    count: FloatArray
    memories: int
    terms: int


def inverse_document_frequency(frequencies: FloatArray, memories: int) -> FloatArray:
    """Weight of each term: the log odds that a memory with it is the one asked for.

    idf = max(ln((M - df + .5) / (df + .5)), .25 ln(1 + M / 2.5)), M = N + 100: a namespace is a
    sample, and what the first memory of one holds is not therefore in every other.

    The floor keeps a term of every second memory from counting against those that hold it. It is
    a quarter of the mean idf of a namespace, put as a function of N alone, so that a term's weight
    depends neither on the rest of the query nor on the rest of the vocabulary: most words of a
    text occur in one or two memories, and 1 + N / 2.5 is about what the odds of those are
    (measured in three conversations of 360 to 420 memories: 1.21, 1.17, 1.20 for the quarter of
    the mean, 1.28, 1.25, 1.25 for this). A maximum, so that a rarer term never weighs less.

    Args:
        frequencies: df, memories of the namespace that hold the term; shape (terms,).
        memories: N, memories of the namespace; no less than any frequency.

    Returns:
        Shape (terms,), nats, above 0.

    Raises:
        ParameterOutOfRange: a frequency is negative or above N.

    Source: Robertson & Zaragoza (2009), Foundations and Trends in Information Retrieval 3:333,
    equation 3.3 without relevance information; the floor of negative weights is ours.

    >>> inverse_document_frequency(np.array([1.0, 10.0, 90.0]), 100).round(3).tolist()
    [4.89, 2.898, 1.099]
    """
    if np.any((frequencies < 0) | (frequencies > memories)):
        raise ParameterOutOfRange(f"document frequencies must be from 0 to {memories}")
    others = memories + BACKGROUND_MEMORIES
    odds = np.log((others - frequencies + 0.5) / (frequencies + 0.5))
    floor = FLOOR_SHARE * np.log1p(others / 2.5)
    weights: FloatArray = np.maximum(odds, floor)
    return weights


def relative_lengths(lengths: FloatArray, mean_length: float) -> FloatArray:
    """L_i / Lmean: the length of each memory against the mean of its namespace.

    Args:
        lengths: L, terms of each memory, shape (memories,); 0 counts as half a term.
        mean_length: Lmean; 0 or less: nothing is known, all are 1.

    Returns:
        Shape (memories,), above 0.

    Source: Robertson & Zaragoza (2009), equation 3.14.

    >>> relative_lengths(np.array([0.0, 8.0, 24.0]), 16.0).tolist()
    [0.03125, 0.5, 1.5]
    """
    if mean_length <= 0:
        return np.ones(len(lengths))
    relative: FloatArray = np.maximum(lengths, 0.5) / mean_length
    return relative


def term_contributions(
    matches: Matches,
    lengths: FloatArray,
    idf: FloatArray,
    *,
    saturation: float = SATURATION,
    length_normalisation: float = LENGTH_NORMALISATION,
) -> FloatArray:
    """The addition of each term that occurs to its memory's BM25 score.

    idf_t c (k1 + 1) / (c + k1 (1 - b + b x_i)), c the count of t in i, x its relative length.

    Args:
        matches: where the terms stand.
        lengths: of `relative_lengths`, shape (memories,).
        idf: weight of each term of the query, shape (terms,).
        saturation: k1, > 0.
        length_normalisation: b, 0 to 1.

    Returns:
        Shape (entries,), above 0 where idf is.

    Raises:
        ParameterOutOfRange: k1 or b is out of its range.

    Source: Robertson & Zaragoza (2009), equation 3.15, with the factor k1 + 1.

    >>> found = Matches(memory=np.array([0, 1]), term=np.array([0, 0]),
    ...                 count=np.array([1.0, 2.0]), memories=2, terms=1)
    >>> term_contributions(found, np.ones(2), np.array([2.0])).round(4).tolist()
    [2.0, 2.8571]
    """
    if saturation <= 0 or not 0 <= length_normalisation <= 1:
        raise ParameterOutOfRange("k1 must be above 0 and b from 0 to 1")
    norm = saturation * (1.0 - length_normalisation + length_normalisation * lengths)
    strength = matches.count * (saturation + 1.0) / (matches.count + norm[matches.memory])
    contributions: FloatArray = idf[matches.term] * strength
    return contributions


def bm25(matches: Matches, contributions: FloatArray) -> FloatArray:
    """BM25 of each memory: the sum of what its terms contribute.

    Args:
        matches: where the terms stand.
        contributions: of `term_contributions`, shape (entries,).

    Returns:
        Shape (memories,), 0 where no term of the query occurs.

    Source: Robertson & Zaragoza (2009), equation 3.15.

    >>> found = Matches(memory=np.array([0, 2, 2]), term=np.array([0, 0, 1]),
    ...                 count=np.ones(3), memories=3, terms=2)
    >>> bm25(found, np.array([1.5, 1.0, 0.5])).tolist()
    [1.5, 0.0, 1.5]
    """
    scores = np.bincount(matches.memory, weights=contributions, minlength=matches.memories)
    return scores.astype(np.float64)  # without entries bincount gives whole numbers


def bounded(scores: FloatArray) -> FloatArray:
    """BM25 as evidence: as it is where it is small, at most BM25_MAX.

    25 tanh(s / 25): a long question shares many words with every long text of its subject, and
    what they say together is less than their sum.

    Args:
        scores: s, of `bm25`, any shape.

    Returns:
        The same shape.

    Source: ours; with it the log odds that a memory is needed are linear in the activation, see
    docs/reference/quality.md.

    >>> bounded(np.array([0.0, 5.0, 25.0, 100.0])).round(2).tolist()
    [0.0, 4.93, 19.04, 24.98]
    """
    bound: FloatArray = BM25_MAX * np.tanh(scores / BM25_MAX)
    return bound


def length_evidence(lengths: FloatArray) -> FloatArray:
    """The evidence in the length of a memory alone: "Thanks, bye!" holds no answers.

    max(ln(2 L / (L + 10)), -1), L the terms, 30 at most: 0 at ten, and from -1 to ln 1.5. In terms,
    not against the mean of the namespace: what else is stored must not hide a short fact, and a
    text that is long enough for a statement wins nothing by being longer.

    Args:
        lengths: L, terms of each memory, shape (memories,).

    Returns:
        Shape (memories,), nats.

    Source: the scope hypothesis of Robertson & Walker (1994), SIGIR, as a log odds with bounds.

    >>> length_evidence(np.array([0.0, 5.0, 10.0, 1000.0])).round(3).tolist()
    [-1.0, -0.405, 0.0, 0.405]
    """
    enough = np.minimum(lengths, ENOUGH_TERMS)
    with np.errstate(divide="ignore"):
        evidence = np.log(2.0 * enough / (enough + NEUTRAL_TERMS))
    least: FloatArray = np.maximum(evidence, LENGTH_EVIDENCE_MIN)
    return least
