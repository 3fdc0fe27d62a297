"""Context in time: what was said just before and after a memory also says what it is about.

An answer seldom repeats the words of its question ("Which instrument?" - "The violin, since I was
six"). So a query's word also counts for a memory if it stands nearby in the same session, and the
vector of a memory is compared together with those beside it.

`neighbours` holds rows, shape (memories, distances), -1 where there is none (the border of the
session, or not visible at the moment asked about). Its columns are those of OFFSETS.
"""

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from cognition.lexical import Matches

# Evidence runs forward: what comes before says more than what comes after (the forward asymmetry
# of free recall). Each share moved by .1 to .2 by itself changes recall@10 by less than .008.
OFFSETS = (-1, 1, -2, 2)
WORD_SHARES = np.array([0.9, 0.6, 0.6, 0.4])
# A text says the less of what it is about by itself, the shorter it is; a long one is complete. The
# length in terms up to which words of neighbours count in full, and the numbers of VECTOR_SHARE /
# (length + VECTOR_TERMS): a quarter beside a turn of 22 terms.
COMPLETE_TERMS = 40.0
VECTOR_SHARE, VECTOR_TERMS = 8.0, 10.0
# Bounds the memory that a query of thousands of words takes.
BLOCK_TERMS = 64


def word_shares(lengths: FloatArray) -> FloatArray:
    """The worth of a term in each neighbour of a memory, by the memory's own length.

    min(1, 40 / L) of WORD_SHARES.

    Args:
        lengths: L, terms of each memory, shape (memories,).

    Returns:
        Shape (memories, distances), 0 to 1.

    Source: ours; measured in docs/reference/quality.md.

    >>> word_shares(np.array([10.0, 80.0])).tolist()
    [[0.9, 0.6, 0.6, 0.4], [0.45, 0.3, 0.3, 0.2]]
    """
    openness = np.minimum(1.0, COMPLETE_TERMS / np.maximum(lengths, 1.0))
    return np.outer(openness, WORD_SHARES)


def vector_share(lengths: FloatArray) -> FloatArray:
    """The weight of the vector of each neighbour beside a memory's own: 8 / (L + 10).

    Args:
        lengths: L, terms of each memory, shape (memories,).

    Returns:
        Shape (memories,), 0 to .8.

    Source: ours; measured in docs/reference/quality.md.

    >>> vector_share(np.array([0.0, 22.0, 390.0])).tolist()
    [0.8, 0.25, 0.02]
    """
    share: FloatArray = VECTOR_SHARE / (lengths + VECTOR_TERMS)
    return share


def bm25_in_context(
    matches: Matches,
    contributions: FloatArray,
    neighbours: IntArray,
    *,
    shares: FloatArray = WORD_SHARES,
) -> FloatArray:
    """BM25 of each memory with what its neighbours hold: each term counts once, where it is best.

    sum_t max(c_ti, max_k share_k c_t(i+k)), c what a term contributes by itself. The maximum, not
    the sum: a name that stands in five turns running is one piece of evidence (recall@10 .868
    against .843 for the best of three sums).

    Args:
        matches: where the query's terms stand; rows of neighbours included.
        contributions: of `cognition.lexical.term_contributions`, shape (entries,).
        neighbours: rows, shape (first, distances), of the first memories of `matches`, -1 for
            none; those behind are only neighbours.
        shares: what a term in each neighbour is worth, shape (distances,) or (first, distances),
            0 to 1.

    Returns:
        Shape (first,), never below BM25 by itself.

    Source: Howard & Kahana (2002), Journal of Mathematical Psychology 46:269, temporal contiguity;
    the maximum is ours, as over paths in spreading activation.

    >>> found = Matches(memory=np.array([0, 0, 1]), term=np.array([0, 1, 1]),
    ...                 count=np.ones(3), memories=2, terms=2)
    >>> beside = np.array([[-1], [0]])
    >>> bm25_in_context(found, np.array([2.0, 1.0, 1.0]), beside, shares=np.array([0.9])).tolist()
    [3.0, 2.8]
    """
    total = np.zeros(len(neighbours))
    if shares.ndim == 1:
        shares = np.broadcast_to(shares, neighbours.shape)
    for first in range(0, matches.terms, BLOCK_TERMS):
        best = _terms_in_context(matches, contributions, neighbours, (first, shares))
        total += best.sum(axis=1)
    return total


def _terms_in_context(
    matches: Matches,
    contributions: FloatArray,
    neighbours: IntArray,
    block: tuple[int, FloatArray],
) -> FloatArray:
    first, shares = block
    size = min(BLOCK_TERMS, matches.terms - first)
    # The last row is nobody's: -1 points at it.
    own = np.zeros((matches.memories + 1, size))
    inside = (matches.term >= first) & (matches.term < first + size)
    own[matches.memory[inside], matches.term[inside] - first] = contributions[inside]
    best = own[: len(neighbours)].copy()
    for rows, share in zip(neighbours.T, shares.T, strict=True):
        np.maximum(best, share[:, np.newaxis] * own[rows], out=best)
    return best


