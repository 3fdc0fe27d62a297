"""Replay, facts, downscaling and skills."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.consolidation import (
    downscaling_bias,
    fact_confidence,
    learnt_utility,
    replay_keys,
    replay_priority,
)
from cognition.errors import ParameterOutOfRange

SHARES = st.floats(0, 1)


@given(st.floats(-5, 5), SHARES, SHARES, SHARES, SHARES)
def test_priority_is_need_times_gain(
    level: float, novelty: float, surprise: float, conflict: float, emotion: float
) -> None:
    found = replay_priority(
        np.array([level]),
        novelty=np.array([novelty]),
        surprise=np.array([surprise]),
        conflict=np.array([conflict]),
        emotion=np.array([emotion]),
    )

    rest = math.prod(1 - f / 2 for f in (novelty, surprise, conflict, emotion))
    assert float(found[0]) == pytest.approx((1 - rest) / (1 + math.exp(-level)))
    assert 0 <= float(found[0]) <= 1


@pytest.mark.parametrize(
    ("level", "gain", "expected"), [(1.0, 0.2, 0.146), (0.0, 0.6, 0.300), (-1.0, 0.9, 0.242)]
)
def test_a_faded_memory_with_much_to_gain_comes_before_a_fresh_one(
    level: float, gain: float, expected: float
) -> None:
    zero = np.zeros(1)

    # A feature of f gains f / 2.
    found = replay_priority(
        np.array([level]), novelty=np.array([2 * gain]), surprise=zero, conflict=zero, emotion=zero
    )

    assert float(found[0]) == pytest.approx(expected, abs=5e-4)


def test_memories_are_drawn_by_their_priority() -> None:
    random = np.random.default_rng(5)
    priorities = np.array([0.1, 0.4, 0.0])
    draws = 4_000

    first = [
        int(np.argmax(replay_keys(priorities, random.uniform(1e-9, 1, 3)))) for _ in range(draws)
    ]

    share = 0.1**0.6 / (0.1**0.6 + 0.4**0.6)
    assert first.count(0) / draws == pytest.approx(share, abs=4 * 0.5 / math.sqrt(draws))
    assert first.count(2) == 0


@pytest.mark.parametrize(
    ("support", "contradictions", "quantile", "expected"),
    [(3, 0, 0.1, 0.562), (4, 1, 0.1, 0.490), (5, 1, 0.1, 0.547), (3, 0, 0.05, 0.473)],
)
def test_confidence_is_that_of_the_page(
    support: int, contradictions: int, quantile: float, expected: float
) -> None:
    found = fact_confidence(support, contradictions, quantile=quantile)

    assert found == pytest.approx(expected, abs=5e-4)


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.01, 0.99))
def test_confidence_grows_with_support_and_falls_with_contradiction(
    support: int, contradictions: int, quantile: float
) -> None:
    found = fact_confidence(support, contradictions, quantile=quantile)

    assert 0 < found < 1
    assert fact_confidence(support + 1, contradictions, quantile=quantile) > found
    assert fact_confidence(support, contradictions + 1, quantile=quantile) < found
    # The other way round is the other side of the distribution.
    assert fact_confidence(contradictions, support, quantile=1 - quantile) == pytest.approx(
        1 - found, abs=1e-9
    )


@given(st.integers(0, 500), st.floats(0.01, 0.99))
def test_confidence_without_contradiction_is_a_root(support: int, quantile: float) -> None:
    # The distribution function of Beta(1 + n, 1) is x^(1 + n).
    assert fact_confidence(support, 0, quantile=quantile) == pytest.approx(
        quantile ** (1 / (1 + support)), abs=1e-9
    )


@pytest.mark.parametrize(
    ("support", "contradictions", "quantile"),
    [(-1, 0, 0.1), (0, -1, 0.1), (1, 1, 0.0), (1, 1, 1.0)],
)
def test_counts_and_quantiles_out_of_range_are_refused(
    support: int, contradictions: int, quantile: float
) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"{support}, {contradictions}, {quantile}"):
        fact_confidence(support, contradictions, quantile=quantile)


def test_downscaling_spares_what_was_used_since_and_never_adds_up() -> None:
    used = np.array([5.0, 10.0, 15.0])

    biases = downscaling_bias(used, run_began_seconds=10.0)

    assert biases.tolist() == pytest.approx([math.log(0.9), 0.0, 0.0])
    assert downscaling_bias(used, run_began_seconds=10.0, factor=1.0).tolist() == [0.0] * 3
    with pytest.raises(ParameterOutOfRange, match="got 0"):
        downscaling_bias(used, run_began_seconds=10.0, factor=0)


@given(st.lists(st.floats(-100, 100), max_size=30), st.floats(0, 1))
def test_utility_stays_among_what_was_earned(rewards: list[float], rate: float) -> None:
    found = learnt_utility(np.array(rewards), learning_rate=rate)

    assert min([0.0, *rewards]) - 1e-9 <= found <= max([0.0, *rewards]) + 1e-9
