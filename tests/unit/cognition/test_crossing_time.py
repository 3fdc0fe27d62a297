"""Crossing times: activation is above the threshold before, below after, for any history."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.base_level import ACT_R, SERVICE, Kernel, base_level
from cognition.crossing import Traces, crossing_time, seconds_to_threshold
from cognition.errors import ParameterOutOfRange
from tests.unit.cognition.histories import HISTORIES, Trace, level

KERNELS = st.sampled_from([ACT_R, SERVICE])
THRESHOLDS = st.floats(-8, 2)
DAY = 86_400.0


def traces_of(memories: list[list[Trace]]) -> Traces:
    """Histories as the function takes them."""
    flat = [(i, trace) for i, history in enumerate(memories) for trace in history]
    return Traces(
        ages_seconds=np.array([trace.age_seconds for _, trace in flat]),
        decay_rates=np.array([trace.decay_rate for _, trace in flat]),
        weights=np.array([trace.weight for _, trace in flat]),
        memory_of_trace=np.array([i for i, _ in flat], np.intp),
    )


def wait(history: list[Trace], threshold: float, kernel: Kernel = SERVICE) -> float:
    """Of one memory."""
    return float(
        seconds_to_threshold(traces_of([history]), np.array([threshold]), kernel=kernel)[0]
    )


def after(history: list[Trace], seconds: float) -> list[Trace]:
    """The history, that much later."""
    return [Trace(t.age_seconds + seconds, t.decay_rate, t.weight) for t in history]


@given(HISTORIES, THRESHOLDS, KERNELS)
def test_activation_is_the_threshold_when_it_is_crossed(
    history: list[Trace], threshold: float, kernel: Kernel
) -> None:
    seconds = wait(history, threshold, kernel)

    if level(history, kernel=kernel) <= threshold:
        assert seconds == 0
    else:
        assert seconds > 0
        if math.isfinite(seconds):
            there = level(after(history, seconds), kernel=kernel)
            assert there == pytest.approx(threshold, abs=1e-9)
            assert level(after(history, seconds * 0.99), kernel=kernel) >= threshold - 1e-9
            assert level(after(history, seconds * 1.01 + 0.1), kernel=kernel) <= threshold + 1e-9


@given(st.lists(st.tuples(HISTORIES, THRESHOLDS), min_size=1, max_size=6), KERNELS)
def test_many_memories_at_once_equal_each_alone(
    memories: list[tuple[list[Trace], float]], kernel: Kernel
) -> None:
    together = seconds_to_threshold(
        traces_of([history for history, _ in memories]),
        np.array([threshold for _, threshold in memories]),
        kernel=kernel,
    )

    alone = [wait(history, threshold, kernel) for history, threshold in memories]
    assert together.tolist() == alone


@given(HISTORIES, THRESHOLDS, st.floats(0, 3))
def test_a_lower_threshold_is_crossed_later(
    history: list[Trace], threshold: float, lower: float
) -> None:
    assert wait(history, threshold - lower) >= wait(history, threshold) * (1 - 1e-9)


@given(HISTORIES, THRESHOLDS, st.floats(0, 1e6))
def test_another_trace_never_brings_the_crossing_forward(
    history: list[Trace], threshold: float, age: float
) -> None:
    assert wait([*history, Trace(age)], threshold) >= wait(history, threshold) * (1 - 1e-9)


@given(st.floats(0.01, 1), st.floats(0.1, 0.95), st.floats(-3, 0.5), KERNELS)
def test_one_trace_crosses_when_the_equation_says(
    weight: float, decay: float, threshold: float, kernel: Kernel
) -> None:
    exponent = (kernel.fresh_activation + math.log(weight) - threshold) / decay
    expected = kernel.unit_seconds * math.exp(exponent) - kernel.onset_seconds

    seconds = wait([Trace(0.0, decay, weight)], threshold, kernel)

    if level([Trace(0.0, decay, weight)], kernel=kernel) > threshold:
        assert seconds == pytest.approx(expected, rel=1e-9, abs=1e-9)
    else:
        assert seconds == 0


@pytest.mark.parametrize(("weights", "days"), [([1.0], 7.254), ([1.0] * 5, 184.59)])
def test_horizons_of_the_service_are_those_of_its_page(weights: list[float], days: float) -> None:
    history = [Trace(0.0, weight=weight) for weight in weights]

    assert wait(history, -1.0) / DAY == pytest.approx(days, abs=5e-3)


@pytest.mark.parametrize("kernel", [ACT_R, SERVICE], ids=["canonical", "service"])
def test_newton_needs_few_steps_for_thousands_of_mixed_histories(kernel: Kernel) -> None:
    # A fixed sample of 2,000 histories: a single one that does not converge would show.
    random = np.random.default_rng(7)
    lengths = random.integers(1, 30, 2000)
    owners = np.repeat(np.arange(2000), lengths)
    count = len(owners)
    traces = Traces(
        ages_seconds=random.exponential(1e5, count) * random.integers(0, 2, count),
        decay_rates=random.uniform(0.1, 1.5, count),
        weights=random.uniform(0.01, 1, count),
        memory_of_trace=owners,
    )
    thresholds = random.uniform(-5, 0.5, 2000)

    seconds = seconds_to_threshold(traces, thresholds, kernel=kernel)

    levels = base_level(
        traces.ages_seconds + seconds[owners],
        traces.decay_rates,
        weights=traces.weights,
        memory_of_trace=owners,
        memories=2000,
        kernel=kernel,
    )
    crossed = seconds > 0
    assert crossed.mean() > 0.9
    assert np.abs(levels - thresholds)[crossed].max() < 1e-12
    assert np.all(levels[~crossed] <= thresholds[~crossed])


@pytest.mark.parametrize(
    ("decay", "threshold", "expected"),
    [
        (1e-3, -1.0, math.inf),  # e^2000 units
        (0.5, -math.inf, math.inf),
        (0.5, -400.0, math.inf),
        (0.5, math.inf, 0.0),
        (0.5, 1.0, 0.0),
    ],
)
def test_never_is_infinite_and_at_once_is_nothing(
    decay: float, threshold: float, expected: float
) -> None:
    assert wait([Trace(0.0, decay)], threshold) == expected


def test_a_memory_without_traces_has_crossed() -> None:
    traces = traces_of([[], [Trace(0.0)], []])

    seconds = seconds_to_threshold(traces, np.full(3, -1.0))

    assert seconds[[0, 2]].tolist() == [0.0, 0.0]
    assert seconds[1] > 0


def test_presentations_within_the_canonical_floor_of_ages_cross_too() -> None:
    # Between 0 and 50 ms the sum is not convex: the floor holds one trace, the other falls.
    history = [Trace(0.0), Trace(0.04)]
    high = level(history, kernel=ACT_R)

    seconds = wait(history, high - 1e-3, ACT_R)

    assert 0 < seconds < 0.05
    assert level(after(history, seconds), kernel=ACT_R) == pytest.approx(high - 1e-3, abs=1e-9)


def test_clock_of_the_times_is_the_clock_of_the_crossing() -> None:
    times = np.array([4844.0, 0.0, 252.0, 126.0])

    here = crossing_time(times, 0.5, threshold=-3.5, kernel=ACT_R)
    there = crossing_time(times + 1.7e9, 0.5, threshold=-3.5, kernel=ACT_R)

    assert here == pytest.approx(19050.971447743836, rel=1e-12)
    assert there - 1.7e9 == pytest.approx(here, abs=1e-5)


def test_equal_decays_cross_between_the_bounds_of_the_mean_and_the_newest() -> None:
    times = np.array([0.0, 126.0, 252.0, 4844.0])

    crossed = crossing_time(times, 0.5, threshold=-3.5, kernel=ACT_R)

    assert 18851.630535 <= crossed <= 22390.130535


@pytest.mark.parametrize(
    ("trace", "threshold", "named"),
    [
        (Trace(0.0, 0.0), -1.0, "decay_rates > 0"),
        (Trace(0.0, 0.5, -1.0), -1.0, "weights >= 0"),
        (Trace(-1.0), -1.0, "ages_seconds >= 0"),
        (Trace(0.0), math.nan, "thresholds that are numbers"),
        (Trace(math.nan), -1.0, "ages_seconds >= 0"),
    ],
)
def test_what_has_no_crossing_time_is_refused_by_name(
    trace: Trace, threshold: float, named: str
) -> None:
    with pytest.raises(ParameterOutOfRange, match=named):
        wait([trace], threshold)


@pytest.mark.parametrize("exponent", [689.0, 695.0, 699.9, 700.1])
def test_wait_that_a_double_can_hardly_say_is_a_number_or_for_ever(exponent: float) -> None:
    kernel = Kernel.with_onset(30 * 86_400.0)
    one = Traces(
        ages_seconds=np.zeros(1),
        decay_rates=np.full(1, 0.01),
        weights=np.ones(1),
        memory_of_trace=np.zeros(1, np.intp),
    )

    (wait,) = seconds_to_threshold(one, np.array([1.0 - 0.01 * exponent]), kernel=kernel)

    assert wait > 1e300
