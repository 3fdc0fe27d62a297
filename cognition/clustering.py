"""Clusters of similar episodes, and what stands for each: the ground of a semantic fact."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange

# Chains of neighbours that grow too large are cut by raising the floor in such steps.
FLOOR_STEP = 0.05
ROWS_AT_ONCE = 512
# What one session says within three hours of saying something else is said on one occasion: until
# then a base level has hardly begun to fall (its onset is 3 h 15 min).
OCCASION_GAP_SECONDS = 3 * 3_600.0


@dataclass(frozen=True)
class ClusterRule:
    """When episodes are a cluster.

    Args:
        neighbours: k, each must be among the other's k nearest.
        cosine_min: the floor of the similarity, -1 to 1.
        occasions_min: so many occasions, at least, that the episodes come from.
        size_max: so many episodes, at most.
        context_weight: how much of the cosine a context that has changed altogether takes away.
        context_seconds: the time in which the context has changed by 1 - 1/e.

    Raises:
        ParameterOutOfRange: k, a size or the time is not positive, the largest size is below the
            number of occasions, or the weight is negative.
    """

    neighbours: int = 10
    cosine_min: float = 0.6
    occasions_min: int = 3
    size_max: int = 30
    context_weight: float = 0.2
    context_seconds: float = 7 * 86_400.0

    def __post_init__(self) -> None:
        if min(self.neighbours, self.occasions_min) < 1 or self.size_max < self.occasions_min:
            raise ParameterOutOfRange(f"need k >= 1, 1 <= occasions_min <= size_max, got {self}")
        if self.context_weight < 0 or not self.context_seconds > 0:
            raise ParameterOutOfRange(f"need a weight >= 0 and a time above 0, got {self}")


def context_similarity(
    gaps_seconds: FloatArray, *, context_seconds: float = ClusterRule.context_seconds
) -> FloatArray:
    """How much of the context of one moment is left at another.

    c = exp(-|t_i - t_j| / T): context drifts, so it falls by the same share in equal times.

    Args:
        gaps_seconds: time between the two, of either sign, any shape.
        context_seconds: T, above 0.

    Returns:
        0 to 1, the same shape.

    Raises:
        ParameterOutOfRange: T is not above 0.

    Source: Howard & Kahana (2002), Journal of Mathematical Psychology 46:269, the temporal context
    model: the similarity of contexts falls as rho^lag. Differs: lag is time, not a count of items.

    >>> context_similarity(np.array([0.0, -86_400.0])).round(3).tolist()
    [1.0, 0.867]
    """
    if not context_seconds > 0:
        raise ParameterOutOfRange(f"need context_seconds > 0, got {context_seconds}")
    similar: FloatArray = np.exp(-np.abs(gaps_seconds) / context_seconds)
    return similar


def occasions(
    seconds: FloatArray,
    sessions: Sequence[str | None],
    *,
    gap_seconds: float = OCCASION_GAP_SECONDS,
) -> IntArray:
    """Which occasion each episode belongs to: what is independent evidence, and what is not.

    Episodes of one session are one occasion as long as none comes later than the gap after the one
    before it. Without a session each is an occasion of its own.

    Args:
        seconds: when each happened, in any order, shape (episodes,).
        sessions: the session of each, or None.
        gap_seconds: the longest pause within an occasion.

    Returns:
        For each episode the row of the first one of its occasion, shape (episodes,).

    Source: Zacks et al. (2007), Psychological Bulletin 133:273, events as units of experience;
    Hintzman (1976), Psychology of Learning and Motivation 10:47: repetitions that are massed count
    little more than one.

    >>> occasions(np.array([0.0, 60.0, 90_000.0, 60.0]), ["a", "a", "a", None]).tolist()
    [0, 0, 2, 3]
    """
    occasion = np.arange(len(seconds))
    latest: dict[str, int] = {}
    for row in np.argsort(seconds, kind="stable").tolist():
        session = sessions[row]
        if session is None:
            continue
        before = latest.get(session)
        if before is not None and seconds[row] - seconds[before] <= gap_seconds:
            occasion[row] = occasion[before]
        latest[session] = row
    return occasion


def mutual_clusters(
    vectors: FloatArray,
    seconds: FloatArray,
    *,
    occasion: IntArray | None = None,
    rule: ClusterRule = ClusterRule(),
) -> list[list[int]]:
    """Groups of episodes that say the same, as often as it takes to be no chance.

    Two are joined if each is among the other's k nearest and their similarity is at least the
    floor; a cluster is a connected component that comes from enough occasions. One that is too
    large is split by a higher floor.

    s_ij = cos_ij - w (1 - c_ij), c_ij the similarity of their contexts: what lies far apart in time
    must say the same more clearly.

    Args:
        vectors: of length 1, shape (episodes, dimension).
        seconds: when each happened, shape (episodes,).
        occasion: the occasion of each, see `occasions`; without, each is one of its own.
        rule: k, floors, sizes, and w.

    Returns:
        Rows of each cluster, ascending; clusters by their first row.

    Source: Brito et al. (1997), Statistics & Probability Letters 35:33, the mutual k-nearest-
    neighbour graph; Howard & Kahana (2002), see `context_similarity`. Differs: the floor, and that
    contexts are no part of the vectors.

    >>> unit = np.array([[1.0, 0.0], [0.8, 0.6], [0.96, 0.28], [0.0, -1.0]])
    >>> mutual_clusters(unit, np.zeros(4))
    [[0, 1, 2]]
    >>> mutual_clusters(unit, np.zeros(4), occasion=np.array([0, 0, 2, 3]))
    []
    """
    own = np.arange(len(vectors)) if occasion is None else occasion
    pairs, similarities = _mutual_pairs(vectors, seconds, rule)
    clusters: list[list[int]] = []
    waiting = [(rule.cosine_min, np.arange(len(vectors)))]
    while waiting:
        floor, rows = waiting.pop()
        inside = np.zeros(len(vectors), np.bool_)
        inside[rows] = True
        kept = pairs[(similarities >= floor) & inside[pairs[:, 0]] & inside[pairs[:, 1]]]
        for component in _components(rows, kept):
            if len(component) > rule.size_max and floor < 1:
                waiting.append((floor + FLOOR_STEP, np.array(component, np.intp)))
            elif (
                len(component) <= rule.size_max
                and len(np.unique(own[component])) >= rule.occasions_min
            ):
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


def _mutual_pairs(
    vectors: FloatArray, seconds: FloatArray, rule: ClusterRule
) -> tuple[IntArray, FloatArray]:
    """Pairs (i < j), each among the other's nearest, and how similar; in slices, not at once."""
    size = len(vectors)
    k = min(rule.neighbours, size - 1)
    if k < 1:
        return np.zeros((0, 2), np.intp), np.zeros(0)
    nearest = np.zeros((size, k), np.intp)
    similar = np.zeros((size, k))
    for start in range(0, size, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, size))
        contexts = context_similarity(
            seconds[rows, None] - seconds[None, :], context_seconds=rule.context_seconds
        )
        likeness = vectors[rows] @ vectors.T - rule.context_weight * (1 - contexts)
        likeness[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-likeness, k - 1, axis=1)[:, :k]
        nearest[rows], similar[rows] = best, np.take_along_axis(likeness, best, axis=1)
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
