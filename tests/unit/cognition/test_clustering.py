"""Clusters of episodes, against what they promise and a plain search for components."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cognition.base_level import FloatArray
from cognition.clustering import (
    OCCASION_SECONDS,
    ClusterRule,
    context_similarity,
    key_terms,
    medoid,
    mutual_clusters,
    nearest_elsewhere,
    occasions,
)
from cognition.errors import ParameterOutOfRange

DAY_SECONDS = 86_400.0
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


def every(days: float, count: int) -> FloatArray:
    """Moments so many days apart."""
    moments: FloatArray = days * DAY_SECONDS * np.arange(count, dtype=np.float64)
    return moments


def at_once(vectors: FloatArray) -> FloatArray:
    """All at the same moment."""
    return np.zeros(len(vectors))


def test_two_groups_and_a_loner_are_two_clusters() -> None:
    vectors = np.concatenate([around(0.0, 3), around(2.0, 4), around(4.0, 1)])

    assert mutual_clusters(vectors, at_once(vectors)) == [[0, 1, 2], [3, 4, 5, 6]]


def test_two_similar_episodes_are_no_cluster() -> None:
    assert mutual_clusters(around(0.0, 2), np.zeros(2)) == []


def test_chain_that_grows_too_long_is_cut_where_it_is_thin() -> None:
    # 8 tight, then a weak link, then 8 more.
    vectors = np.concatenate([around(0.0, 8), around(0.7, 8)])

    clusters = mutual_clusters(
        vectors, at_once(vectors), rule=ClusterRule(neighbours=15, size_max=10)
    )

    assert clusters == [list(range(8)), list(range(8, 16))]


def test_what_is_repeated_in_one_conversation_is_no_cluster_and_on_three_days_it_is() -> None:
    vectors, minutes = around(0.0, 3), every(1 / 1440, 3)
    one, days = ["monday"] * 3, ["monday", "tuesday", "wednesday"]

    def clustered(seconds: FloatArray, sessions: list[str]) -> list[list[int]]:
        occasion = occasions(seconds, sessions)
        return mutual_clusters(vectors, seconds, occasion=occasion)

    assert clustered(minutes, one) == []
    assert clustered(every(1, 3), days) == [[0, 1, 2]]
    assert clustered(every(1, 3), one) == [[0, 1, 2]]  # three times it was taken up


def test_episodes_without_a_session_cluster_though_they_come_minutes_apart() -> None:
    seconds = every(1 / 1440, 3)

    occasion = occasions(seconds, [None] * 3)

    assert mutual_clusters(around(0.0, 3), seconds, occasion=occasion) == [[0, 1, 2]]


def test_massed_episodes_belong_to_a_cluster_that_other_occasions_make() -> None:
    vectors, seconds = around(0.0, 5), np.array([0.0, 60.0, 120.0, 2e5, 4e5])

    occasion = occasions(seconds, ["a", "a", "a", "b", "c"])

    assert mutual_clusters(vectors, seconds, occasion=occasion) == [[0, 1, 2, 3, 4]]


def test_what_lies_far_apart_must_say_the_same_more_clearly() -> None:
    alike = np.array([[1.0, 0.0], [0.7, 0.51**0.5], [0.7, -(0.51**0.5)]])  # cosines .7 to the first
    same = around(0.0, 3)
    months = every(90, 3)

    assert mutual_clusters(alike, np.zeros(3)) == [[0, 1, 2]]
    assert mutual_clusters(alike, every(1 / 1440, 3)) == [[0, 1, 2]]
    assert mutual_clusters(alike, months) == []
    assert mutual_clusters(same, months) == [[0, 1, 2]]


def test_neighbour_in_time_comes_before_one_that_is_as_similar_long_ago() -> None:
    # The first has room for two neighbours, and four that are equally similar.
    vectors = np.concatenate([around(0.0, 1), around(0.1, 1).repeat(4, axis=0)])
    seconds = DAY_SECONDS * np.array([0.0, 1.0, 2.0, 300.0, 301.0])

    clusters = mutual_clusters(vectors, seconds, rule=ClusterRule(neighbours=2))

    assert clusters == [[0, 1, 2]]


@given(
    seconds=st.lists(st.floats(0, 1e6), max_size=12),
    data=st.data(),
)
def test_occasions_are_stretches_of_a_session_that_last_three_hours(
    seconds: list[float], data: st.DataObject
) -> None:
    names = st.lists(
        st.sampled_from(["a", "b", None]), min_size=len(seconds), max_size=len(seconds)
    )
    sessions = data.draw(names)

    occasion = occasions(np.array(seconds), sessions)

    for row, first in enumerate(occasion.tolist()):
        assert sessions[first] == sessions[row]
        assert seconds[first] <= seconds[row]
        assert sessions[row] is not None or first == row
    for name in ("a", "b"):
        rows = [i for i in range(len(seconds)) if sessions[i] == name]
        rows.sort(key=lambda i: (seconds[i], i))
        for before, after in pairwise(rows):
            over = seconds[after] - seconds[occasion[before]] > OCCASION_SECONDS
            assert (occasion[before] != occasion[after]) == over


def test_session_that_never_pauses_is_another_occasion_every_three_hours() -> None:
    seconds = every(1 / 24, 10)  # each hour

    occasion = occasions(seconds, ["the only one"] * 10)

    assert occasion.tolist() == [0] * 4 + [4] * 4 + [8] * 2


@pytest.mark.parametrize("days", [[0.0, 2.0, 4.0, 6.0], [0.0, 0.5, 9.0, 9.5]])
@pytest.mark.parametrize("turns", [3, 12, 40])
def test_what_each_conversation_repeats_often_is_a_cluster_of_all_conversations(
    days: list[float], turns: int
) -> None:
    # Context drifts: to each statement those of its own conversation are the nearest.
    vectors = np.random.default_rng(7).normal([1.0, 0.0, 0.0], 0.05, (4 * turns, 3))
    seconds = DAY_SECONDS * np.repeat(days, turns) + np.tile(60.0 * np.arange(turns), 4)
    occasion = occasions(seconds, np.repeat(["a", "b", "c", "d"], turns).tolist())

    (cluster,) = mutual_clusters(units(vectors), seconds, occasion=occasion)

    assert len(cluster) == min(4 * turns, 30)
    assert len(set(occasion[cluster].tolist())) == 4


@given(points=POINTS, data=st.data(), count=st.integers(1, 4))
def test_nearest_elsewhere_is_one_of_each_of_the_nearest_other_occasions(
    points: FloatArray, data: st.DataObject, count: int
) -> None:
    alike = units(points) @ units(points).T
    occasion = data.draw(arrays(np.intp, len(points), elements=st.integers(0, 5)))

    some, nearest = nearest_elsewhere(alike, occasion, occasion, count=count)

    for row in range(len(points)):
        found = nearest[some == row]
        other = set(occasion.tolist()) - {int(occasion[row])}
        best = {name: alike[row, occasion == name].max() for name in other}
        assert len(set(occasion[found].tolist())) == len(found) == min(count, len(other))
        assert all(alike[row, each] == best[int(occasion[each])] for each in found)
        nearest_first = sorted((-similar, name) for name, similar in best.items())
        assert set(occasion[found].tolist()) == {name for _, name in nearest_first[:count]}


@given(gap=st.floats(0, 1e9), longer=st.floats(0, 1e9))
def test_context_is_whole_at_once_and_only_ever_fades(gap: float, longer: float) -> None:
    now, then, later = context_similarity(np.array([0.0, gap, gap + longer]))

    assert now == 1.0
    assert 0.0 <= later <= then <= 1.0
    assert context_similarity(np.array([-gap]))[0] == then


@given(points=POINTS, data=st.data())
def test_clusters_are_disjoint_bounded_and_hold_only_similar_neighbours(
    points: FloatArray, data: st.DataObject
) -> None:
    vectors = units(points)
    days = data.draw(arrays(np.float64, len(vectors), elements=st.integers(0, 60)))
    occasion = data.draw(arrays(np.intp, len(vectors), elements=st.integers(0, 5)))

    clusters = mutual_clusters(
        vectors, DAY_SECONDS * days, occasion=occasion, rule=ClusterRule(size_max=6)
    )

    rows = [row for cluster in clusters for row in cluster]
    assert len(rows) == len(set(rows))
    assert all(3 <= len(cluster) <= 6 for cluster in clusters)
    assert all(len(set(occasion[cluster].tolist())) >= 3 for cluster in clusters)
    for cluster in clusters:
        apart = np.abs(days[cluster][:, None] - days[cluster][None, :])
        alike = vectors[cluster] @ vectors[cluster].T - 0.2 * (1 - np.exp(-apart / 7))
        alike -= 2 * np.eye(len(cluster))
        assert (alike.max(axis=1) >= 0.6 - 1e-9).all()


@given(points=POINTS, data=st.data())
def test_order_of_the_memories_does_not_matter(points: FloatArray, data: st.DataObject) -> None:
    # Beyond k others, equal cosines may be neighbours of one and not of the other.
    vectors = units(points)[:11]
    order = np.array(data.draw(st.permutations(range(len(vectors)))), np.intp)
    seconds = every(1, len(vectors))

    straight = mutual_clusters(vectors, seconds)
    shuffled = mutual_clusters(vectors[order], seconds[order])

    back = [sorted(int(order[row]) for row in cluster) for cluster in shuffled]
    assert sorted(back) == straight


@pytest.mark.parametrize(
    "wrong",
    [
        {"neighbours": 0},
        {"occasions_min": 0},
        {"occasions_min": 5, "size_max": 4},
        {"context_weight": -0.1},
        {"context_seconds": 0.0},
    ],
)
def test_rule_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ParameterOutOfRange):
        ClusterRule(**wrong)
    if "context_seconds" in wrong:
        with pytest.raises(ParameterOutOfRange):
            context_similarity(np.zeros(1), context_seconds=0.0)


def test_medoid_is_the_one_in_the_middle() -> None:
    assert medoid(around(0.0, 5)) == 2


def test_terms_that_all_documents_have_are_no_key() -> None:
    everywhere = Counter({"the": 99, "tea": 3})
    members = [["the", "tea"], ["the", "tea", "hot"], ["the", "tea"]]

    terms = key_terms(members, document_frequencies=everywhere, total=100)

    assert terms == ["tea", "the"]
