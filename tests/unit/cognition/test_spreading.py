"""Spreading activation: the fan, all candidates at once, and over several links."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.errors import ParameterOutOfRange
from cognition.hops import Graph, hop_strengths, link_transitions, walk_probabilities
from cognition.spreading import (
    STRENGTH_MAX,
    Links,
    association_strengths,
    maximum_strength,
    spreading_activation,
    weighted_spread,
)

COUNTS = st.floats(0.1, 20)
STRENGTHS = st.floats(0.1, 8)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Links, np.ndarray, int]:
    """Links of some memories to some sources, how often each source is linked, memories."""
    memories, sources = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    pairs = st.tuples(st.integers(0, memories - 1), st.integers(0, sources - 1))
    linked = draw(st.lists(pairs, unique=True, max_size=12))
    counts = [draw(COUNTS) for _ in linked]
    links = Links(
        memory=np.array([memory for memory, _ in linked], np.intp),
        source=np.array([source for _, source in linked], np.intp),
        count=np.array(counts),
    )
    totals = np.bincount(links.source, weights=links.count, minlength=sources)
    others = np.array(draw(st.lists(COUNTS, min_size=sources, max_size=sources)))
    return links, totals + others, memories


@given(scenes(), STRENGTHS, st.floats(0.1, 3))
def test_one_pass_over_all_candidates_equals_a_loop(
    scene: tuple[Links, np.ndarray, int], strength: float, weight: float
) -> None:
    links, totals, memories = scene

    spread = spreading_activation(
        links, totals, memories=memories, strength=strength, source_weight=weight
    )

    by_hand = [0.0] * memories
    for memory, source, count in zip(links.memory, links.source, links.count, strict=True):
        fan = (1 + totals[source]) / count
        by_hand[memory] += weight / len(totals) * max(0.0, strength - math.log(fan))
    assert spread.total.tolist() == pytest.approx(by_hand, abs=1e-9)


@given(scenes(), STRENGTHS)
def test_contributions_add_up_to_the_total(
    scene: tuple[Links, np.ndarray, int], strength: float
) -> None:
    links, totals, memories = scene

    spread = spreading_activation(links, totals, memories=memories, strength=strength)

    summed = np.zeros(memories)
    np.add.at(summed, links.memory, spread.contributions)
    assert spread.total.tolist() == pytest.approx(summed.tolist(), abs=1e-12)
    assert len(spread.contributions) == len(links.memory)


def test_sources_that_nothing_is_linked_to_take_their_share_of_the_weight() -> None:
    links = Links(memory=np.array([0]), source=np.array([0]), count=np.ones(1))

    one, four = (
        spreading_activation(links, np.array(totals), memories=1, strength=math.log(1001)).total[0]
        for totals in ([9.0], [9.0, 0.0, 0.0, 0.0])
    )

    assert one == pytest.approx(4.606, abs=5e-4)
    assert four == pytest.approx(1.152, abs=5e-4)


def test_without_sources_nothing_spreads() -> None:
    none = Links(memory=np.zeros(0, np.intp), source=np.zeros(0, np.intp), count=np.zeros(0))

    spread = spreading_activation(none, np.zeros(0), memories=3, strength=2.0)

    assert spread.total.tolist() == [0.0, 0.0, 0.0]
    assert spread.contributions.tolist() == []


@given(COUNTS, st.floats(0, 1000), STRENGTHS)
def test_more_fan_never_strengthens_an_association(
    links: float, others: float, strength: float
) -> None:
    alone = float(association_strengths(links, links, strength=strength))
    among = float(association_strengths(links, links + others, strength=strength))

    assert 0 <= among <= alone


def test_unclamped_strengths_may_inhibit_and_unlinked_ones_never_do() -> None:
    found = association_strengths(
        np.array([1.0, 0.0]), np.array([5.0, 5.0]), strength=1.0, clamped=False
    )

    assert found.tolist() == pytest.approx([1 - math.log(6), 0.0])


def test_weights_of_sources_may_differ() -> None:
    links = Links(memory=np.array([0, 0]), source=np.array([0, 1]), count=np.ones(2))

    spread = weighted_spread(
        links, np.array([2.0, -1.0]), source_weights=np.array([0.75, 0.25]), memories=2
    )

    assert spread.contributions.tolist() == [1.5, -0.25]
    assert spread.total.tolist() == [1.25, 0.0]


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_strength_grows_with_the_namespace_up_to_a_cap(one: int, other: int) -> None:
    small, large = sorted((one, other))

    assert 0 <= maximum_strength(small) <= maximum_strength(large) <= STRENGTH_MAX
    # As long as the cap is not reached, a concept that everything is linked to says nothing.
    if maximum_strength(large) < STRENGTH_MAX:
        everywhere = association_strengths(1.0, float(large), strength=maximum_strength(large))
        assert float(everywhere) == pytest.approx(0.0, abs=1e-12)


def ring(nodes: int) -> Graph:
    """Nodes in a circle, each linked with its two neighbours."""
    each = np.arange(nodes)
    return Graph(
        origin=np.tile(each, 2),
        target=np.concatenate([(each + 1) % nodes, (each - 1) % nodes]),
        links=np.ones(2 * nodes),
        nodes=nodes,
    )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A few nodes with weighted links, self-links among them."""
    nodes = draw(st.integers(1, 6))
    node = st.integers(0, nodes - 1)
    found = draw(st.lists(st.tuples(node, node, COUNTS), max_size=15))
    return Graph(
        origin=np.array([one for one, _, _ in found], np.intp),
        target=np.array([other for _, other, _ in found], np.intp),
        links=np.array([links for _, _, links in found]),
        nodes=nodes,
    )


