"""Spreading activation S: how much the active concepts speak for a memory.

A sparse matrix of links comes flat: one entry per (memory, concept) that are linked.
"""

from dataclasses import dataclass
from math import log1p

import numpy as np

from cognition.base_level import FloatArray, IntArray

STRENGTH_MAX = 5.0  # Keeps S on the scale of P in large namespaces.


def maximum_strength(memories: int, *, cap: float = STRENGTH_MAX) -> float:
    """Strength of association S that a namespace of this size calls for.

    S = min(ln(1 + N), 5). S_ji estimates ln P(i|j) / P(i), so S grows like ln N, and with it
    S_ji = ln((1 + N) / (1 + links_j)) is never negative below the cap.

    Args:
        memories: N, memories in the namespace.
        cap: the most that S may be, nats.

    Returns:
        S, nats.

    Source: Anderson & Lebiere (1998), The Atomic Components of Thought, chapter 4. Differs: S
    follows N, and the cap.

    >>> round(maximum_strength(100), 4), maximum_strength(1_000_000)
    (4.6151, 5.0)
    """
    return min(log1p(memories), cap)


def association_strengths(
    links: FloatArray | float,
    links_of_concept: FloatArray | float,
    *,
    strength: float,
    clamped: bool = True,
) -> FloatArray:
    """Strength of association S_ji from concept j to memory i.

    S_ji = max(0, S - ln fan_ji), fan_ji = (1 + links_j) / links_ji; 0 if not linked.

    Args:
        links: links_ji, how often i is linked to j, weights included; i itself counts once if it
            is j. Shape (links,) or a number.
        links_of_concept: links_j, of j into all memories; the shape of `links`.
        strength: S, nats.
        clamped: whether negative strengths become 0 (`nsji` keeps them).

    Returns:
        Shape (links,), nats.

    Source: Anderson (1974), Cognitive Psychology 6:451; ACT-R 7 manual, `:mas` and `:nsji`.

    >>> round(float(association_strengths(2, 5, strength=2.0)), 10)
    0.9013877113
    """
    counts = np.asarray(links, np.float64)
    with np.errstate(divide="ignore"):
        strengths = strength - np.log1p(links_of_concept) + np.log(counts)
    if clamped:
        strengths = np.maximum(0.0, strengths)
    found: FloatArray = np.where(counts > 0, strengths, 0.0)
    return found


@dataclass(frozen=True, kw_only=True)
class Links:
    """Links between memories and sources, flat: shape (links,) each.

    Args:
        memory: row of the memory, 0 <= value < memories.
        source: index of the source, 0 <= value < sources; a pair stands there at most once.
        count: links_ji, how often they are linked, weights included.
    """

    memory: IntArray
    source: IntArray
    count: FloatArray


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Spreading activation, and where it came from.

    Args:
        total: S of each memory, nats, shape (memories,).
        contributions: nats that came over each link, shape (links,), in the order of the links.
    """

    total: FloatArray
    contributions: FloatArray


def spreading_activation(
    links: Links,
    links_of_source: FloatArray,
    *,
    memories: int,
    strength: float,
    source_weight: float = 1.0,
) -> Spread:
    """Spreading activation of each memory, with the part of every source.

    S_i = sum_j (W / n) S_ji over all n sources, linked or not.

    Args:
        links: of the candidates to the sources.
        links_of_source: links_j of each source into all memories, shape (sources,).
        memories: how many candidates there are.
        strength: S, nats, see `maximum_strength`.
        source_weight: W, the activation that all sources share.

    Returns:
        The sums and the parts that they are made of.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 3.

    >>> links = Links(memory=np.array([0, 1]), source=np.array([0, 0]), count=np.array([1.0, 2.0]))
    >>> spreading_activation(
    ...     links, np.array([9.0, 4.0]), memories=3, strength=4.0
    ... ).total.round(4).tolist()
    [0.8487, 1.1953, 0.0]
    """
    strengths = association_strengths(
        links.count, links_of_source[links.source], strength=strength, clamped=True
    )
    return _spread(links, strengths, memories, source_weight / max(1, len(links_of_source)))


def weighted_spread(
    links: Links, strengths: FloatArray, *, source_weights: FloatArray, memories: int
) -> Spread:
    """Spreading activation from any strengths: unclamped ones, or those over several hops.

    S_i = sum_j W_j S_ji.

    Args:
        links: of the candidates to the sources.
        strengths: S_ji of each link, nats, shape (links,).
        source_weights: W_j of each source, shape (sources,).
        memories: how many candidates there are.

    Returns:
        The sums and the parts that they are made of.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 3.

    >>> links = Links(memory=np.array([0]), source=np.array([0]), count=np.array([1.0]))
    >>> weighted_spread(
    ...     links, np.array([-0.8]), source_weights=np.array([0.5]), memories=1
    ... ).total.tolist()
    [-0.4]
    """
    return _spread(links, strengths, memories, source_weights[links.source])


def _spread(
    links: Links, strengths: FloatArray, memories: int, weights: FloatArray | float
) -> Spread:
    contributions = weights * strengths
    total = np.bincount(links.memory, weights=contributions, minlength=memories)
    return Spread(total=total.astype(np.float64), contributions=contributions)
