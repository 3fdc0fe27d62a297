"""The optimised and hybrid base level, spacing of whole histories, and inhibition."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.base_level import ACT_R, SERVICE, Kernel
from cognition.errors import ParameterOutOfRange
from cognition.reference.approximations import hybrid_base_level, optimised_base_level
from cognition.reference.inhibition import base_level_inhibition
from cognition.spacing import presentation_decays
from tests.unit.cognition.histories import YEAR_SECONDS, Trace, level, presented

KERNELS = st.sampled_from([ACT_R, SERVICE])
DECAYS = st.floats(0.05, 0.95)
AGES = st.lists(st.floats(0.0, YEAR_SECONDS), min_size=1, max_size=12)


def hybrid(ages: list[float], decay: float, exact: int, kernel: Kernel = ACT_R) -> float:
    """The hybrid form of one memory."""
    return float(
        hybrid_base_level(
            np.array(ages),
            memory_of_trace=np.zeros(len(ages), np.intp),
            decay_rates=np.array([decay]),
            exact=exact,
            kernel=kernel,
        )[0]
    )


def hybrid_by_hand(ages: list[float], decay: float, exact: int, kernel: Kernel) -> float:
    """The equation as it stands in the paper, one trace after the other."""

    def argument(age: float, least: float) -> float:
        return (max(age, least) + kernel.onset_seconds) / kernel.unit_seconds

    ages = sorted(ages)
    total = sum(argument(age, kernel.age_seconds_min) ** -decay for age in ages[:exact])
    if len(ages) > exact:
        low, high = argument(ages[exact - 1], 0.0), argument(ages[-1], 0.0)
        span = max(high - low, 0.05 / kernel.unit_seconds)
        integral = (high ** (1 - decay) - low ** (1 - decay)) / ((1 - decay) * span)
        total += (len(ages) - exact) * integral
    return kernel.fresh_activation + math.log(total) if total else -math.inf


@given(AGES, DECAYS, st.integers(1, 14), KERNELS)
def test_hybrid_equals_the_paper_s_equation(
    ages: list[float], decay: float, exact: int, kernel: Kernel
) -> None:
    found = hybrid(ages, decay, exact, kernel)

    by_hand = hybrid_by_hand(ages, decay, exact, kernel)
    assert found == pytest.approx(by_hand, rel=1e-9, abs=1e-7)


@given(AGES, DECAYS, KERNELS)
def test_hybrid_with_all_presentations_is_the_exact_form(
    ages: list[float], decay: float, kernel: Kernel
) -> None:
    exact = level([Trace(age, decay) for age in ages], kernel=kernel)

    assert hybrid(ages, decay, len(ages), kernel) == pytest.approx(exact, abs=1e-12)


@given(st.lists(st.tuples(AGES, DECAYS), min_size=1, max_size=8), st.integers(1, 5), st.randoms())
def test_hybrid_of_many_ragged_histories_equals_each_alone_in_any_order(
    memories: list[tuple[list[float], float]], exact: int, random: Random
) -> None:
    flat = [(age, i) for i, (ages, _) in enumerate(memories) for age in ages]
    random.shuffle(flat)

    together = hybrid_base_level(
        np.array([age for age, _ in flat]),
        memory_of_trace=np.array([i for _, i in flat]),
        decay_rates=np.array([decay for _, decay in memories]),
        exact=exact,
    )

    assert together.tolist() == [hybrid(ages, decay, exact) for ages, decay in memories]


def test_hybrid_of_a_memory_without_traces_has_no_activation() -> None:
    levels = hybrid_base_level(
        np.array([4.0, 9.0, 25.0]),
        memory_of_trace=np.array([2, 0, 2]),
        decay_rates=np.full(4, 0.5),
        exact=1,
    )

    assert np.isneginf(levels).tolist() == [False, True, False, True]


@pytest.mark.parametrize(("decay", "exact"), [(0.0, 1), (1.0, 1), (0.5, 0)])
def test_hybrid_refuses_what_it_is_not_defined_for(decay: float, exact: int) -> None:
    with pytest.raises(ParameterOutOfRange, match="need exact >= 1"):
        hybrid([1.0], decay, exact)


@given(st.integers(1, 1000), st.floats(1.0, YEAR_SECONDS), DECAYS)
def test_optimised_form_nears_the_exact_one_of_even_spacing(
    presentations: int, lifetime: float, decay: float
) -> None:
    found = float(optimised_base_level(presentations, lifetime, decay_rate=decay))

    assert found == pytest.approx(
        math.log(presentations / (1 - decay)) - decay * math.log(lifetime), abs=1e-9
    )
    more = float(optimised_base_level(presentations + 1, lifetime, decay_rate=decay))
    older = float(optimised_base_level(presentations, lifetime * 2, decay_rate=decay))
    assert older < found < more


def test_optimised_form_clamps_the_lifetime_and_takes_arrays() -> None:
    levels = optimised_base_level(np.array([1, 1, 0]), np.array([-3.0, 0.05, 9.0]))

    assert levels[0] == levels[1]
    assert levels[2] == -math.inf


@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_optimised_form_refuses_decays_without_integral(decay: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"got {decay}"):
        optimised_base_level(1, 1.0, decay_rate=decay)


# At least a second apart: canonically a trace of age 0 has the strength 20^d, so decays explode.
TIMES = st.lists(st.integers(0, int(YEAR_SECONDS)).map(float), min_size=1, max_size=8, unique=True)


@given(TIMES.map(sorted), st.floats(0.05, 1.0), st.floats(0, 1), KERNELS, st.floats(0.01, 1))
def test_decays_of_a_history_are_those_laid_down_one_by_one(
    times: list[float], decay: float, scale: float, kernel: Kernel, weight: float
) -> None:
    found = presentation_decays(
        np.array(times), decay_rates=decay, spacing_scale=scale, weights=weight, kernel=kernel
    )

    laid = presented(times, decay_rate=decay, spacing_scale=scale, kernel=kernel, weight=weight)
    assert found.tolist() == pytest.approx([each for _, each in laid], rel=1e-12)


@given(st.lists(TIMES, min_size=1, max_size=6), st.floats(0, 1))
def test_decays_of_many_histories_equal_each_alone(
    histories: list[list[float]], scale: float
) -> None:
    longest = max(map(len, histories))
    filled = np.array([times + [math.nan] * (longest - len(times)) for times in histories])

    together = presentation_decays(filled, decay_rates=0.5, spacing_scale=scale)

    for times, row in zip(histories, together, strict=True):
        alone = presentation_decays(np.array(times), decay_rates=0.5, spacing_scale=scale)
        assert row[: len(times)].tolist() == pytest.approx(alone.tolist(), rel=1e-12)
        assert np.isnan(row[len(times) :]).all()


def test_a_trace_that_is_later_in_time_does_not_strengthen_an_earlier_one() -> None:
    decays = presentation_decays(np.array([1e6, 0.0]), decay_rates=0.5, spacing_scale=0.2)

    assert decays.tolist() == [0.5, 0.5]


def test_every_presentation_may_have_an_emotion_and_a_weight_of_its_own() -> None:
    decays = presentation_decays(
        np.zeros(3),
        decay_rates=np.array([0.3, 0.5, 0.4]),
        spacing_scale=0.2,
        weights=np.array([1.0, 0.02, 1.0]),
    )

    assert decays.tolist() == pytest.approx([0.3, 0.7, 0.604])


def test_spacing_refuses_a_decay_of_nothing_and_a_negative_scale() -> None:
    for decay, scale in ((0.0, 0.2), (0.5, -0.1)):
        with pytest.raises(ParameterOutOfRange, match=f"{decay} and {scale}"):
            presentation_decays(np.zeros(2), decay_rates=decay, spacing_scale=scale)


@given(st.floats(0.05, YEAR_SECONDS), st.floats(1.01, 10), st.floats(0.1, 100), st.floats(0.1, 3))
def test_inhibition_lowers_and_wears_off(
    age: float, factor: float, scale: float, decay: float
) -> None:
    now, later = base_level_inhibition(
        np.array([age, age * factor]), scale_seconds=scale, decay_rate=decay
    )

    assert now <= later <= 0


def test_inhibition_of_what_is_used_just_now_is_a_number() -> None:
    assert math.isfinite(float(base_level_inhibition(0.0)))


@pytest.mark.parametrize(("scale", "decay"), [(0.0, 1.0), (5.0, 0.0)])
def test_inhibition_refuses_scale_and_decay_of_nothing(scale: float, decay: float) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"{scale} and {decay}"):
        base_level_inhibition(1.0, scale_seconds=scale, decay_rate=decay)
