"""Partial matching P: how well a memory fits the cue."""

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray


def cosine_similarity(query: NDArray[np.float16], vectors: NDArray[np.float16]) -> FloatArray:
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
