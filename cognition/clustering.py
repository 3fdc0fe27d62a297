"""Clusters of similar episodes, and what stands for each: the ground of a semantic fact."""

from collections import Counter
from collections.abc import Sequence
from math import log

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange

NEIGHBOURS = 10
COSINE_MIN = 0.6
SIZE_MIN, SIZE_MAX = 3, 30
# Chains of neighbours that grow beyond SIZE_MAX are cut by raising the floor in such steps.
FLOOR_STEP = 0.05
ROWS_AT_ONCE = 512


def mutual_clusters(
    vectors: FloatArray,
    *,
    neighbours: int = NEIGHBOURS,
    cosine_min: float = COSINE_MIN,
    size_min: int = SIZE_MIN,
    size_max: int = SIZE_MAX,
) -> list[list[int]]:
    """Groups of vectors that are each other's near neighbours.

    Two are joined if each is among the other's k nearest and their cosine is at least the floor; a
    cluster is a connected component. One that is too large is split by a higher floor.

    Args:
        vectors: of length 1, shape (memories, dimension).
        neighbours: k.
        cosine_min: the floor, -1 to 1.
        size_min: smaller components are no clusters.
        size_max: larger ones are split.

    Returns:
        Rows of each cluster, ascending; clusters by their first row.

    Raises:
        ParameterOutOfRange: k or the smallest size is below 1, or the largest below the smallest.

    Source: Brito et al. (1997), Statistics & Probability Letters 35:33, the mutual k-nearest-
    neighbour graph. Differs: the floor.

    >>> unit = np.array([[1.0, 0.0], [0.8, 0.6], [0.96, 0.28], [0.0, -1.0]])
    >>> mutual_clusters(unit)
    [[0, 1, 2]]
    """
    if min(neighbours, size_min) < 1 or size_max < size_min:
        raise ParameterOutOfRange(
            f"need k >= 1, 1 <= size_min <= size_max, got {neighbours}, {size_min}, {size_max}"
        )
    pairs, cosines = _mutual_pairs(vectors, neighbours)
    clusters: list[list[int]] = []
    waiting = [(cosine_min, np.arange(len(vectors)))]
    while waiting:
        floor, rows = waiting.pop()
        inside = np.zeros(len(vectors), np.bool_)
        inside[rows] = True
        kept = pairs[(cosines >= floor) & inside[pairs[:, 0]] & inside[pairs[:, 1]]]
        for component in _components(rows, kept):
            if len(component) > size_max and floor < 1:
                waiting.append((floor + FLOOR_STEP, np.array(component, np.intp)))
            elif size_min <= len(component) <= size_max:
                clusters.append(component)
    return sorted(clusters)


def medoid(vectors: FloatArray) -> int:
    """The member nearest to all others.

    argmax_i sum_j v_i . v_j; the first of equals.

    Args:
        vectors: of length 1, shape (members, dimension), at least one.

    Returns:
        Its row.

    Source: Kaufman & Rousseeuw (1987), Clustering by means of medoids.

    >>> medoid(np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]))
    1
    """
    return int(np.argmax(vectors @ vectors.sum(axis=0)))


def key_terms(
    documents: Sequence[Sequence[str]],
    *,
    document_frequencies: Counter[str] | None = None,
    total: int = 0,
    count: int = 5,
) -> list[str]:
    """The terms that a cluster has in common and others have not.

    Ranked by the number of members with the term times ln((1 + N) / (1 + df)), of those at least
    half of the members have.

    Args:
        documents: terms of each member.
        document_frequencies: df, in how many of all documents a term occurs; without, none does.
        total: N, how many documents there are in all.
        count: at most so many.

    Returns:
        Terms, the best first; of equals in the order of the alphabet.

    Source: Spärck Jones (1972), Journal of Documentation 28:11, the inverse document frequency.

    >>> key_terms([["tea", "hot"], ["tea", "cold"], ["tea", "hot"]], count=2)
    ['tea', 'hot']
    """
    held = Counter(term for document in documents for term in set(document))
    known = document_frequencies or Counter()
    often = [term for term, members in held.items() if 2 * members >= len(documents)]
    worth = {term: held[term] * log((2 + total) / (1 + known[term])) for term in often}
    return sorted(often, key=lambda term: (-worth[term], term))[:count]


def _mutual_pairs(vectors: FloatArray, neighbours: int) -> tuple[IntArray, FloatArray]:
    """Pairs (i < j), each among the other's nearest, and their cosines; in slices, not at once."""
    size = len(vectors)
    k = min(neighbours, size - 1)
    if k < 1:
        return np.zeros((0, 2), np.intp), np.zeros(0)
    nearest = np.zeros((size, k), np.intp)
    similar = np.zeros((size, k))
    for start in range(0, size, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, size))
        cosines = vectors[rows] @ vectors.T
        cosines[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        nearest[rows], similar[rows] = best, np.take_along_axis(cosines, best, axis=1)
    one, other = np.repeat(np.arange(size), k), nearest.ravel()
    keys, back = one * size + other, other * size + one
    mutual = np.isin(keys, back) & (one < other)
    return np.stack([one[mutual], other[mutual]], axis=1), similar.ravel()[mutual]


def _components(rows: IntArray, pairs: IntArray) -> list[list[int]]:
    """Connected components, each ascending."""
    parent = {int(row): int(row) for row in rows}

    def _root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs.tolist():
        low, high = sorted((_root(one), _root(other)))
        parent[high] = low
    groups: dict[int, list[int]] = {}
    for row in sorted(parent):
        groups.setdefault(_root(row), []).append(row)
    return list(groups.values())
