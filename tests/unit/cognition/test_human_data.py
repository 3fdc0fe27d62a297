"""The model against what people did: spacing, forgetting, the fan effect and arousal.

Data and fits are those of `make bench-human`.
"""

import numpy as np
import pytest

from bench.human.data import DAY_SECONDS, RETENTIONS, SPACING_2008
from bench.human.fits import (
    SPACING_MODELS,
    Fit,
    SpacingModel,
    fan_agreement,
    forgetting_fits,
    spacing_fit,
)
from bench.human.model import advantage_of_arousal, best_gap, fan_times, studied
from cognition.base_level import ACT_R, SERVICE, Kernel


@pytest.fixture(scope="module")
def forgetting() -> dict[tuple[str, str], Fit]:
    """By data and model."""
    return {(fit.data, fit.model): fit for fit in forgetting_fits()}


def test_there_are_as_many_points_as_the_fits_were_made_on() -> None:
    assert sum(map(len, SPACING_2008.values())) == 37


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
    found = studied(np.array([gap]), np.array([retention]), kernel=SERVICE, a=0.5, c=0.2)

    assert (found.decays[0], found.levels[0]) == pytest.approx((decay, level), abs=1e-9)


@pytest.mark.parametrize("model", SPACING_MODELS, ids=lambda model: model.name)
def test_spacing_reaches_its_share_of_the_variance(model: SpacingModel) -> None:
    found = spacing_fit(model)

    assert found.r2 == pytest.approx(model.stated, abs=1e-4)
    assert found.as_stated


@pytest.mark.parametrize(
    ("number", "parameters", "rmse"),
    [
        (0, {"a": 0.4274, "c": 0, "tau": -6.047, "s": 0.4039}, 0.0747),
        (1, {"a": 0.5, "c": 0.2, "tau": -1.574, "s": 0.462}, 0.0616),
        (2, {"a": 0.315, "c": 0.196, "tau": -0.510, "s": 0.290}, 0.0438),
        (3, {"a": 0.0347, "c": 0.279, "tau": -0.491, "s": 0.0355}, 0.0357),
    ],
)
def test_the_search_ends_at_the_reported_parameters(
    number: int, parameters: dict[str, float], rmse: float
) -> None:
    found = spacing_fit(SPACING_MODELS[number])

    assert found.parameters == pytest.approx(parameters, rel=3e-3)
    assert found.rmse == pytest.approx(rmse, abs=1e-4)


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
    assert best == pytest.approx(days, rel=0.02)


@pytest.mark.parametrize(("kernel", "a"), [(SERVICE, 0.5), (ACT_R, 0.4274)])
def test_without_spacing_cramming_is_best_for_every_interval(kernel: Kernel, a: float) -> None:
    assert [best_gap(days, kernel=kernel, a=a, c=0.0) for days in RETENTIONS] == [0.0] * 4


def test_best_gap_is_longer_for_half_a_year_than_for_ten_days() -> None:
    short, long = (best_gap(days, kernel=SERVICE, a=0.5, c=0.2) for days in (10, 168))

    assert (short, long) == pytest.approx((2.2, 20.4), rel=0.02)


@pytest.mark.parametrize("learner", ["Ebbinghaus", "Mack", "Seitz", "Dros"])
def test_forgetting_of_four_learners_is_met_as_well_as_was_reported(
    forgetting: dict[tuple[str, str], Fit], learner: str
) -> None:
    for profile in ("canonical", "service"):
        found = forgetting[f"forgetting, {learner}", f"one trace, {profile}"]

        assert found.r2 == pytest.approx(found.stated, abs=1e-4)


def test_power_laws_beat_the_exponential_on_ebbinghaus(
    forgetting: dict[tuple[str, str], Fit],
) -> None:
    r2 = {model: fit.r2 for (data, model), fit in forgetting.items() if "Ebbinghaus" in data}

    assert r2["exponential"] == pytest.approx(0.3971, abs=1e-4)
    assert r2["power law"] == pytest.approx(0.9747, abs=1e-4)
    assert r2["one trace, canonical"] >= 0.95
    assert min(value for model, value in r2.items() if model != "exponential") > 0.8


def test_fan_effect_of_anderson_has_the_reported_numbers() -> None:
    targets, foils = fan_times()

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
    assert fan_agreement() == pytest.approx((0.867, 0.052), abs=5e-4)


def test_arousal_helps_little_at_once_and_more_the_later_one_asks() -> None:
    at_once, day, week = advantage_of_arousal(np.array([600.0, DAY_SECONDS, 7 * DAY_SECONDS]))

    assert at_once <= 0.05
    assert 0.2 < day < week
    assert (at_once, day, week) == pytest.approx((0.010, 0.425, 0.793), abs=5e-4)
