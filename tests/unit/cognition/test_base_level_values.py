"""Base level and spacing against numbers computed elsewhere: ACT-R 7 and the equations by hand."""

import math

import pytest

from cognition.base_level import (
    ACT_R,
    SERVICE,
    emotional_decay_rate,
    presentation_decay,
    retrieval_threshold,
)
from cognition.errors import ParameterOutOfRange
from tests.unit.cognition.histories import Trace, level, level_at, presented

DAY = 86_400.0
PAPER = {"decay_rate": 0.177, "spacing_scale": 0.217}


def gold(value: float) -> object:
    """Equal to a reference number within the tolerance that is published with it."""
    return pytest.approx(value, rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("times", "now", "decay_rate", "expected"),
    [
        ([0], 10, 0.5, -1.1512925464970225),
        ([0, 126, 252, 4844], 5877, 0.5, -2.6496250725904176),
        ([0, 3600, 40000, 80000, 86000], 86400, 0.5, -2.6034241025878650),
        ([0, 126, 252, 4844], 5877, 0.3, -1.0551349800185204),
        ([0, 3600, 40000, 80000, 86000], 86400, 0.8, -4.6458502229961400),
        ([99.98], 100, 0.5, 1.4978661367769954),
    ],
)
def test_canonical_profile_gives_the_numbers_of_act_r(
    times: list[float], now: float, decay_rate: float, expected: float
) -> None:
    history = [Trace(now - time, decay_rate) for time in times]

    assert level(history, kernel=ACT_R) == gold(expected)


@pytest.mark.parametrize("age_seconds", [-3600.0, -0.001, 0.0, 0.02, 0.05])
def test_canonical_age_is_never_less_than_fifty_milliseconds(age_seconds: float) -> None:
    assert level([Trace(age_seconds)], kernel=ACT_R) == gold(1.4978661367769954)


@pytest.mark.parametrize(
    ("times", "now", "decays", "activation"),
    [
        (
            [0, 126, 252, 4844],
            5877,
            {1: 0.177, 2: 0.2691921933367770, 4: 0.2624958031448764},
            -0.6187360820029917,
        ),
        (
            [0, 10, 20, 30],
            86400,
            {1: 0.177, 3: 0.4082330104005790, 4: 0.4634816970213132},
            -1.7460627598970953,
        ),
        (
            [0, 1000, 2000, 3000],
            86400,
            {1: 0.177, 2: 0.2408939494534331, 3: 0.2746107316101458},
            None,
        ),
    ],
    ids=["paper", "massed", "spaced"],
)
def test_spacing_gives_the_numbers_of_pavlik_and_anderson(
    times: list[float], now: float, decays: dict[int, float], activation: float | None
) -> None:
    laid = presented(times, kernel=ACT_R, **PAPER)

    assert {number: laid[number - 1][1] for number in decays} == {
        number: gold(decay) for number, decay in decays.items()
    }
    if activation is not None:
        assert level_at(now, laid, kernel=ACT_R) == gold(activation)


@pytest.mark.parametrize(
    ("age_seconds", "expected"),
    [
        (0, 1.0),
        (600, 0.974980),
        (3600, 0.865797),
        (6 * 3600, 0.476821),
        (DAY, -0.063464),
        (7 * DAY, -0.982530),
        (30 * DAY, -1.702849),
        (365 * DAY, -2.950134),
    ],
)
def test_service_profile_fades_as_its_table_says(age_seconds: float, expected: float) -> None:
    assert level([Trace(age_seconds)]) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("decay_rate", [1e-9, 0.2, 0.5, 0.9, 1.0, 7.0, 500.0])
def test_fresh_memory_is_exactly_one_whatever_its_decay(decay_rate: float) -> None:
    assert level([Trace(0.0, decay_rate)]) == 1.0


def test_memory_dated_ahead_of_the_clock_is_a_fresh_one() -> None:
    assert level([Trace(-250.0)]) == 1.0


