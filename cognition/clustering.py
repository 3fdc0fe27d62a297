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
ROWS_AT_ONCE = 256
# What one session says within three hours is said on one occasion: until then a base level has
# hardly begun to fall (its onset is 3 h 15 min).
OCCASION_SECONDS = 3 * 3_600.0


@dataclass(frozen=True)
class ClusterRule:
    """The rule by which episodes form a cluster.

    Args:
        neighbours: k, each must be the nearest of one of the other's k nearest occasions.
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
    """The similarity of the contexts of two moments, by the time between them.

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
    length_seconds: float = OCCASION_SECONDS,
) -> IntArray:
    """The occasion of each episode: only different occasions are independent evidence.

    Episodes of one session are one occasion until one comes later than that after the first of
    them, which begins the next. Without a session each is an occasion of its own.

    Args:
        seconds: when each happened, in any order, shape (episodes,).
        sessions: the session of each, or None.
        length_seconds: how long an occasion lasts at most.

    Returns:
        For each episode the row of the first one of its occasion, shape (episodes,).

    Source: Zacks et al. (2007), Psychological Bulletin 133:273, events as units of experience;
    Hintzman (1976), Psychology of Learning and Motivation 10:47: repetitions that are massed count
    little more than one.

    >>> occasions(np.array([0.0, 60.0, 90_000.0, 60.0]), ["a", "a", "a", None]).tolist()
    [0, 0, 2, 3]
    """
    occasion = np.arange(len(seconds))
    begun: dict[str, int] = {}
    for row in np.argsort(seconds, kind="stable").tolist():
        session = sessions[row]
        if session is None:
            continue
        first = begun.setdefault(session, row)
        if seconds[row] - seconds[first] <= length_seconds:
            occasion[row] = first
        else:
            begun[session] = row
    return occasion


def mutual_clusters(
    vectors: FloatArray,
    seconds: FloatArray,
    *,
    occasion: IntArray | None = None,
    rule: ClusterRule = ClusterRule(),
) -> list[list[int]]:
    """Groups of episodes that say the same, as often as it takes to be no chance.

    Two of different occasions are joined if each is the nearest of its occasion to the other, that
    occasion is among the other's k nearest, and their similarity is at least the floor; two of one
    occasion, if one is among the other's k nearest there. So no occasion is crowded out by another,
    however often that repeats a thing. A cluster is a connected component that comes from enough
    occasions. One that is too large is split by a higher floor; if nothing comes of that, it is the
    medoid and those at the floor to it, from its occasions in turn.

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
    neighbour graph; Howard & Kahana (2002), see `context_similarity`. Differs: the floor, that
    neighbours are counted by occasion, and that contexts are no part of the vectors.

    >>> unit = np.array([[1.0, 0.0], [0.8, 0.6], [0.96, 0.28], [0.0, -1.0]])
    >>> mutual_clusters(unit, np.zeros(4))
    [[0, 1, 2]]
    >>> mutual_clusters(unit, np.zeros(4), occasion=np.array([0, 0, 2, 3]))
    []
    """
    own = np.arange(len(vectors)) if occasion is None else occasion
    found = _Episodes(vectors, seconds, own, rule)
    return sorted(_split(found, _pairs(found), np.arange(len(vectors)), rule.cosine_min))


def nearest_elsewhere(
    similarities: FloatArray, occasion: IntArray, own: IntArray, *, count: int
) -> tuple[IntArray, IntArray]:
    """The nearest episode of each of the nearest other occasions.

    Args:
        similarities: of some episodes to all, shape (some, all).
        occasion: the occasion of each of all, shape (all,).
        own: the occasion of each of some, shape (some,).
        count: so many occasions, at most.

    Returns:
        Which of some, and which of all; of equals the first.

    Source: Brito et al. (1997), see `mutual_clusters`. Differs: one neighbour of each occasion.

    >>> alike = np.array([[1.0, 0.9, 0.8, 0.8, 0.7]])
    >>> some, nearest = nearest_elsewhere(
    ...     alike, np.array([0, 0, 2, 2, 4]), np.array([0]), count=2
    ... )
    >>> nearest.tolist()
    [2, 4]
    """
    order = np.argsort(occasion, kind="stable")
    names, starts, code = np.unique(occasion[order], return_index=True, return_inverse=True)
    if len(names) == 0:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    sorted_ = similarities[:, order]
    best = np.maximum.reduceat(sorted_, starts, axis=1)
    others = names[None, :] != own[:, None]
    ranked = np.where(others, best, -np.inf)
    chosen = others
    if count < len(names):
        chosen = others & _highest(ranked, count)
    some, places = np.nonzero((sorted_ == best[:, code]) & chosen[:, code])
    _, first = np.unique(some * len(names) + code[places], return_index=True)
    return some[first], order[places[first]]


