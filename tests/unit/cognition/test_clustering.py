"""Clusters of episodes, against what they promise and a plain search for components."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cognition.base_level import FloatArray
from cognition.clustering import key_terms, medoid, mutual_clusters
from cognition.errors import ParameterOutOfRange

POINTS = st.integers(0, 14).flatmap(
    lambda n: arrays(np.float64, (n, 3), elements=st.floats(-1, 1, width=16))
)


def units(points: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    fallback = np.broadcast_to([[1.0, 0.0, 0.0]], points.shape)
    scaled: FloatArray = np.where(lengths > 1e-3, points / np.maximum(lengths, 1e-3), fallback)
    return scaled


def around(angle: float, count: int) -> FloatArray:
    """Directions that differ by a hundredth of a radian."""
    angles = angle + 0.01 * np.arange(count)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_two_groups_and_a_loner_are_two_clusters() -> None:
    vectors = np.concatenate([around(0.0, 3), around(2.0, 4), around(4.0, 1)])

    assert mutual_clusters(vectors) == [[0, 1, 2], [3, 4, 5, 6]]


def test_two_similar_episodes_are_no_cluster() -> None:
    assert mutual_clusters(around(0.0, 2)) == []


def test_chain_that_grows_too_long_is_cut_where_it_is_thin() -> None:
    # 8 tight, then a weak link, then 8 more.
    vectors = np.concatenate([around(0.0, 8), around(0.7, 8)])

    clusters = mutual_clusters(vectors, neighbours=15, cosine_min=0.6, size_max=10)

    assert clusters == [list(range(8)), list(range(8, 16))]


@given(points=POINTS)
def test_clusters_are_disjoint_bounded_and_hold_only_similar_neighbours(points: FloatArray) -> None:
    vectors = units(points)

    clusters = mutual_clusters(vectors, cosine_min=0.6, size_max=6)

    rows = [row for cluster in clusters for row in cluster]
    assert len(rows) == len(set(rows))
    assert all(3 <= len(cluster) <= 6 for cluster in clusters)
    for cluster in clusters:
        cosines = vectors[cluster] @ vectors[cluster].T - 2 * np.eye(len(cluster))
        assert (cosines.max(axis=1) >= 0.6 - 1e-9).all()


@given(points=POINTS, data=st.data())
def test_order_of_the_memories_does_not_matter(points: FloatArray, data: st.DataObject) -> None:
    # Beyond k others, equal cosines may be neighbours of one and not of the other.
    vectors = units(points)[:11]
    order = np.array(data.draw(st.permutations(range(len(vectors)))), np.intp)

    straight = mutual_clusters(vectors)
    shuffled = mutual_clusters(vectors[order])

    back = [sorted(int(order[row]) for row in cluster) for cluster in shuffled]
    assert sorted(back) == straight


def test_sizes_and_neighbours_out_of_range_are_refused() -> None:
    for wrong in ({"neighbours": 0}, {"size_min": 0}, {"size_min": 5, "size_max": 4}):
        with pytest.raises(ParameterOutOfRange):
            mutual_clusters(around(0.0, 3), **wrong)


def test_medoid_is_the_one_in_the_middle() -> None:
    assert medoid(around(0.0, 5)) == 2


def test_terms_that_all_documents_have_are_no_key() -> None:
    everywhere = Counter({"the": 99, "tea": 3})
    members = [["the", "tea"], ["the", "tea", "hot"], ["the", "tea"]]

    terms = key_terms(members, document_frequencies=everywhere, total=100)

    assert terms == ["tea", "the"]