def test_memory_without_traces_has_no_activation() -> None:
    assert level([]) == -math.inf


@pytest.mark.parametrize(
    ("gap_seconds", "last_decay", "days_to_threshold"),
    [(0, 1.3, 18.4), (3600, 1.0522, 22.5), (DAY, 0.6583, 62.4), (7 * DAY, 0.5658, 97.9)],
    ids=["at once", "hourly", "daily", "weekly"],
)
def test_five_accesses_last_longer_the_wider_they_are_spaced(
    gap_seconds: float, last_decay: float, days_to_threshold: float
) -> None:
    laid = presented(
        [gap_seconds * i for i in range(5)], decay_rate=0.5, spacing_scale=0.2, kernel=SERVICE
    )

    threshold_at = laid[-1][0] + days_to_threshold * DAY
    assert laid[-1][1] == pytest.approx(last_decay, abs=5e-5)
    assert level_at(threshold_at - 0.06 * DAY, laid, kernel=SERVICE) > -1.0
    assert level_at(threshold_at + 0.06 * DAY, laid, kernel=SERVICE) < -1.0


def test_without_spacing_massed_accesses_last_longest() -> None:
    laid = presented([0.0] * 5, decay_rate=0.5, spacing_scale=0.0, kernel=SERVICE)

    assert {decay for _, decay in laid} == {0.5}
    assert level_at(184.59 * DAY, laid, kernel=SERVICE) == pytest.approx(-1.0, abs=1e-4)


@pytest.mark.parametrize(
    ("horizon_days", "expected"),
    [(7.254, -1.0), (30, -1.7028), (90, -2.2507), (365.25, -2.9501), (3652.5, -4.1016)],
)
def test_horizon_sets_the_threshold(horizon_days: float, expected: float) -> None:
    threshold = retrieval_threshold(horizon_days * DAY)

    assert threshold == pytest.approx(expected, abs=5e-4)
    assert level([Trace(horizon_days * DAY)]) == pytest.approx(threshold, abs=1e-12)


@pytest.mark.parametrize(
    ("arousal", "salience", "expected"),
    [
        (0.0, 0.5, 0.5),
        (0.3, 0.5, 0.5),
        (1.0, 0.5, 0.3),
        (0.65, 0.5, 0.4),
        (0.0, 1.0, 0.3),
        (0.0, 0.0, 0.7),
        (1.0, 1.0, 0.2),  # .1 by the equation, held up by the floor
    ],
)
def test_arousal_and_salience_slow_the_decay_down_to_a_floor(
    arousal: float, salience: float, expected: float
) -> None:
    rate = emotional_decay_rate(0.5, arousal=arousal, salience=salience)

    assert float(rate) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("age_seconds", "effect"), [(600, 0.010), (3600, 0.054), (DAY, 0.425), (7 * DAY, 0.793)]
)
def test_arousal_shows_after_a_day_and_not_at_once(age_seconds: float, effect: float) -> None:
    slow = float(emotional_decay_rate(0.5, arousal=1.0, salience=0.5))

    gain = level([Trace(age_seconds, slow)]) - level([Trace(age_seconds, 0.5)])

    assert gain == pytest.approx(effect, abs=5e-4)


def test_rehearsal_of_a_fresh_memory_gains_three_tenths_of_a_nat() -> None:
    gain = level([Trace(0.0), Trace(0.0, weight=0.35)]) - level([Trace(0.0)])

    assert gain == pytest.approx(math.log(1.35))


@pytest.mark.parametrize(("decay_rate", "spacing_scale"), [(0.0, 0.2), (-0.5, 0.2), (0.5, -0.1)])
def test_decay_and_spacing_out_of_range_are_refused_with_their_values(
    decay_rate: float, spacing_scale: float
) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"{decay_rate} and {spacing_scale}"):
        presentation_decay(1.0, decay_rate=decay_rate, spacing_scale=spacing_scale)
