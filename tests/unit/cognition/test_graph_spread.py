"""Strongest paths: against all paths of small graphs, and where there are too many to list."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.errors import ParameterOutOfRange
from cognition.graph_spread import Adjacency, adjacency, path_weights, strongest_paths

Relation = tuple[int, int, float]
NODES = 6
RELATIONS = st.lists(
    st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.floats(0, 1)), max_size=14
)


def graph_of(relations: list[Relation], nodes: int = NODES) -> Adjacency:
    source, target, weights = (np.array(each) for each in zip(*relations, strict=True))
    return adjacency(source.astype(np.intp), target.astype(np.intp), weights.astype(float), nodes)


def by_listing_all_paths(relations: list[Relation], source: int, depth: int) -> dict[int, float]:
    """The strongest product of each node, from every path without a repeated node."""
    best = {source: 1.0}

    def walk(node: int, strength: float, seen: frozenset[int]) -> None:
        if len(seen) > depth:
            return
        for a, b, weight in relations:
            for here, there in ((a, b), (b, a)):
                if here == node and there not in seen:
                    best[there] = max(best.get(there, 0.0), strength * weight)
                    walk(there, strength * weight, seen | {there})

    walk(source, 1.0, frozenset({source}))
    return best


@given(RELATIONS.filter(len), st.integers(0, NODES - 1), st.integers(1, 4))
def test_strongest_path_is_that_among_all_paths(
    relations: list[Relation], source: int, depth: int
) -> None:
    found = strongest_paths(graph_of(relations), source, depth=depth)

    expected = by_listing_all_paths(relations, source, depth)
    assert set(np.flatnonzero(~np.isnan(found)).tolist()) == expected.keys()
    assert all(found[node] == pytest.approx(strength) for node, strength in expected.items())


@given(RELATIONS.filter(len), st.integers(0, NODES - 1))
def test_deeper_search_never_finds_weaker_paths(relations: list[Relation], source: int) -> None:
    graph = graph_of(relations)

    found = [np.nan_to_num(strongest_paths(graph, source, depth=d), nan=-1) for d in (1, 2, 3, 4)]

    assert all((deeper >= shallow).all() for shallow, deeper in itertools.pairwise(found))


def test_numbers_of_the_published_example() -> None:
    python, ai, fastapi, web = range(4)
    graph = graph_of([(python, ai, 0.9), (fastapi, python, 0.95), (fastapi, web, 0.85)], 4)

    weights = path_weights(graph, np.array([python]), asked=1, depth=2)

    assert weights[[fastapi, ai, web]].tolist() == pytest.approx([0.95, 0.9, 0.8075], abs=1e-12)


def test_longer_path_counts_where_it_is_stronger_and_within_the_depth() -> None:
    graph = graph_of([(0, 1, 0.1), (0, 2, 0.9), (2, 3, 0.9), (3, 1, 0.9)], 4)

    reached = [strongest_paths(graph, 0, depth=depth)[1] for depth in (1, 2, 3)]

    assert reached == pytest.approx([0.1, 0.1, 0.729])


def test_strongest_of_parallel_relations_counts_once() -> None:
    graph = graph_of([(0, 1, 0.3), (1, 0, 0.8), (0, 1, 0.5)], 2)

    assert strongest_paths(graph, 0, depth=4).tolist() == [1.0, 0.8]


def test_relation_of_weight_zero_is_a_path_of_strength_zero() -> None:
    graph = graph_of([(0, 1, 0.0), (1, 2, 1.0)], 4)

    assert strongest_paths(graph, 0, depth=2)[:3].tolist() == [1.0, 0.0, 0.0]
    assert np.isnan(strongest_paths(graph, 0, depth=2)[3])


def test_what_was_asked_for_and_does_not_exist_lowers_the_mean() -> None:
    graph = graph_of([(0, 2, 0.5), (1, 2, 1.0)], 3)

    assert path_weights(graph, np.array([0, 1]), asked=2, depth=1)[2] == 0.75
    assert path_weights(graph, np.array([0, 1]), asked=3, depth=1)[2] == 0.5


def test_graph_with_far_too_many_paths_to_list_is_no_harder() -> None:
    # 300 nodes, each related to each: some eight billion paths of four links from each.
    ends = [(a, b) for a in range(300) for b in range(a)]
    graph = graph_of([(a, b, 0.5) for a, b in ends], 300)

    found = path_weights(graph, np.arange(50, dtype=np.intp), asked=50, depth=4)

    assert found[50:].tolist() == pytest.approx([0.5] * 250)


def test_graph_without_relations_reaches_nothing() -> None:
    nobody = np.zeros(0, np.intp)
    graph = adjacency(nobody, nobody, np.zeros(0), 3)

    assert np.isnan(strongest_paths(graph, 1, depth=4)).tolist() == [True, False, True]
    assert np.isnan(path_weights(graph, nobody, asked=0, depth=1)).all()


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ParameterOutOfRange, match="weights"):
        graph_of([(0, 1, weight)])


def test_depth_and_number_asked_are_checked() -> None:
    graph = graph_of([(0, 1, 0.5)])

    with pytest.raises(ParameterOutOfRange, match="depth"):
        strongest_paths(graph, 0, depth=0)
    with pytest.raises(ParameterOutOfRange, match="asked"):
        path_weights(graph, np.array([0, 1]), asked=1, depth=1)
