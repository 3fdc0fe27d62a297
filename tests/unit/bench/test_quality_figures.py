"""Figures are means over the right questions; the plot and the tables can show them."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.quality import report
from bench.quality.arms import ARMS, FULL
from bench.quality.figures import figures_of
from bench.quality.material import ADVERSARIAL, MOMENTS, Asked
from bench.quality.metrics import METRICS, Values
from bench.quality.plot import draw
from schemas.parameters import ParameterOverrides, Parameters

CATEGORIES = ["single-hop", "temporal", ADVERSARIAL, "temporal"]


def questions(categories: list[str]) -> list[Asked]:
    times = tuple(range(len(MOMENTS)))
    return [Asked(0, each, "Where?", frozenset("0"), times) for each in categories]


def random_values(count: int) -> dict[str, Values]:
    random = np.random.default_rng(4)
    return {arm: random.random((count, len(MOMENTS), len(METRICS))) for arm in ARMS}


def figures(categories: list[str], values: dict[str, Values]) -> dict[str, object]:
    found = figures_of(questions(categories), values, seed=1, samples=100)
    return found | {"seed": 1, "samples": 100}


def test_means_are_over_all_moments_of_the_questions_that_can_be_answered() -> None:
    values = random_values(4)

    found = figures_of(questions(CATEGORIES), values, seed=1, samples=100)

    full = values[FULL]
    assert found["questions"] == 3
    assert found["question_moments"] == 18
    assert found["pooled"][FULL]["recall@5"] == pytest.approx(full[[0, 1, 3], :, 0].mean())
    assert found["by_moment"]["late"][FULL]["MRR"] == pytest.approx(full[[0, 1, 3], 5, 3].mean())
    assert found["by_category"]["temporal"]["questions"] == 2
    temporal = found["by_category"]["temporal"]["arms"]["P"]["nDCG@10"]
    assert temporal == pytest.approx(values["P"][[1, 3], :, 4].mean())
    assert ADVERSARIAL not in found["by_category"]
    assert found[ADVERSARIAL]["P"]["recall@5"] == pytest.approx(values["P"][2, :, 0].mean())


def test_full_is_held_against_every_other_arm_in_every_metric() -> None:
    values = random_values(4)

    against = figures_of(questions(CATEGORIES), values, seed=1, samples=100)["full_against"]

    assert set(against) == set(ARMS) - {FULL}
    difference = against["cosine"]["recall@10"]
    regular = [0, 1, 3]
    expected = values[FULL][regular][:, :, 1].mean() - values["cosine"][regular][:, :, 1].mean()
    assert difference.mean == pytest.approx(expected)


@pytest.mark.parametrize("categories", [CATEGORIES, [ADVERSARIAL], ["temporal"]])
def test_tables_can_be_printed_whatever_kinds_of_questions_there_are(
    categories: list[str],
) -> None:
    console = Console(width=120, record=True, file=StringIO())

    report.show(console, figures(categories, random_values(len(categories))))

    assert "recall@10" in console.export_text()


def test_plot_is_a_png(tmp_path: Path) -> None:
    found = figures_of(questions(CATEGORIES), random_values(4), seed=1, samples=100)

    draw(found["by_moment"], tmp_path / "new" / "plot.png", title="recall")

    assert (tmp_path / "new" / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_every_weight_is_either_kept_or_switched_off_in_each_arm() -> None:
    # Those that only shape other parts need not be named.
    weights = {name for name in ParameterOverrides.model_fields if name.endswith("_weight")}
    default = Parameters()
    kept = {
        "cosine": {"cosine_weight"},
        "BM25": {"lexical_weight"},
        "activation": {"base_level_weight"},
    }

    for arm, names in kept.items():
        applied = ARMS[arm].applied_to(default)
        left = {name for name in weights - {"source_weight"} if getattr(applied, name)}
        assert left == names, arm
    assert ARMS[FULL].applied_to(default) == default
    without = ARMS["P"].applied_to(default)
    assert (without.base_level_weight, without.neighbour_weight, without.spreading_weight) == (
        0,
    ) * 3
    assert without.cosine_weight == default.cosine_weight
    assert ARMS["P + B"].applied_to(default).base_level_weight == default.base_level_weight