def test_two_hops_in_a_ring_give_the_numbers_of_the_page() -> None:
    one, two = (
        hop_strengths(ring(6), np.array([0]), strength=3.0, hops=hops)[0] for hops in (1, 2)
    )

    assert one[1:].tolist() == pytest.approx([1.901388, 0, 0, 0, 1.901388], abs=5e-7)
    assert two[1:].tolist() == pytest.approx([1.901388, 0.109628, 0, 0.109628, 1.901388], abs=5e-7)


@given(graphs(), STRENGTHS, st.floats(0.1, 1))
def test_hops_equal_powers_of_the_matrix(graph: Graph, strength: float, damping: float) -> None:
    matrix = np.zeros((graph.nodes, graph.nodes))
    np.add.at(matrix, (graph.origin, graph.target), link_transitions(graph))

    found = hop_strengths(graph, np.arange(graph.nodes), strength=strength, hops=3, damping=damping)

    by_hand = np.zeros_like(matrix)
    for hop in range(3):
        power = np.linalg.matrix_power(matrix, hop + 1)
        with np.errstate(divide="ignore"):
            by_hand = np.maximum(by_hand, strength + np.log(power) + hop * math.log(damping))
    assert found == pytest.approx(by_hand, abs=1e-9)


@given(graphs(), STRENGTHS)
def test_one_hop_is_the_fan_of_one_link(graph: Graph, strength: float) -> None:
    found = hop_strengths(graph, np.arange(graph.nodes), strength=strength, hops=1)

    links = np.zeros((graph.nodes, graph.nodes))
    np.add.at(links, (graph.origin, graph.target), graph.links)
    np.fill_diagonal(links, 0.0)
    totals = np.repeat(links.sum(axis=1, keepdims=True), graph.nodes, axis=1)
    fan = association_strengths(links, totals, strength=strength)
    assert found == pytest.approx(fan, abs=1e-9)


@given(graphs(), STRENGTHS, st.integers(1, 3))
def test_more_hops_never_weaken(graph: Graph, strength: float, hops: int) -> None:
    sources = np.arange(graph.nodes)

    fewer = hop_strengths(graph, sources, strength=strength, hops=hops)
    more = hop_strengths(graph, sources, strength=strength, hops=hops + 1)

    assert np.all(more >= fewer)


def test_a_walk_ends_somewhere() -> None:
    shares = walk_probabilities(ring(6), 0, hops=4, damping=0.5)

    assert shares.sum() == pytest.approx(1.0)
    assert shares[1] == pytest.approx(shares[5])


@pytest.mark.parametrize(("hops", "damping"), [(0, 0.5), (2, 0.0), (2, 1.5)])
def test_hops_and_damping_out_of_range_are_refused(hops: int, damping: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"got {hops} and {damping}"):
        hop_strengths(ring(3), np.array([0]), strength=1.0, hops=hops, damping=damping)
    with pytest.raises(ParameterOutOfRange, match=f"got {hops} and {damping}"):
        walk_probabilities(ring(3), 0, hops=hops, damping=damping)