def term_contributions_in_context(
    matches: Matches,
    contributions: FloatArray,
    neighbours: IntArray,
    *,
    row: int,
    shares: FloatArray = WORD_SHARES,
) -> FloatArray:
    """The parts of one memory's `bm25_in_context`, by term: what an explanation shows.

    Args:
        matches, contributions, neighbours: as of `bm25_in_context`.
        row: of the memory.
        shares: what a term in each of its neighbours is worth, shape (distances,).

    Returns:
        Shape (terms,); adds up to the memory's score.

    Source: as of `bm25_in_context`.

    >>> found = Matches(memory=np.array([0, 0, 1]), term=np.array([0, 1, 1]),
    ...                 count=np.ones(3), memories=2, terms=2)
    >>> beside = np.array([[-1], [0]])
    >>> term_contributions_in_context(
    ...     found, np.array([2.0, 1.0, 1.0]), beside, row=1, shares=np.array([0.9])
    ... ).tolist()
    [1.8, 1.0]
    """
    best = np.zeros(matches.terms)
    for neighbour, share in [(row, 1.0), *zip(neighbours[row], shares, strict=True)]:
        entries = np.flatnonzero(matches.memory == neighbour)
        np.maximum.at(best, matches.term[entries], share * contributions[entries])
    return best


def cosines_in_context(
    query: NDArray[np.float16],
    vectors: NDArray[np.floating],
    neighbours: IntArray,
    *,
    shares: FloatArray,
) -> FloatArray:
    """Cosine of a query vector and each memory's vector in its context.

    cos(q, c_i), c_i = v_i/|v_i| + sum_k share_k v_(i+k)/|v_(i+k)|.

    Args:
        query: shape (dimension,), as for `cognition.matching.cosine_similarity`.
        vectors: shape (memories, dimension), neighbours' rows included; a zero vector says nothing.
        neighbours: rows, shape (memories, distances), -1 for none.
        shares: weight of each neighbour, shape (distances,) or (memories, distances).

    Returns:
        Shape (memories,), -1 to 1; without neighbours the cosine itself.

    Source: Howard & Kahana (2002), context as a weighted sum of what came up around the item.

    >>> vectors = np.array([[1, 0], [0, 1]], np.float16)
    >>> beside = np.array([[-1], [0]])
    >>> cue = np.array([1, 0], np.float16)
    >>> cosines_in_context(cue, vectors, beside, shares=np.array([0.75])).round(4).tolist()
    [1.0, 0.6]
    """
    unit = np.zeros((len(vectors) + 1, vectors.shape[1]), np.float32)  # the last row: nobody's
    unit[:-1] = _unit(vectors)
    context = unit[:-1].copy()
    each = np.broadcast_to(shares, neighbours.shape).astype(np.float32)
    for rows, share in zip(neighbours.T, each.T, strict=True):
        context += share[:, np.newaxis] * unit[rows]
    # einsum, not BLAS: a row's result must not depend on how many rows there are.
    dots = np.einsum("ij,j->i", _unit(context), _unit(query[np.newaxis])[0])
    cosines: FloatArray = np.clip(dots.astype(np.float64), -1.0, 1.0)
    return cosines


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    wide = vectors.astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    norms[norms == 0] = np.inf
    unit: NDArray[np.float32] = wide / norms[:, np.newaxis]
    return unit


def cosine_in_context(
    own: FloatArray,
    beside: tuple[FloatArray, FloatArray],
    *,
    with_neighbours: tuple[FloatArray, FloatArray],
    between: FloatArray,
    share: FloatArray | float,
) -> FloatArray:
    """Cosine of a query and each memory's vector in its context, from cosines that are known.

    cos(q, c_i), c_i = u_i + share (u_(i-1) + u_(i+1)), u the vectors at length 1: only the cosines
    with the query are new for each query, the others belong to the memories.

    Args:
        own: cosines of the query and each memory, shape (memories,).
        beside: of the query and the memories before and after, shape (memories,) each; NaN where
            there is none.
        with_neighbours: of each memory and those before and after; 0 where there is none.
        between: of the two neighbours; 0 where one is missing.
        share: weight of each neighbour, shape (memories,) or one for all.

    Returns:
        Shape (memories,), -1 to 1; without neighbours `own`.

    Source: Howard & Kahana (2002), context as a weighted sum of what came up around the item.

    >>> zero, nobody = np.zeros(1), np.full(1, np.nan)
    >>> cosine_in_context(
    ...     zero, (np.ones(1), nobody), with_neighbours=(zero, zero), between=zero, share=0.75
    ... ).round(4).tolist()
    [0.6]
    """
    first, last = np.isnan(beside[0]), np.isnan(beside[1])
    there = 2.0 - first - last
    before, after = np.where(first, 0.0, beside[0]), np.where(last, 0.0, beside[1])
    squares = (
        1.0
        + share**2 * there
        + 2 * share * (with_neighbours[0] + with_neighbours[1])
        + 2 * share**2 * between
    )
    cosines: FloatArray = np.clip((own + share * (before + after)) / np.sqrt(squares), -1.0, 1.0)
    return cosines
