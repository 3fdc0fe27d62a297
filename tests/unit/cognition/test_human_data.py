"""The model against what people did: spacing, forgetting, and the fan effect.

Recall in percent, read off the figures of Cepeda et al. (2008, 2009); savings of Ebbinghaus (1885)
and its replications in Murre & Dros (2015); times of Anderson (1974).
"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from cognition.base_level import ACT_R, SERVICE, FloatArray, Kernel, base_level
from cognition.retrieval import retrieval_latency, retrieval_probability
from cognition.spacing import presentation_decays
from cognition.spreading import association_strengths

DAY = 86_400.0
GAP_0 = 180.0  # What "at once" was in the experiment, in seconds.

GAPS = (0, 1, 2, 4, 7, 11, 14, 21, 35, 70, 105)
FORGOTTEN = (97, 91.4, 84.5, 79.9, 71.4, 60.4, 49.7, 43.9, 31.4, 22.7, 16.3)
# By retention interval in days: {gap in days: percent recalled}. 0: before the second study.
SPACING: dict[int, dict[int, float]] = {
    0: dict(zip(GAPS, FORGOTTEN, strict=True)),
    7: {0: 88.2, 1: 97.3, 2: 95.0, 7: 93.8, 21: 93.3, 105: 80.6},
    35: {0: 51.7, 1: 68.9, 4: 73.9, 7: 79.9, 11: 81.9, 21: 75.9, 105: 59.1},
    70: {0: 29.1, 1: 42.1, 7: 60.1, 14: 51.3, 21: 61.2, 105: 42.4},
    350: {0: 12.4, 1: 12.5, 7: 14.7, 21: 21.9, 35: 19.9, 70: 20.6, 105: 13.3},
}
RETENTIONS = (7, 35, 70, 350)

DELAYS_MINUTES = np.array([19.0, 63, 525, 1440, 2880, 8640, 44640])
SAVINGS = {
    "Ebbinghaus": np.array([0.582, 0.442, 0.358, 0.337, 0.278, 0.254, 0.211]),
    "Mack": np.array([0.544, 0.432, 0.285, 0.316, 0.365, 0.309, 0.258]),
    "Seitz": np.array([0.442, 0.325, 0.270, 0.270, 0.286, 0.205, 0.201]),
    "Dros": np.array([0.472, 0.373, 0.276, 0.317, 0.230, 0.168, 0.041]),
}


def level_after(
    gap_days: float, retention_days: float, *, kernel: Kernel, a: float, c: float
) -> tuple[float, float]:
    """Decay of the second trace, and B at the test; without retention, of one trace alone."""
    gap = gap_days * DAY or GAP_0
    times = np.array([0.0, gap]) if retention_days else np.zeros(1)
    decays = presentation_decays(times, decay_rates=a, spacing_scale=c, kernel=kernel)
    ages = gap + retention_days * DAY - times
    level = base_level(
        ages,
        decays,
        weights=np.ones(len(ages)),
        memory_of_trace=np.zeros(len(ages), np.intp),
        memories=1,
        kernel=kernel,
    )
    return float(decays[-1]), float(level[0])


def spacing_fit(tau: float, s: float, *, kernel: Kernel, a: float, c: float) -> float:
    """R-squared over all 37 points about their common mean."""
    observed, levels = [], []
    for retention, points in SPACING.items():
        for gap, percent in points.items():
            observed.append(percent / 100)
            levels.append(level_after(gap, retention, kernel=kernel, a=a, c=c)[1])
    expected = retrieval_probability(np.array(levels), threshold=tau, noise_scale=s)
    return r_squared(np.array(observed), expected)


def r_squared(observed: FloatArray, expected: FloatArray) -> float:
    """Share of the variance that is accounted for."""
    return 1 - float(np.sum((observed - expected) ** 2) / np.sum((observed - observed.mean()) ** 2))


def best_gap(retention: float, *, kernel: Kernel, a: float, c: float) -> float:
    """Gap of the highest activation, in days, out of a fine grid from 0 to a year."""
    gaps = np.concatenate([[0.0], np.geomspace(0.01, 365, 300)])
    levels = [level_after(gap, retention, kernel=kernel, a=a, c=c)[1] for gap in gaps.tolist()]
    return float(gaps[int(np.argmax(levels))])


def test_there_are_as_many_points_as_the_fits_were_made_on() -> None:
    assert sum(map(len, SPACING.values())) == 37


@pytest.mark.parametrize(
    ("gap", "retention", "decay", "level"),
    [
        (0, 7, 0.6984781612, -0.6074738345),
        (1, 7, 0.5690515523, -0.4536592102),
        (7, 35, 0.5275440832, -1.2079531353),
        (21, 350, 0.5160040884, -2.3122900760),
    ],
)
def test_service_profile_gives_the_check_values(
    gap: float, retention: float, decay: float, level: float
) -> None:
    found = level_after(gap, retention, kernel=SERVICE, a=0.5, c=0.2)

    assert found == pytest.approx((decay, level), abs=1e-9)


@pytest.mark.parametrize(
    ("kernel", "a", "c", "tau", "s", "reached"),
    [
        (SERVICE, 0.5, 0.2, -1.574, 0.462, 0.95),
        (SERVICE, 0.315, 0.196, -0.510, 0.290, 0.975),
        (ACT_R, 0.0347, 0.279, -0.491, 0.0355, 0.98),
    ],
    ids=["service defaults", "service, best", "Pavlik and Anderson, canonical"],
)
def test_spacing_reaches_its_share_of_the_variance(
    kernel: Kernel, a: float, c: float, tau: float, s: float, reached: float
) -> None:
    # A fit of tau and s can only be better than these values of them.
    assert spacing_fit(tau, s, kernel=kernel, a=a, c=c) >= reached


@pytest.mark.parametrize(
    ("kernel", "a", "c", "days"),
    [
        (SERVICE, 0.5, 0.2, [1.6, 6.1, 10.5, 35]),
        (ACT_R, 0.0347, 0.279, [1.9, 8.4, 16, 73]),
    ],
    ids=["service defaults", "canonical"],
)
def test_best_gap_lies_inside_and_grows_with_the_retention_interval(
    kernel: Kernel, a: float, c: float, days: list[float]
) -> None:
    best = [best_gap(retention, kernel=kernel, a=a, c=c) for retention in RETENTIONS]

    assert 0 < best[0] < best[1] < best[2] < best[3] < 105
    assert best == pytest.approx(days, rel=0.06)


@pytest.mark.parametrize(("kernel", "a"), [(SERVICE, 0.5), (ACT_R, 0.4274)])
def test_without_spacing_cramming_is_best_for_every_interval(kernel: Kernel, a: float) -> None:
    assert [best_gap(days, kernel=kernel, a=a, c=0.0) for days in RETENTIONS] == [0.0] * 4


def test_best_gap_is_longer_for_half_a_year_than_for_ten_days() -> None:
    short, long = (best_gap(days, kernel=SERVICE, a=0.5, c=0.2) for days in (10, 168))

    assert (short, long) == pytest.approx((2.2, 20.4), rel=0.06)


def best_fit(observed: FloatArray, curve: Callable[[float, float], FloatArray]) -> float:
    """R-squared of the best two parameters on a grid that closes in on them."""
    centre, reach, best = np.zeros(2), np.array([12.0, 6.0]), -math.inf
    for _ in range(12):
        grid = [
            (one, other)
            for one in np.linspace(centre[0] - reach[0], centre[0] + reach[0], 21).tolist()
            for other in np.linspace(centre[1] - reach[1], centre[1] + reach[1], 21).tolist()
        ]
        fits = [r_squared(observed, curve(one, other)) for one, other in grid]
        best, centre = max(fits), np.array(grid[int(np.argmax(fits))])
        reach = reach / 2
    return best


def forgetting(kernel: Kernel) -> Callable[[float, float], FloatArray]:
    """Savings by delay of one trace, from tau and ln s."""
    levels = [
        level_after(minutes / 1440, 0, kernel=kernel, a=0.5, c=0.0)[1]
        for minutes in DELAYS_MINUTES.tolist()
    ]

    def curve(tau: float, log_s: float) -> FloatArray:
        return retrieval_probability(np.array(levels), threshold=tau, noise_scale=math.exp(log_s))

    return curve


def exponential(log_start: float, log_rate: float) -> FloatArray:
    """The rival: a constant share is lost per unit of time."""
    savings: FloatArray = np.exp(log_start / 4 - np.exp(2 * log_rate - 6) * DELAYS_MINUTES / 60)
    return savings


@pytest.mark.parametrize(
    ("learner", "canonical", "service"),
    [
        ("Ebbinghaus", 0.9576, 0.8500),
        ("Mack", 0.7541, 0.5822),
        ("Seitz", 0.8610, 0.7331),
        ("Dros", 0.8842, 0.9009),
    ],
)
def test_forgetting_of_four_learners_is_met_as_well_as_on_the_page(
    learner: str, canonical: float, service: float
) -> None:
    found = [best_fit(SAVINGS[learner], forgetting(kernel)) for kernel in (ACT_R, SERVICE)]

    assert found == pytest.approx([canonical, service], abs=5e-4)


def test_power_laws_beat_the_exponential_on_ebbinghaus() -> None:
    rival = best_fit(SAVINGS["Ebbinghaus"], exponential)

    assert rival == pytest.approx(0.3971, abs=0.002)
    for kernel in (ACT_R, SERVICE):
        assert best_fit(SAVINGS["Ebbinghaus"], forgetting(kernel)) > rival + 0.4


def test_fan_effect_of_anderson_has_the_numbers_of_the_page() -> None:
    fans = np.array([1.0, 2.0, 3.0])
    strengths = association_strengths(1.0, fans, strength=1.6)
    one, other = np.meshgrid(strengths, strengths, indexing="ij")

    targets = 0.845 + retrieval_latency((one + other) / 2, latency_factor=0.63)
    cues = [retrieval_latency(each / 2, latency_factor=0.63) for each in (one, other)]
    foils = 0.845 + (cues[0] + cues[1]) / 2

    assert targets.round(3).tolist() == [
        [1.099, 1.157, 1.205],
        [1.157, 1.227, 1.286],
        [1.205, 1.286, 1.354],
    ]
    assert foils.round(3).tolist() == [
        [1.245, 1.290, 1.328],
        [1.290, 1.335, 1.373],
        [1.328, 1.373, 1.411],
    ]
