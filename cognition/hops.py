"""Spreading over several links: an extension, ACT-R's fan being its first step."""

from dataclasses import dataclass
from math import log

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange


@dataclass(frozen=True, kw_only=True)
class Graph:
    """Weighted links between nodes, concepts and memories alike, flat: shape (links,) each.

    Args:
        origin: node where the link starts, 0 <= value < nodes.
        target: node where it ends. A link that works both ways stands there twice; one from a
            node to itself counts for nothing.
        links: its weight, a number of links, at least 0.
        nodes: how many there are.
    """

    origin: IntArray
    target: IntArray
    links: FloatArray
    nodes: int


def link_transitions(graph: Graph) -> FloatArray:
    """Share of each link among those of its origin, which itself counts as one more.

    Q_ji = links_ji / (1 + links_j), links_j the sum over all links of j; self-links have none.

    Args:
        graph: the links.

    Returns:
        Shape (links,), no unit; the shares of one origin sum to less than 1.

    Source: the inverse of the fan of Anderson (1974), Cognitive Psychology 6:451, as a probability.

    >>> link_transitions(Graph(
    ...     origin=np.array([0, 1]), target=np.array([1, 0]), links=np.array([1.0, 3.0]), nodes=2
    ... )).tolist()
    [0.5, 0.75]
    """
    links = np.where(graph.origin == graph.target, 0.0, graph.links)
    totals = np.bincount(graph.origin, weights=links, minlength=graph.nodes)
    shares: FloatArray = links / (1.0 + totals[graph.origin])
    return shares


def hop_strengths(
    graph: Graph,
    sources: IntArray,
    *,
    strength: float,
    hops: int = 2,
    damping: float = 0.5,
) -> FloatArray:
    """Strengths of association from some sources to all nodes, over one link or several.

    S_ji = max over h = 1..H of max(0, S + ln P_h(i|j) + (h - 1) ln delta), P_h = Q^h. Exact ACT-R
    at h = 1; the maximum, not a sum, so that hubs and parallel paths do not add up.

    Args:
        graph: the links.
        sources: nodes j, shape (sources,).
        strength: S, nats.
        hops: H, at least 1.
        damping: delta, above 0, at most 1.

    Returns:
        Shape (sources, nodes), nats. A source's own column holds the way there and back.

    Raises:
        ParameterOutOfRange: hops or damping are out of range.

    Source: Collins & Loftus (1975), Psychological Review 82:407. Differs: as above.

    >>> ring = np.arange(6)
    >>> graph = Graph(
    ...     origin=np.tile(ring, 2), target=np.concatenate([(ring + 1) % 6, (ring - 1) % 6]),
    ...     links=np.ones(12), nodes=6
    ... )
    >>> hop_strengths(graph, np.array([0]), strength=3.0)[0, 1:].round(6).tolist()
    [1.901388, 0.109628, 0.0, 0.109628, 1.901388]
    """
    if hops < 1 or not 0 < damping <= 1:
        raise ParameterOutOfRange(f"need hops >= 1 and 0 < damping <= 1, got {hops} and {damping}")
    shares = link_transitions(graph)
    best = np.zeros((len(sources), graph.nodes))
    for row, source in enumerate(sources):
        reached: FloatArray = np.zeros(graph.nodes)
        reached[source] = 1.0
        for hop in range(hops):
            steps = reached[graph.origin] * shares
            reached = _arriving(graph, steps)
            with np.errstate(divide="ignore"):
                found = strength + np.log(reached) + hop * log(damping)
            best[row] = np.maximum(best[row], found)
    return best


def walk_probabilities(graph: Graph, source: int, *, hops: int, damping: float) -> FloatArray:
    """The end points of a random walk of up to H steps: an alternative to `hop_strengths`.

    P(i|j) = sum_h alpha^h P_h(i|j) / sum_h alpha^h over h = 1..H, each step to a neighbour with
    probability links_ji / links_j. S_ji = max(0, ln(P(i|j) / (1 / nodes))) makes it a strength.

    Args:
        graph: the links.
        source: node j where the walk starts.
        hops: H, at least 1.
        damping: alpha, above 0, at most 1.

    Returns:
        Shape (nodes,); sums to 1 if every node has a neighbour.

    Raises:
        ParameterOutOfRange: hops or damping are out of range.

    Source: Kemeny & Snell (1960), Finite Markov Chains, powers of the transition matrix.

    >>> pair = Graph(
    ...     origin=np.array([0, 1]), target=np.array([1, 0]), links=np.ones(2), nodes=2
    ... )
    >>> walk_probabilities(pair, 0, hops=2, damping=0.5).round(6).tolist()
    [0.333333, 0.666667]
    """
    if hops < 1 or not 0 < damping <= 1:
        raise ParameterOutOfRange(f"need hops >= 1 and 0 < damping <= 1, got {hops} and {damping}")
    totals = np.bincount(graph.origin, weights=graph.links, minlength=graph.nodes)
    reached: FloatArray = np.zeros(graph.nodes)
    reached[source] = 1.0
    ends = np.zeros(graph.nodes)
    for hop in range(1, hops + 1):
        steps = reached[graph.origin] * graph.links / totals[graph.origin]
        reached = _arriving(graph, steps)
        ends += damping**hop * reached
    shares: FloatArray = ends / sum(damping**hop for hop in range(1, hops + 1))
    return shares


def _arriving(graph: Graph, steps: FloatArray) -> FloatArray:
    """The strength that arrives at each node, shape (nodes,); also where it has no link."""
    return np.bincount(graph.target, weights=steps, minlength=graph.nodes).astype(np.float64)
