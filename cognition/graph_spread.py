"""Concepts near some others in a graph of weighted relations, by their strongest paths.

No part of ACT-R: this answers a question about the graph itself. What active concepts do to
memories is in `spreading` and `hops`.
"""

from dataclasses import dataclass

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.errors import ParameterOutOfRange

_UNREACHED = -1.0  # below the strength of any path, also of one over a relation of weight 0


@dataclass(frozen=True)
class Adjacency:
    """A graph by node: links of node i lie at `starts[i]` to `starts[i + 1]`.

    Args:
        starts: shape (nodes + 1,).
        neighbours: node at the other end, shape (links,).
        weights: of each link, 0 to 1, shape (links,).
    """

    starts: IntArray
    neighbours: IntArray
    weights: FloatArray


def adjacency(source: IntArray, target: IntArray, weights: FloatArray, nodes: int) -> Adjacency:
    """Relations as links that are walked both ways.

    Args:
        source: node where a relation starts, shape (relations,).
        target: node where it ends, shape (relations,).
        weights: of each relation, 0 to 1, shape (relations,).
        nodes: how many there are.

    Returns:
        Two links for each relation.

    Raises:
        ParameterOutOfRange: a weight is not between 0 and 1: cycles could make paths stronger.

    Source: compressed sparse rows, as in Knuth, The Art of Computer Programming 1, 2.2.6.

    >>> adjacency(np.array([0, 2]), np.array([1, 1]), np.array([0.5, 1.0]), 3).neighbours.tolist()
    [1, 0, 2, 1]
    """
    if len(weights) and not (weights.min() >= 0 and weights.max() <= 1):
        raise ParameterOutOfRange("weights of relations must be between 0 and 1")
    origins = np.concatenate([source, target])
    order = np.argsort(origins, kind="stable")
    counts = np.bincount(origins, minlength=nodes)
    return Adjacency(
        starts=np.concatenate([np.zeros(1, np.intp), np.cumsum(counts)]).astype(np.intp),
        neighbours=np.concatenate([target, source])[order],
        weights=np.concatenate([weights, weights])[order],
    )


def strongest_paths(graph: Adjacency, source: int, *, depth: int) -> FloatArray:
    """The strength of the strongest path of at most `depth` links from one node to each other.

    max over paths p of prod_(l in p) w_l. The maximum of h links is that of h - 1, one link
    further, and only from where h - 1 links gave more than h - 2: no path is enumerated, and each
    link of a node that is reached is looked at once for each time the node has come nearer.

    Args:
        graph: the links.
        source: node where the paths start.
        depth: at least 1.

    Returns:
        Shape (nodes,), 0 to 1; NaN where no such path leads. The source itself has 1.

    Raises:
        ParameterOutOfRange: depth is below 1.

    Source: Bellman (1958), Quarterly of Applied Mathematics 16:87, with products for sums.

    >>> graph = adjacency(np.array([0, 1]), np.array([1, 2]), np.array([0.5, 0.5]), 4)
    >>> strongest_paths(graph, 0, depth=2).tolist()
    [1.0, 0.5, 0.25, nan]
    """
    if depth < 1:
        raise ParameterOutOfRange(f"need depth >= 1, got {depth}")
    best: FloatArray = np.full(len(graph.starts) - 1, _UNREACHED)
    best[source] = 1.0
    nearer: IntArray = np.array([source], np.intp)
    for _ in range(depth):
        first = graph.starts[nearer]
        counts = graph.starts[nearer + 1] - first
        gaps = first - np.cumsum(counts) + counts
        links = np.repeat(gaps, counts) + np.arange(counts.sum())
        targets = graph.neighbours[links]
        products = np.repeat(best[nearer], counts) * graph.weights[links]
        better = products > best[targets]
        np.maximum.at(best, targets[better], products[better])
        nearer = _each_once(targets[better], len(best))
    return np.where(best == _UNREACHED, np.nan, best)


def _each_once(nodes: IntArray, count: int) -> IntArray:
    # Who wrote last stays. `np.unique` sorts, which took nine tenths of the time.
    numbers = np.arange(len(nodes))
    last = np.empty(count, np.intp)
    last[nodes] = numbers
    once: IntArray = nodes[last[nodes] == numbers]
    return once


def path_weights(graph: Adjacency, sources: IntArray, *, asked: int, depth: int) -> FloatArray:
    """The nearness of each node to several: the mean strength of the strongest paths from them.

    path_weight_i = (1 / N) sum_j s_ji, s_ji the strongest path from source j, 0 without one.

    Args:
        graph: the links.
        sources: nodes, each once, shape (sources,).
        asked: N, at least as many as the sources: some of what was asked for may not exist.
        depth: links of a path at most, at least 1.

    Returns:
        Shape (nodes,), 0 to 1; NaN where no path leads from any source. To sources as to others.

    Raises:
        ParameterOutOfRange: depth is below 1, or asked below the number of sources.

    Source: none; the contract of the graph's `spread`.

    >>> graph = adjacency(np.array([0, 1]), np.array([2, 2]), np.array([0.5, 1.0]), 4)
    >>> path_weights(graph, np.array([0, 1]), asked=2, depth=1).tolist()
    [0.5, 0.5, 0.75, nan]
    """
    if asked < len(sources):
        raise ParameterOutOfRange(f"{asked} were asked for, but there are {len(sources)} sources")
    total: FloatArray = np.zeros(len(graph.starts) - 1)
    reached = np.zeros(len(total), np.bool_)
    for source in sources.tolist():
        strengths = strongest_paths(graph, source, depth=depth)
        here = ~np.isnan(strengths)
        total[here] += strengths[here]
        reached |= here
    return np.where(reached, total / max(asked, 1), np.nan)