def _highest(values: FloatArray, count: int) -> np.ndarray:
    """Mask of the `count` highest of each row; of equal ones the first.

    Not `argpartition`: which of equal values it keeps depends on the processor.

    >>> _highest(np.array([[0.5, 0.9, 0.5, 0.5]]), 2).tolist()
    [[True, True, False, False]]
    """
    least = np.partition(values, -count, axis=1)[:, -count, None]
    above, equal = values > least, values == least
    room = count - np.count_nonzero(above, axis=1, keepdims=True)
    mask: np.ndarray = above | (equal & (np.cumsum(equal, axis=1) <= room))
    return mask


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


@dataclass(frozen=True)
class _Episodes:
    vectors: FloatArray
    seconds: FloatArray
    occasion: IntArray
    rule: ClusterRule

    def _alike(self, rows: IntArray) -> FloatArray:
        """Of these to all. Rounded: both directions of a pair must be equal."""
        contexts = context_similarity(
            self.seconds[rows, None] - self.seconds[None, :],
            context_seconds=self.rule.context_seconds,
        )
        cosines = self.vectors[rows] @ self.vectors.T
        alike: FloatArray = np.round(cosines - self.rule.context_weight * (1 - contexts), 12)
        return alike


@dataclass(frozen=True)
class _Pairs:
    one: IntArray
    other: IntArray
    similarities: FloatArray

    def _among(self, rows: IntArray, size: int, floor: float) -> list[tuple[int, int]]:
        inside = np.zeros(size, np.bool_)
        inside[rows] = True
        kept = (self.similarities >= floor) & inside[self.one] & inside[self.other]
        return list(zip(self.one[kept].tolist(), self.other[kept].tolist(), strict=True))


def _pairs(episodes: _Episodes) -> _Pairs:
    """Pairs that may be joined, and how similar they are; in slices, not at once."""
    size, k = len(episodes.vectors), episodes.rule.neighbours
    apart, within, similar = [], [], []
    for start in range(0, size, ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, size))
        alike = episodes._alike(rows)
        own = episodes.occasion[rows]
        some, other = nearest_elsewhere(alike, episodes.occasion, own, count=k)
        apart.append(np.stack([rows[some], other]))
        beside = np.where(own[:, None] == episodes.occasion[None, :], alike, -np.inf)
        beside[np.arange(len(rows)), rows] = -np.inf
        here, best = np.nonzero(_highest(beside, min(k, size)) & (beside > -np.inf))
        within.append(np.stack([rows[here], best]))
        similar += [alike[some, other], alike[here, best]]
    if not apart:
        return _Pairs(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
    one, other = np.concatenate(
        [each for pair in zip(apart, within, strict=True) for each in pair], axis=1
    )
    beside = episodes.occasion[one] == episodes.occasion[other]
    mutual = np.isin(one * size + other, other * size + one)
    kept = beside | (mutual & (one < other))
    return _Pairs(one[kept], other[kept], np.concatenate(similar)[kept])


def _split(episodes: _Episodes, pairs: _Pairs, rows: IntArray, floor: float) -> list[list[int]]:
    """Clusters among these at the floor, or at a higher one where they are too large."""
    rule, clusters = episodes.rule, []
    for component in _components(rows, pairs._among(rows, len(episodes.vectors), floor)):
        if len(np.unique(episodes.occasion[component])) < rule.occasions_min:
            continue
        if len(component) <= rule.size_max:
            clusters.append(component)
            continue
        members = np.array(component, np.intp)
        parts = _split(episodes, pairs, members, floor + FLOOR_STEP) if floor < 1 else []
        clusters += parts or _around_medoid(episodes, members)
    return clusters


def _around_medoid(episodes: _Episodes, rows: IntArray) -> list[list[int]]:
    """The medoid and those at the floor to it, from occasions in turn; if there are enough."""
    rule = episodes.rule
    middle = rows[medoid(episodes.vectors[rows])]
    alike = episodes._alike(np.array([middle]))[0]
    alike[middle] = np.inf
    near = rows[alike[rows] >= rule.cosine_min]
    near = near[np.argsort(-alike[near], kind="stable")]
    before: Counter[int] = Counter()
    turns = []
    for row in near.tolist():
        occasion = int(episodes.occasion[row])
        turns.append(before[occasion])
        before[occasion] += 1
    if len(before) < rule.occasions_min:
        return []
    return [sorted(near[np.argsort(turns, kind="stable")][: rule.size_max].tolist())]


def _components(rows: IntArray, pairs: list[tuple[int, int]]) -> list[list[int]]:
    """Connected components, each ascending."""
    parent = {int(row): int(row) for row in rows}

    def _root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    for one, other in pairs:
        low, high = sorted((_root(one), _root(other)))
        parent[high] = low
    groups: dict[int, list[int]] = {}
    for row in sorted(parent):
        groups.setdefault(_root(row), []).append(row)
    return list(groups.values())
