"""Partial matching P: how well a memory fits the cue."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange

# Of the memories that answer a question about a time, so many are from then; and the evidence that
# a memory is from then is at most so many nats, however few others are.
FROM_THEN = 0.8
TIME_NATS_MAX = 3.0
# What happened is told soon after: a memory later by a quarter of the time asked about, or by these
# at least and at most, counts 1 / e.
TOLD_LATER_MS = (3 * 86_400_000, 30 * 86_400_000)


def cosine_similarity(query: NDArray[np.float16], vectors: NDArray[np.floating]) -> FloatArray:
    """Cosine of a query vector and each memory's vector, both as stored.

    Args:
        query: shape (dimension,), rounded to float16 like the stored vectors, so that the way a
            candidate was found never changes its score.
        vectors: shape (memories, dimension); a zero vector has similarity 0 to everything.

    Returns:
        Shape (memories,), -1 to 1.

    Source: the usual definition, cos = q v / (|q| |v|).

    >>> query, other = np.array([3, 4], np.float16), np.array([4, 3], np.float16)
    >>> cosine_similarity(query, np.stack([query, other])).round(2).tolist()
    [1.0, 0.96]
    """
    wide = vectors.astype(np.float32)
    cue = query.astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide)) * np.sqrt(cue @ cue)
    # einsum, not BLAS: a row's result must not depend on how many rows there are.
    dots = np.einsum("ij,j->i", wide, cue)
    norms[norms == 0] = np.inf
    cosines: FloatArray = np.clip((dots / norms).astype(np.float64), -1.0, 1.0)
    return cosines


def cosine_match(cosines: FloatArray, *, weight: float, neutral: float) -> FloatArray:
    """Partial matching from embeddings, as a log likelihood ratio.

    P = kappa (cos - c0): with the cosines of needed memories N(mu1, sd) and of others N(mu0, sd),
    kappa = (mu1 - mu0) / sd^2 and c0 = (mu0 + mu1) / 2. Up to a constant it is ACT-R's partial
    matching with M = cos - 1 and mismatch penalty kappa.

    Args:
        cosines: shape (memories,).
        weight: kappa, nats.
        neutral: c0, the cosine that says nothing either way.

    Returns:
        Shape (memories,), nats.

    Source: Anderson et al. (2004), equation 4; Anderson (1990), The Adaptive Character of Thought.

    >>> cosine_match(np.array([0.6]), weight=13.33, neutral=0.35).round(2).tolist()
    [3.33]
    """
    return weight * (cosines - neutral)


def evidence_match(
    cosines: FloatArray,
    bm25: FloatArray,
    *,
    cosine_weight: float,
    lexical_weight: float,
    neutral: float,
) -> FloatArray:
    """Partial matching from meaning and words together, as a log likelihood ratio.

    P = kappa_cos (cos - c0) + kappa_bm25 bm25: BM25 is a sum of log odds weights already, so it
    enters linearly too; no normalisation per query, or nothing would be left of "fits badly".

    Args:
        cosines: shape (memories,).
        bm25: shape (memories,); 0 where no word is shared.
        cosine_weight: kappa_cos, nats.
        lexical_weight: kappa_bm25, nats per unit of BM25; fitted for one form of BM25.
        neutral: c0, the cosine that says nothing either way.

    Returns:
        Shape (memories,), nats.

    Source: Anderson et al. (2004), equation 4; Robertson & Zaragoza (2009), The Probabilistic
    Relevance Framework.

    >>> evidence_match(
    ...     np.array([0.6, 0.6]), np.array([0.0, 4.0]), cosine_weight=15.0, lexical_weight=0.74,
    ...     neutral=0.3,
    ... ).round(2).tolist()
    [4.5, 7.46]
    """
    return cosine_match(cosines, weight=cosine_weight, neutral=neutral) + lexical_weight * bm25


def time_evidence(times_ms: IntArray, spans: Sequence[tuple[int, int]]) -> FloatArray:
    """Evidence of when memories are from, for a question about a time, as a log likelihood ratio.

    T = n min(ln(q / p), 3): n is 1 for a memory from then and e^(-x / l) for one told x after,
    q the share of those needed that are from then, p that of all, from the mean of n. So a time
    that most memories are from says nothing. Nothing is taken from memories of other times:
    questions err in their times, and what is told today may have happened long ago.

    Args:
        times_ms: when each memory is from, shape (memories,).
        spans: the times asked about, from the first number on and before the second; one or more.

    Returns:
        Shape (memories,), nats, 0 to TIME_NATS_MAX.

    Source: Anderson (1990), The Adaptive Character of Thought, for evidence as log odds; the form
    is our own.

    >>> days = np.array([0, 5, 9, 60]) * 86_400_000
    >>> time_evidence(days, [(days[1], days[1] + 86_400_000)]).round(2).tolist()
    [0.0, 0.71, 0.26, 0.0]
    """
    near = np.zeros(len(times_ms))
    for begins_ms, ends_ms in spans:
        late = np.maximum(times_ms - float(ends_ms - 1), 0.0)
        told = np.exp(-late / float(np.clip((ends_ms - begins_ms) / 4, *TOLD_LATER_MS)))
        near = np.maximum(near, np.where(times_ms >= begins_ms, told, 0.0))
    share = (near.sum() + 1.0) / (len(near) + 2.0)
    evidence: FloatArray = near * min(max(np.log(FROM_THEN / share), 0.0), TIME_NATS_MAX)
    return evidence


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The constants that turn a cosine into nats.

    Args:
        weight: kappa, nats per unit of cosine.
        neutral: c0, the cosine that says nothing either way.
    """

    weight: float
    neutral: float


