"""The figures for people: tables."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.quality.arms import EXPLANATIONS, FULL
from bench.quality.bootstrap import LEVEL, Difference
from bench.quality.loop import CREDITS
from bench.quality.material import ADVERSARIAL, MOMENTS
from bench.quality.metrics import MAIN_METRIC, METRICS

FLOOR = 0.765
AIM = 0.80
Means = Mapping[str, Mapping[str, float]]


def show(console: Console, result: Mapping[str, Any]) -> None:
    """Print all tables."""
    if "pooled" in result:
        moments = result["question_moments"]
        console.print(_means(f"Pooled over {moments:,} questions and moments", result["pooled"]))
        for moment in MOMENTS:
            console.print(_means(_asked_when(moment.name), result["by_moment"][moment.name]))
        for category, each in result["by_category"].items():
            console.print(_means(f"{category}, {each['questions']} questions", each["arms"]))
        console.print(_differences(result["full_against"], result["seed"], result["samples"]))
        console.print(_aims(result["pooled"][FULL][MAIN_METRIC]))
    if ADVERSARIAL in result:
        count = result["questions_adversarial"]
        console.print(
            _means(f"Apart: {count} questions about what was never said", result[ADVERSARIAL])
        )
    if "feedback_loop" in result:
        console.print(_loop(result["feedback_loop"]))


def _asked_when(moment: str) -> str:
    if moment == MOMENTS[-1].name:
        return "Asked a day after the last session"
    return f"Asked {moment} after the newest evidence"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left")
    table.add_column(columns[0], no_wrap=True)
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _means(title: str, means: Means) -> Table:
    table = _table(title, "ranking", *METRICS)
    for arm, values in means.items():
        style = "bold" if arm == FULL else None
        table.add_row(arm, *(f"{values[metric]:.3f}" for metric in METRICS), style=style)
    return table


def _differences(against: Mapping[str, Mapping[str, Difference]], seed: int, samples: int) -> Table:
    title = f"full against the others, with {LEVEL:.0%} intervals; p of {MAIN_METRIC}"
    table = _table(title, "against", *METRICS, "p")
    table.caption = f"paired bootstrap over questions, {samples:,} samples, seed {seed}"
    for arm, by_metric in against.items():
        cells = [_difference(by_metric[metric]) for metric in METRICS]
        table.add_row(arm, *cells, f"{by_metric[MAIN_METRIC].p:.4f}")
    return table


def _difference(difference: Difference) -> str:
    mark = "*" if difference.is_significant else " "
    return f"{difference.mean:+.3f}{mark}\n{difference.low:+.3f} {difference.high:+.3f}"


def _aims(reached: float) -> Table:
    table = _table(f"{MAIN_METRIC} of full, pooled", "", "is", "should be", "")
    for name, least in (("floor", FLOOR), ("aim", AIM)):
        verdict = "reached" if reached >= least else "missed"
        table.add_row(name, f"{reached:.3f}", f">= {least:.3f}", verdict)
    return table


def _loop(means: Means) -> Table:
    table = _table("Feedback: one question an hour, answers credited", "credited", *METRICS)
    for name, values in means.items():
        table.add_row(name, *(f"{values[metric]:.3f}" for metric in METRICS))
    table.caption = "; ".join(f"{name}: {each.explanation}" for name, each in CREDITS.items())
    return table


def legend() -> str:
    """An explanation of the rankings."""
    return "\n".join(f"{arm}: {explanation}" for arm, explanation in EXPLANATIONS.items())
