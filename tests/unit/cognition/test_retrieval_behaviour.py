"""Probability, latency, choice, blending, partial matching, and the moments of noise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.base_level import ACT_R, SERVICE, Kernel
from cognition.errors import ParameterOutOfRange
from cognition.matching import cosine_calibration, cosine_match, evidence_match, partial_match
from cognition.noise import logistic_noise, logistic_quantile, noise_deviation
from cognition.retrieval import (
    CHOICE_SCALE,
    age_at_probability,
    blended,
    choice_probabilities,
    need_probability,
    retrieval_latency,
    retrieval_probability,
)
from tests.unit.cognition.histories import Trace, level

ACTIVATIONS = st.floats(-50, 50)
SCALES = st.floats(0.05, 5)


@given(ACTIVATIONS, ACTIVATIONS, SCALES)
def test_more_activation_is_more_probable_and_never_slower(
    one: float, other: float, scale: float
) -> None:
    low, high = sorted((one, other))
    ends = np.array([low, high])

    likely = retrieval_probability(ends, threshold=0.0, noise_scale=scale)
    slow = retrieval_latency(ends)

    assert 0 <= likely[0] <= likely[1] <= 1
    assert slow[0] >= slow[1] > 0


@given(ACTIVATIONS, SCALES)
def test_a_memory_at_the_threshold_is_retrieved_half_of_the_time(
    threshold: float, scale: float
) -> None:
    assert float(retrieval_probability(threshold, threshold=threshold, noise_scale=scale)) == 0.5


@pytest.mark.parametrize(("activation", "expected"), [(-math.inf, 0.0), (-1e9, 0.0), (1e9, 1.0)])
def test_probability_far_from_the_threshold_is_0_or_1(activation: float, expected: float) -> None:
    assert float(retrieval_probability(activation, threshold=0.0)) == expected
    assert float(need_probability(activation)) == expected


@given(st.floats(0.01, 0.99), st.floats(-5, 5), st.floats(0.05, 1))
def test_probability_is_the_share_of_noise_that_lifts_above_the_threshold(
    share: float, activation: float, scale: float
) -> None:
    threshold = activation - float(logistic_quantile(share, scale=scale))

    found = float(retrieval_probability(activation, threshold=threshold, noise_scale=scale))

    assert found == pytest.approx(share, abs=1e-12)


def test_a_failure_takes_as_long_as_a_memory_at_the_threshold() -> None:
    seconds = retrieval_latency(np.array([-5.0, -1.0, 2.0]), threshold=-1.0)

    assert seconds.tolist() == pytest.approx([math.e, math.e, math.exp(-2)])


@pytest.mark.parametrize("activation", [-1e6, -math.inf])
def test_latency_far_below_the_threshold_is_a_number(activation: float) -> None:
    seconds = float(retrieval_latency(activation, latency_factor=1_000.0, latency_exponent=10.0))

    assert math.isfinite(seconds)


@given(st.lists(ACTIVATIONS, min_size=1, max_size=8), SCALES, ACTIVATIONS)
def test_choice_is_a_distribution_that_only_differences_decide(
    activations: list[float], temperature: float, shift: float
) -> None:
    shares = choice_probabilities(np.array(activations), temperature=temperature)
    moved = choice_probabilities(np.array(activations) + shift, temperature=temperature)

    assert float(shares.sum()) == pytest.approx(1.0)
    assert moved.tolist() == pytest.approx(shares.tolist(), abs=1e-9)
    # Differences beyond the last digit tie.
    assert shares[int(np.argmax(activations))] == shares.max()


def test_nothing_can_be_chosen_from_nothing() -> None:
    assert choice_probabilities(np.zeros(0), temperature=1.0).tolist() == []


@pytest.mark.parametrize("gap", [-1.0, 0.2, 0.7])
def test_softmax_nears_a_race_with_logistic_noise(gap: float) -> None:
    scale, draws = 0.25, 20_000
    first, second = (
        logistic_noise(seed, b"race", [i.to_bytes(4, "big") for i in range(draws)], scale=scale)
        for seed in (1, 2)
    )

    won = float(np.mean(gap + first > second))

    expected = choice_probabilities(np.array([gap, 0.0]), temperature=CHOICE_SCALE * scale)[0]
    # Three standard errors of the race, and .03 of the approximation.
    assert won == pytest.approx(expected, abs=0.03 + 3 * 0.5 / math.sqrt(draws))


@given(
    st.lists(st.tuples(st.floats(-100, 100), ACTIVATIONS), min_size=1, max_size=8),
    SCALES,
)
def test_a_blend_lies_among_its_values(
    memories: list[tuple[float, float]], temperature: float
) -> None:
    values = np.array([value for value, _ in memories])

    found = blended(values, np.array([a for _, a in memories]), temperature=temperature)

    assert values.min() - 1e-9 <= found <= values.max() + 1e-9


@given(
    st.floats(0.01, 0.99),
    st.floats(-6, 0),
    st.floats(0.05, 1),
    st.floats(0.1, 0.95),
    st.sampled_from([ACT_R, SERVICE]),
)
def test_age_at_a_probability_has_that_probability(
    share: float, threshold: float, scale: float, decay: float, kernel: Kernel
) -> None:
    age = age_at_probability(
        share, threshold=threshold, noise_scale=scale, decay_rate=decay, kernel=kernel
    )

    if age > kernel.age_seconds_min:
        there = level([Trace(age, decay)], kernel=kernel)
        found = float(retrieval_probability(there, threshold=threshold, noise_scale=scale))
        assert found == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan])
def test_scales_of_nothing_are_refused(scale: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"got {scale}"):
        retrieval_probability(0.0, threshold=0.0, noise_scale=scale)
    with pytest.raises(ParameterOutOfRange, match=f"got {scale}"):
        choice_probabilities(np.zeros(2), temperature=scale)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_certainty_has_no_quantile_and_no_age(share: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"got {share}"):
        logistic_quantile(share, scale=0.25)
    with pytest.raises(ParameterOutOfRange, match=f"got {share}"):
        age_at_probability(share, threshold=-1.0, noise_scale=0.25)


@pytest.mark.parametrize("scale", [0.25, 0.5])
def test_moments_of_noise_are_those_of_the_logistic_distribution(scale: float) -> None:
    ids = [i.to_bytes(4, "big") for i in range(50_000)]
    sample = logistic_noise(11, b"moments", ids, scale=scale)

    deviation = noise_deviation(scale)
    assert deviation == pytest.approx(math.pi * scale / math.sqrt(3))
    assert abs(float(sample.mean())) < 4 * deviation / math.sqrt(len(ids))
    assert float(sample.std()) == pytest.approx(deviation, rel=0.02)
    inside = float(np.mean(np.abs(sample) < logistic_quantile(0.975, scale=scale)))
    assert inside == pytest.approx(0.95, abs=0.005)


@given(st.floats(-1, 1), st.floats(0.01, 0.5), st.floats(-1, 1), st.floats(-1, 1))
def test_calibrated_cosine_is_the_log_ratio_of_two_normal_densities(
    cosine: float, deviation: float, needed: float, other: float
) -> None:
    calibration = cosine_calibration(needed, other, deviation=deviation)

    found = cosine_match(np.array([cosine]), weight=calibration.weight, neutral=calibration.neutral)

    ratio = ((cosine - other) ** 2 - (cosine - needed) ** 2) / (2 * deviation**2)
    assert float(found[0]) == pytest.approx(ratio, abs=1e-6)


def test_evidence_of_words_and_meaning_adds_up() -> None:
    cosines, bm25 = np.array([0.1, 0.6, 0.6]), np.array([3.0, 0.0, 3.0])

    both = evidence_match(cosines, bm25, cosine_weight=15, lexical_weight=0.74, neutral=0.3)

    assert both.tolist() == pytest.approx([-3 + 2.22, 4.5, 4.5 + 2.22])


def test_calibration_without_spread_is_refused() -> None:
    with pytest.raises(ParameterOutOfRange, match="need deviation > 0"):
        cosine_calibration(0.5, 0.2, deviation=0.0)


def test_a_negated_slot_counts_against_what_is_identical_only() -> None:
    found = partial_match(
        np.array([[-0.3, 0.0], [-0.3, -0.4], [0.0, -1.0]]),
        mismatch_penalty=2.0,
        negated=np.array([False, True]),
    )

    assert found.tolist() == [-2.6, -0.6, 0.0]


@pytest.mark.parametrize("similarity", [0.1, -1.1])
def test_similarities_beyond_the_scale_are_refused(similarity: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=str(similarity)):
        partial_match(np.array([[similarity]]), mismatch_penalty=1.0)
