"""Compaction of long histories: what is kept, how far B may be off, and that only events decide."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cognition.base_level import ACT_R, SERVICE, FloatArray, Kernel, base_level
from cognition.compaction import (
    AGE_RATIO,
    STRENGTH_MIN,
    TRACES_MAX,
    Compacted,
    compacted,
    compaction_error,
)
from cognition.errors import ParameterOutOfRange

DAY_MS = 86_400_000
NOW_MS = 1_750_000_000_000
# As the service stores them: a little-endian structure with floats of 32 bits.
TRACE = np.dtype([("time_ms", "<i8"), ("id", "<u8"), ("weight", "<f4"), ("decay_rate", "<f4")])


def histories(count: int) -> st.SearchStrategy[np.ndarray]:
    """Many traces from few drawn numbers: how they are spread, and a seed."""

    def build(
        seed: int, spread_days: float, burst: float, decays: tuple[float, float]
    ) -> np.ndarray:
        random = np.random.default_rng(seed)
        gaps = random.exponential(spread_days * DAY_MS / count, count)
        gaps[random.random(count) < burst] = 0
        traces = np.zeros(count, TRACE)
        traces["time_ms"] = NOW_MS + np.cumsum(gaps).astype(np.int64)
        traces["weight"] = random.choice([1, 0.35, 0.02], count)
        traces["decay_rate"] = random.uniform(min(decays), max(decays), count)
        return traces

    return st.builds(
        build,
        st.integers(0, 2**32 - 1),
        st.floats(1, 3_000),
        st.floats(0, 0.9),
        st.tuples(st.floats(0.2, 1.5), st.floats(0.2, 1.5)),
    )


def fold(traces: np.ndarray, cap: int, kernel: Kernel = SERVICE) -> np.ndarray:
    """The history as it stands after all events, compacted whenever it is too long."""
    history = traces[:0]
    for i in range(len(traces)):
        history = np.concatenate([history, traces[i : i + 1]])
        if len(history) > cap:
            history = replaced(history, cap, kernel)
    return history


def parts(history: np.ndarray) -> tuple[np.ndarray, FloatArray, FloatArray]:
    """Times, weights and decays."""
    weights, decays = (history[name].astype(np.float64) for name in ("weight", "decay_rate"))
    return history["time_ms"], weights, decays


def replaced(history: np.ndarray, cap: int, kernel: Kernel) -> np.ndarray:
    """The history with its older part in buckets."""
    found = compacted(*parts(history), cap=cap, kernel=kernel)
    buckets = np.zeros(len(found.times_ms), TRACE)
    buckets["time_ms"] = found.times_ms
    buckets["weight"] = found.weights
    buckets["decay_rate"] = found.decay_rates
    return np.concatenate([buckets, history[found.kept]])


def level_at(history: np.ndarray, now_ms: int, kernel: Kernel = SERVICE) -> float:
    """B of the history at a moment."""
    times, weights, decays = parts(history)
    ages = (now_ms - times) / 1000
    return float(
        base_level(
            ages,
            decays,
            weights=weights,
            memory_of_trace=np.zeros(len(ages), np.intp),
            memories=1,
            kernel=kernel,
        )[0]
    )


def bound(found: Compacted, dropped: int, now_ms: int) -> float:
    """How far B may be off then, in nats, by the stated errors."""
    ages = (now_ms - found.times_ms) / 1000
    errors = compaction_error(ages, found.decay_rates)
    # The rest: what is dropped, rounding of times to 1 ms and of weights to 24 bits.
    return math.log1p(float(errors.max(initial=0.0))) + dropped * STRENGTH_MIN * 50 + 1e-5


@settings(max_examples=60, deadline=None)
@given(histories(400), st.floats(0, 4_000))
def test_activation_stays_within_the_stated_bound_at_any_later_moment(
    traces: np.ndarray, later_days: float
) -> None:
    now_ms = int(traces["time_ms"].max() + later_days * DAY_MS)
    found = compacted(*parts(traces), cap=700)

    after = level_at(replaced(traces, 700, SERVICE), now_ms)

    dropped = len(traces) - int(found.kept.sum()) - len(found.times_ms)
    assert abs(after - level_at(traces, now_ms)) <= bound(found, dropped, now_ms)


@settings(max_examples=15, deadline=None)
@given(histories(600), st.floats(0, 4_000))
def test_compacting_again_and_again_stays_within_the_same_bound(
    traces: np.ndarray, later_days: float
) -> None:
    # Two decays, so that all buckets have room and no interval is doubled.
    traces["decay_rate"] = np.where(traces["decay_rate"] < 0.7, 0.5, 0.62)
    now_ms = int(traces["time_ms"].max() + later_days * DAY_MS)

    folded = fold(traces, 300)

    found = compacted(*parts(folded), cap=300)
    off = abs(level_at(folded, now_ms) - level_at(traces, now_ms))
    assert len(folded) <= 300
    assert off <= bound(found, 0, now_ms)


@settings(max_examples=40, deadline=None)
@given(histories(300))
def test_weight_and_mean_time_are_kept_as_far_as_nothing_is_dropped(traces: np.ndarray) -> None:
    times, weights, decays = parts(traces)
    decays = np.minimum(decays, 0.9)

    found = compacted(times, weights, decays, cap=100)

    old = ~found.kept
    assert float(found.weights.sum()) == pytest.approx(float(weights[old].sum()))
    assert float(found.weights @ (found.times_ms - NOW_MS)) == pytest.approx(
        float(weights[old] @ (times[old] - NOW_MS)), abs=float(weights[old].sum()) + 1
    )
    assert float(found.weights @ found.decay_rates) == pytest.approx(
        float(weights[old] @ decays[old])
    )


@settings(max_examples=40, deadline=None)
@given(histories(300))
def test_newest_half_stays_as_it_is_and_the_whole_fits_the_cap(traces: np.ndarray) -> None:
    found = compacted(*parts(traces), cap=100)

    assert int(found.kept.sum()) == 50
    assert traces["time_ms"][found.kept].min() >= traces["time_ms"][~found.kept].max()
    assert 50 + len(found.times_ms) < 100


@settings(max_examples=25, deadline=None)
@given(histories(250), st.lists(st.integers(1, 249), max_size=6))
def test_bytes_are_the_same_however_the_log_is_cut_into_batches(
    traces: np.ndarray, cuts: list[int]
) -> None:
    whole = fold(traces, 60)

    history = traces[:0]
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(traces)], strict=True):
        # A batch is folded on what Redis holds: bytes.
        stored = np.frombuffer(history.tobytes(), TRACE)
        for trace in traces[start:end]:
            stored = np.concatenate([stored, np.array([trace], TRACE)])
            if len(stored) > 60:
                stored = replaced(stored, 60, SERVICE)
        history = stored

    assert history.tobytes() == whole.tobytes()


def test_traces_that_share_a_bucket_share_every_later_one() -> None:
    # Whether the older half was compacted before or not, the buckets are the same.
    random = np.random.default_rng(3)
    times = NOW_MS + np.cumsum(random.exponential(5 * DAY_MS, 400)).astype(np.int64)
    weights, decays = np.ones(400), np.full(400, 0.5)
    first = compacted(times[:300], weights[:300], decays[:300], cap=100)

    twice = compacted(
        np.concatenate([first.times_ms, times[:300][first.kept], times[300:]]),
        np.concatenate([first.weights, np.ones(150)]),
        np.full(len(first.times_ms) + 150, 0.5),
        cap=100,
    )

    once = compacted(times, weights, decays, cap=100)
    assert twice.weights.tolist() == once.weights.tolist()
    # Each compaction rounds a mean down to a millisecond.
    assert np.abs(twice.times_ms - once.times_ms).max() <= 1
    assert first.weights.max() > 1


def test_traces_of_a_bucket_are_at_most_a_quarter_apart_in_age() -> None:
    ages_ms = np.arange(1, 2001) * DAY_MS // 4
    onset_ms = SERVICE.onset_seconds * 1000

    found = compacted(NOW_MS - ages_ms, np.ones(2000), np.full(2000, 0.5), cap=200)

    means = NOW_MS - found.times_ms + onset_ms - DAY_MS // 4
    # Evenly spaced traces: n of them span n - 1 steps.
    spans = (found.weights - 1) * DAY_MS / 4
    assert np.all((means + spans / 2) / (means - spans / 2) <= AGE_RATIO + 1e-6)
    assert len(found.times_ms) < 40


def test_a_late_trace_older_than_the_border_joins_the_bucket_of_its_time() -> None:
    times = NOW_MS + np.arange(100) * DAY_MS
    late = np.append(times, times[10] + 1000)

    without = compacted(times, np.ones(100), np.full(100, 0.5), cap=40)
    found = compacted(late, np.ones(101), np.full(101, 0.5), cap=40)

    assert found.kept.tolist() == [*without.kept.tolist(), False]
    assert found.weights.sum() == without.weights.sum() + 1
    assert len(found.weights) == len(without.weights)


def test_what_has_faded_to_nothing_is_dropped() -> None:
    times = np.array([NOW_MS] * 10 + [NOW_MS + 365 * DAY_MS] * 10)

    found = compacted(times, np.ones(20), np.repeat([0.5, 5.0], [5, 15]), cap=20)

    # (1 + a / t0)^-5 is about 1e-17 after a year; .02 of d = .5.
    assert found.weights.tolist() == [5.0]
    assert found.decay_rates.tolist() == [0.5]


def test_thousands_of_accesses_at_once_stay_below_the_cap_with_spacing() -> None:
    # Each decays faster by c than the one before: a thousand different decays, no age.
    count = TRACES_MAX + 1
    decays = 0.5 + 0.2 * np.arange(count, dtype=np.float64)

    found = compacted(np.full(count, NOW_MS), np.ones(count), decays)

    assert int(found.kept.sum()) + len(found.times_ms) < TRACES_MAX
    assert float(found.weights.sum()) == count - TRACES_MAX // 2


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_history_that_fits_into_half_the_cap_stays_as_it_is(count: int) -> None:
    found = compacted(np.full(count, NOW_MS), np.ones(count), np.full(count, 0.5), cap=100)

    assert found.kept.tolist() == [True] * count
    assert len(found.times_ms) == len(found.weights) == len(found.decay_rates) == 0


def test_times_before_1970_are_times() -> None:
    times = -NOW_MS + np.arange(40) * DAY_MS

    found = compacted(times, np.ones(40), np.full(40, 0.5), cap=20)

    assert found.times_ms.min() >= times.min()
    assert found.times_ms.max() < times[30]


def test_canonical_profile_counts_ages_without_an_onset() -> None:
    times = NOW_MS + np.arange(200) * 10_000

    found = compacted(times, np.ones(200), np.full(200, 0.5), cap=100, kernel=ACT_R)

    ages = times[-1] - found.times_ms
    assert len(ages) > 4
    assert np.all(np.diff(ages) < 0)


def test_bound_for_plain_decay_is_what_the_page_says() -> None:
    q = AGE_RATIO - 1

    by_age = 0.5 * 1.5 / 8 * q**2 * (1 + q) ** 0.5

    assert by_age == pytest.approx(0.0066, abs=5e-5)
    # At the onset the logarithm is small: what remains is the decays' share of a step.
    assert float(compaction_error(np.zeros(1), np.array([0.5]))[0]) == pytest.approx(
        AGE_RATIO**0.05 * (1 + by_age) - 1, abs=1e-12
    )


def test_a_cap_too_small_to_halve_twice_is_refused() -> None:
    with pytest.raises(ParameterOutOfRange, match="at least 4 traces, got 3"):
        compacted(np.zeros(1, np.int64), np.ones(1), np.full(1, 0.5), cap=3)
