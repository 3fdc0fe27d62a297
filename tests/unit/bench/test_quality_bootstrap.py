"""What the bootstrap calls significant, and what it does not."""

import numpy as np
import pytest

from bench.quality.bootstrap import paired_difference

RANDOM = np.random.default_rng(3)
QUESTIONS = 200
OTHER = RANDOM.random((QUESTIONS, 6))


def test_ranking_against_itself_is_no_difference() -> None:
    same = paired_difference(OTHER, OTHER, samples=500)

    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    assert not same.is_significant


def test_better_in_nearly_all_questions_is_significant_and_worse_is_not() -> None:
    better = OTHER + 0.1 + 0.05 * RANDOM.standard_normal(OTHER.shape)

    gain = paired_difference(better, OTHER, samples=1000)
    loss = paired_difference(OTHER, better, samples=1000)

    assert gain.is_significant
    assert 0.08 < gain.low < gain.mean < gain.high < 0.12
    assert gain.p == pytest.approx(2 / 1001)
    assert not loss.is_significant
    assert loss.mean == pytest.approx(-gain.mean)


def test_luck_is_not_significant() -> None:
    noise = np.where(np.arange(QUESTIONS) % 2, 0.3, -0.3)

    difference = paired_difference(noise, np.zeros(QUESTIONS), samples=1000)

    assert difference.low < 0 < difference.high
    assert difference.p > 0.3


def test_interval_is_as_wide_as_the_standard_error_says() -> None:
    differences = RANDOM.standard_normal(QUESTIONS)

    found = paired_difference(differences, np.zeros(QUESTIONS), samples=20_000)

    expected = 2 * 1.96 * differences.std() / np.sqrt(QUESTIONS)
    assert found.high - found.low == pytest.approx(expected, rel=0.05)


def test_asking_the_same_at_more_moments_proves_nothing_more() -> None:
    once = RANDOM.standard_normal((QUESTIONS, 1))
    often = np.repeat(once, 6, axis=1)

    narrow = paired_difference(often, np.zeros_like(often))
    wide = paired_difference(once, np.zeros_like(once))

    assert (narrow.low, narrow.high) == pytest.approx((wide.low, wide.high))


def test_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    zero = np.zeros_like(OTHER)

    first = paired_difference(OTHER, zero, seed=5, samples=300)

    assert paired_difference(OTHER, zero, seed=5, samples=300) == first
    assert paired_difference(OTHER, zero, seed=6, samples=300) != first


def test_different_questions_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="not the same questions"):
        paired_difference(OTHER, OTHER[1:])