def cosine_calibration(needed_mean: float, other_mean: float, *, deviation: float) -> Calibration:
    """Weight and neutral point of the cosine from how it is distributed.

    kappa = (mu1 - mu0) / sd^2, c0 = (mu0 + mu1) / 2, both groups normal with the same deviation.

    Args:
        needed_mean: mu1, mean cosine of memories that were needed.
        other_mean: mu0, of the others.
        deviation: sd of either.

    Returns:
        Arguments of `cosine_match`.

    Raises:
        ParameterOutOfRange: the deviation is not positive.

    Source: the log ratio of two normal densities; Anderson (1990), The Adaptive Character of
    Thought, for its place in activation.

    >>> calibration = cosine_calibration(0.5, 0.2, deviation=0.15)
    >>> round(calibration.weight, 2), calibration.neutral
    (13.33, 0.35)
    """
    if deviation <= 0:
        raise ParameterOutOfRange(f"need deviation > 0, got {deviation}")
    return Calibration(
        weight=(needed_mean - other_mean) / deviation**2, neutral=(needed_mean + other_mean) / 2
    )


def partial_match(
    similarities: FloatArray, *, mismatch_penalty: float, negated: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Canonical partial matching over the slots of a request.

    P_i = mp sum_k M_ki. A negated slot ("is not") counts -1 if the values are identical, else 0.

    Args:
        similarities: M, -1 (nothing in common) to 0 (identical), shape (memories, slots).
        mismatch_penalty: mp, nats.
        negated: which slots are negated, shape (slots,); none if left out.

    Returns:
        Shape (memories,), nats, at most 0.

    Raises:
        ParameterOutOfRange: a similarity is not between -1 and 0.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 4; ACT-R 7 manual,
    `:mp`.

    >>> partial_match(np.array([[-1.0, -0.7], [0.0, 0.0]]), mismatch_penalty=1.0).tolist()
    [-1.7, 0.0]
    """
    if np.any((similarities < -1) | (similarities > 0)):
        raise ParameterOutOfRange(f"need similarities from -1 to 0, got {similarities.tolist()}")
    terms = np.asarray(similarities, np.float64)
    if negated is not None:
        terms = np.where(negated, np.where(terms == 0, -1.0, 0.0), terms)
    # + 0.0: a product with nothing in it would be -0.0.
    sums: FloatArray = mismatch_penalty * terms.sum(axis=1) + 0.0
    return sums
