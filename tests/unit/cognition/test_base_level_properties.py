"""What holds of base level and spacing for any history."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.base_level import ACT_R, SERVICE, Kernel, presentation_decay, retrieval_threshold
from tests.unit.cognition.histories import (
    AGES,
    DECAY_RATES,
    HISTORIES,
    TRACES,
    WEIGHTS,
    YEAR_SECONDS,
    Trace,
    level,
    level_by_hand,
    levels,
    presented,
)

KERNELS = st.sampled_from([ACT_R, SERVICE])


@given(HISTORIES, st.floats(0, YEAR_SECONDS), KERNELS)
def test_time_alone_never_raises_activation(
    history: list[Trace], later_seconds: float, kernel: Kernel
) -> None:
    older = [Trace(t.age_seconds + later_seconds, t.decay_rate, t.weight) for t in history]

    assert level(older, kernel=kernel) <= level(history, kernel=kernel) + 1e-12


@given(
    st.lists(st.builds(Trace, st.floats(0, YEAR_SECONDS), DECAY_RATES, WEIGHTS), min_size=1),
    st.floats(1, YEAR_SECONDS),
)
def test_activation_falls_strictly_in_the_service_profile(
    history: list[Trace], later_seconds: float
) -> None:
    older = [Trace(t.age_seconds + later_seconds, t.decay_rate, t.weight) for t in history]

    assert level(older) < level(history)


@given(HISTORIES, TRACES, KERNELS)
def test_another_trace_raises_activation(
    history: list[Trace], another: Trace, kernel: Kernel
) -> None:
    before = level(history, kernel=kernel)

    after = level([*history, another], kernel=kernel)

    assert after >= before
    if level([another], kernel=kernel) > before - 20:  # else it is lost in rounding
        assert after > before


@given(HISTORIES.flatmap(lambda h: st.tuples(st.just(h), st.permutations(h))), KERNELS)
def test_order_of_the_traces_does_not_matter(
    pair: tuple[list[Trace], list[Trace]], kernel: Kernel
) -> None:
    history, shuffled = pair

    assert level(shuffled, kernel=kernel) == pytest.approx(level(history, kernel=kernel), abs=1e-12)


@given(st.lists(st.lists(TRACES, max_size=8), min_size=1, max_size=12), KERNELS)
def test_one_pass_over_ragged_histories_equals_a_loop(
    memories: list[list[Trace]], kernel: Kernel
) -> None:
    together = levels(memories, kernel=kernel)

    alone = [level_by_hand(history, kernel) if history else -math.inf for history in memories]
    assert together == pytest.approx(alone, rel=1e-12, abs=1e-12)


@given(st.lists(st.lists(TRACES, max_size=6), min_size=1, max_size=8), st.data())
def test_activation_does_not_depend_on_which_other_memories_are_asked_about(
    memories: list[list[Trace]], data: st.DataObject
) -> None:
    which = data.draw(st.integers(0, len(memories) - 1))

    # Bit for bit, or the same candidate would rank differently among others.
    assert levels(memories)[which] == level(memories[which])


@given(AGES, AGES, DECAY_RATES, st.floats(0.001, 1e6))
def test_another_unit_of_time_shifts_all_activations_alike(
    one: float, other: float, decay_rate: float, unit_seconds: float
) -> None:
    scaled = Kernel(
        fresh_activation=0.0, age_seconds_min=0.05, onset_seconds=0.0, unit_seconds=unit_seconds
    )

    shifts = [
        level([Trace(age, decay_rate)], kernel=scaled)
        - level([Trace(age, decay_rate)], kernel=ACT_R)
        for age in (one, other)
    ]

    assert shifts == pytest.approx([decay_rate * math.log(unit_seconds)] * 2, abs=1e-9)


@given(HISTORIES, st.floats(-5, 5))
def test_activation_of_a_fresh_memory_shifts_all_activations_alike(
    history: list[Trace], fresh: float
) -> None:
    kernel = Kernel.with_onset(SERVICE.onset_seconds, fresh_activation=fresh)

    assert level(history, kernel=kernel) - fresh == pytest.approx(level(history) - 1.0, abs=1e-9)


@given(AGES, DECAY_RATES, DECAY_RATES)
def test_higher_decay_never_leads_in_the_service_profile(
    age_seconds: float, one: float, other: float
) -> None:
    slow, fast = sorted((one, other))

    assert level([Trace(age_seconds, fast)]) <= level([Trace(age_seconds, slow)])


@given(st.lists(TRACES, max_size=20), KERNELS)
def test_activation_is_a_number_or_minus_infinity(history: list[Trace], kernel: Kernel) -> None:
    value = level(history, kernel=kernel)

    assert math.isfinite(value) if history else value == -math.inf


@given(st.lists(st.floats(0, YEAR_SECONDS), min_size=1, max_size=8).map(sorted))
def test_new_trace_decays_faster_the_stronger_the_memory_is(times: list[float]) -> None:
    laid = presented(times, decay_rate=0.5, spacing_scale=0.2, kernel=SERVICE)

    assert laid[0][1] == 0.5
    assert all(decay > 0.5 for _, decay in laid[1:])
    # n traces together are at most n fresh ones.
    assert all(decay <= 0.5 + 0.2 * number for number, (_, decay) in enumerate(laid))


@given(st.floats(0, 1e6), st.floats(0.01, 1.0))
def test_without_spacing_the_decay_is_the_first_ones(strength: float, decay_rate: float) -> None:
    assert presentation_decay(strength, decay_rate=decay_rate, spacing_scale=0.0) == decay_rate


@given(st.floats(1, 100 * YEAR_SECONDS), DECAY_RATES)
def test_untouched_memory_crosses_the_threshold_at_the_horizon(
    horizon_seconds: float, decay_rate: float
) -> None:
    threshold = retrieval_threshold(horizon_seconds, decay_rate=decay_rate)

    assert level([Trace(horizon_seconds * 0.99, decay_rate)]) > threshold
    assert level([Trace(horizon_seconds * 1.01, decay_rate)]) < threshold
