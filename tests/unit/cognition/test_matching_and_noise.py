"""Partial matching from vectors, and noise that is the same for the same query and memory."""

import math
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.matching import cosine_match, cosine_similarity
from cognition.noise import logistic_noise

SCALE = 0.25
MANY = [UUID(int=i).bytes for i in range(20_000)]
NUMBERS = st.lists(st.floats(-4, 4, width=16), min_size=8, max_size=8).filter(any)


def vectors(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float16)


def test_cosine_of_a_vector_with_itself_is_one_and_with_its_opposite_minus_one() -> None:
    query = np.array([1.0, 2.0, -3.0], np.float16)

    cosines = cosine_similarity(query, np.stack([query, -query]))

    assert cosines.tolist() == pytest.approx([1.0, -1.0], abs=1e-6)


def test_cosine_of_orthogonal_vectors_is_zero() -> None:
    query = np.array([1.0, 0.0], np.float16)

    assert cosine_similarity(query, vectors([0.0, 5.0])).tolist() == [0.0]


def test_vector_of_nothing_is_similar_to_nothing() -> None:
    query = np.array([1.0, 0.0], np.float16)

    assert cosine_similarity(query, vectors([0.0, 0.0])).tolist() == [0.0]


def test_no_vectors_have_no_cosines() -> None:
    assert cosine_similarity(np.ones(4, np.float16), np.empty((0, 4), np.float16)).shape == (0,)


@given(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=40), st.data())
def test_cosine_does_not_depend_on_the_other_candidates(
    query: list[float], rows: list[list[float]], data: st.DataObject
) -> None:
    cue = np.array(query, np.float16)
    which = data.draw(st.integers(0, len(rows) - 1))

    together = cosine_similarity(cue, vectors(*rows))

    assert together[which] == cosine_similarity(cue, vectors(rows[which]))[0]
    assert np.all(np.abs(together) <= 1.0)


def test_match_is_the_log_likelihood_ratio_of_two_normal_distributions() -> None:
    needed, others, deviation = 0.5, 0.2, 0.15
    weight = (needed - others) / deviation**2
    neutral = (needed + others) / 2

    match = cosine_match(np.array([0.6, neutral]), weight=weight, neutral=neutral)

    by_hand = ((0.6 - others) ** 2 - (0.6 - needed) ** 2) / (2 * deviation**2)
    assert match.tolist() == pytest.approx([by_hand, 0.0], abs=1e-12)
    assert by_hand == pytest.approx(3.3333333333)


def test_noise_has_the_moments_of_the_logistic_distribution() -> None:
    noise = logistic_noise(7, b"query", MANY, scale=SCALE)

    deviation = math.pi * SCALE / math.sqrt(3)
    assert deviation == pytest.approx(0.4534498411)
    assert abs(noise.mean()) < 4 * deviation / math.sqrt(len(MANY))
    assert noise.std() == pytest.approx(deviation, rel=0.03)
    assert np.quantile(noise, 0.975) == pytest.approx(0.9158904115, rel=0.05)


def test_noise_has_no_tails() -> None:
    noise = logistic_noise(1, b"query", MANY, scale=SCALE)

    assert np.abs(noise).max() <= SCALE * math.log((1 - 1e-4) / 1e-4) + 1e-12


def test_noise_of_a_memory_does_not_depend_on_the_others_or_their_order() -> None:
    together = logistic_noise(3, b"query", MANY[:100], scale=SCALE)

    backwards = logistic_noise(3, b"query", MANY[:100][::-1], scale=SCALE)

    assert together.tolist() == backwards[::-1].tolist()
    assert together[42] == logistic_noise(3, b"query", [MANY[42]], scale=SCALE)[0]


def test_noise_differs_by_seed_query_and_memory() -> None:
    drawn = [
        logistic_noise(seed, query, [memory], scale=SCALE)[0]
        for seed in (0, 1)
        for query in (b"one", b"two")
        for memory in MANY[:2]
    ]

    assert len(set(drawn)) == len(drawn)


def test_noise_scales_with_its_parameter() -> None:
    one = logistic_noise(0, b"query", MANY[:10], scale=1.0)

    assert logistic_noise(0, b"query", MANY[:10], scale=0.5).tolist() == (one * 0.5).tolist()


def test_no_memories_have_no_noise() -> None:
    assert logistic_noise(0, b"query", [], scale=SCALE).shape == (0,)
