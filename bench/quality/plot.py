"""The plots: recall by age of the evidence, and what activations claim against what is so."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.quality.arms import FULL
from bench.quality.material import AGES, DAY_MS, LATE
from bench.quality.metrics import MAIN_METRIC

# Okabe & Ito: told apart by colour-blind readers too. The last one is for `full`.
COLOURS = ("#56B4E9", "#E69F00", "#999999", "#CC79A7", "#009E73")
FULL_COLOUR = "#000000"
LATE_AT = 3.0  # times the oldest age: beside the axis of ages, not on it
INCHES = (8.0, 5.0)
DOTS_PER_INCH = 150

ByMoment = Mapping[str, Mapping[str, Mapping[str, float]]]


def draw(by_moment: ByMoment, target: Path, *, title: str, metric: str = MAIN_METRIC) -> None:
    """Write a PNG: a line for each arm over the ages, and a mark for the day after all sessions.

    Args:
        by_moment: by name of the moment, by arm, by metric.
    """
    # Slow to import, and nothing else of the benchmark needs it.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    days = [(moment.age_ms or 0) / DAY_MS for moment in AGES]
    late_at = days[-1] * LATE_AT
    figure, axes = pyplot.subplots(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    try:
        colours = iter(COLOURS)
        for arm in by_moment[LATE.name]:
            is_full = arm == FULL
            colour = FULL_COLOUR if is_full else next(colours)
            width = 2.5 if is_full else 1.5
            values = [by_moment[moment.name][arm][metric] for moment in AGES]
            late = by_moment[LATE.name][arm][metric]
            axes.plot(days, values, label=arm, color=colour, linewidth=width, marker="o")
            axes.plot([late_at], [late], color=colour, marker="o")
        axes.axvline((days[-1] * late_at) ** 0.5, color="#cccccc", linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks([*days, late_at], [*(moment.name for moment in AGES), "a day after\nall"])
        axes.minorticks_off()
        axes.set_ylim(0, 1)
        axes.set_xlabel("age of the newest evidence when asked")
        axes.set_ylabel(metric)
        axes.set_title(title)
        axes.grid(axis="y", color="#eeeeee")
        axes.legend(loc="lower left", frameon=False, ncols=2)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target)
    finally:
        pyplot.close(figure)


def draw_reliability(rows: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Write a PNG: of memories that claim a probability, how many were needed, a line a kind."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    try:
        kinds = dict.fromkeys(row["kind"] for row in rows)
        for kind, colour in zip(kinds, COLOURS * len(kinds), strict=False):
            mine = [row for row in rows if row["kind"] == kind and row["needed"] > 0]
            claimed, needed = ([row[name] for row in mine] for name in ("claimed", "needed"))
            axes.plot(claimed, needed, label=kind, color=colour, marker="o")
        axes.plot([1e-4, 1], [1e-4, 1], color="#cccccc", linewidth=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("1 / (1 + exp(-activation))")
        axes.set_ylabel("share that was needed")
        axes.legend(loc="lower right", frameon=False)
        target.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(target)
    finally:
        pyplot.close(figure)
