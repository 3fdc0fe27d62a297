"""The plots: points are people, lines are the model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.human.data import (
    BEFORE_RESTUDY,
    DELAYS_MINUTES,
    FAN_FOILS,
    FAN_TARGETS,
    SAVINGS,
    SPACING_2008,
    SPACING_2009,
)
from bench.human.fits import PROFILES, SPACING_MODELS, Fit
from bench.human.model import (
    FANS,
    advantage_of_arousal,
    fan_times,
    levels_after,
    studied,
)
from cognition.base_level import SERVICE, FloatArray, Kernel
from cognition.retrieval import retrieval_probability

# Okabe & Ito: told apart by colour-blind readers too.
COLOURS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7")
# A gap of 0 has no place on a logarithmic axis: it is drawn here, and named "0" there.
GAP_0_DRAWN_DAYS = 0.3
GAPS_DRAWN: FloatArray = np.array([0.0, *np.geomspace(0.7, 180, 200)])
GAP_TICKS = (1, 2, 4, 7, 14, 21, 35, 70, 105)
DOTS_PER_INCH = 110


def draw(fits: Sequence[Fit], out: Path) -> None:
    """Write all plots into a folder."""
    by_model = {fit.model: fit for fit in fits if fit.data == "spacing, 2008"}
    _spacing_2008(by_model, out / "spacing.png")
    _spacing_2009([fit for fit in fits if fit.data.startswith("spacing, 2009")], out)
    _forgetting([fit for fit in fits if fit.data.startswith("forgetting")], out)
    _fan(out / "fan.png")
    _arousal(out / "arousal.png")


@contextmanager
def _figure(target: Path, columns: int, rows: int = 1, *, inches: tuple[float, float]) -> Any:
    # Slow to import, and nothing else of the benchmark needs it.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        rows, columns, figsize=inches, dpi=DOTS_PER_INCH, layout="constrained", squeeze=False
    )
    try:
        yield axes.ravel()
        # Without a date or a version the same run gives the same file.
        figure.savefig(target, metadata={"Software": None})
    finally:
        pyplot.close(figure)


def _recall(fit: Fit, kernel: Kernel, retention: float) -> FloatArray:
    values = fit.parameters
    retentions = np.full(len(GAPS_DRAWN), float(retention))
    found = studied(GAPS_DRAWN, retentions, kernel=kernel, a=values["a"], c=values["c"])
    return retrieval_probability(found.levels, threshold=values["tau"], noise_scale=values["s"])


def _spacing_2008(fits: dict[str, Fit], target: Path) -> None:
    with _figure(target, 2, 2, inches=(11, 8)) as axes:
        for ax, model in zip(axes, SPACING_MODELS, strict=True):
            fit = fits[model.name]
            for colour, (retention, points) in zip(COLOURS, SPACING_2008.items(), strict=True):
                before = retention == BEFORE_RESTUDY
                label = "before restudy" if before else f"tested after {retention} days"
                _draw_recall(ax, points, _recall(fit, model.kernel, retention), colour)
                ax.plot([], [], color=colour, label=label)
            ax.set_title(f"{model.name}: {fit.fitted} fitted, R² = {fit.r2:.4f}", fontsize=10)
            _gap_axis(ax)
            ax.set_ylim(0, 100)
        lines, labels = axes[0].get_legend_handles_labels()
        axes[0].figure.legend(lines, labels, frameon=False, ncols=5, loc="outside lower center")


def _spacing_2009(fits: Sequence[Fit], out: Path) -> None:
    with _figure(out / "spacing-2009.png", 1, inches=(7, 4.5)) as axes:
        experiments = zip(COLOURS, SPACING_2009.items(), fits, strict=False)
        for colour, (name, (retention, points)), fit in experiments:
            _draw_recall(axes[0], points, _recall(fit, SERVICE, retention), colour)
            axes[0].plot([], [], color=colour, label=f"{name}, tested after {retention} days")
        _gap_axis(axes[0])
        axes[0].set_ylim(0, 100)
        axes[0].legend(fontsize=8, frameon=False, loc="upper right")


def _draw_recall(ax: Any, points: dict[float, float], curve: FloatArray, colour: str) -> None:
    drawn_at = [gap or GAP_0_DRAWN_DAYS for gap in points]
    ax.plot(drawn_at, list(points.values()), "o", color=colour, markersize=4)
    drawn_at = [gap or GAP_0_DRAWN_DAYS for gap in GAPS_DRAWN.tolist()]
    ax.plot(drawn_at, 100 * curve, color=colour, linewidth=1.3)


def _gap_axis(ax: Any) -> None:
    ax.set_xscale("log")
    ax.set_xticks([GAP_0_DRAWN_DAYS, *GAP_TICKS], ["0", *map(str, GAP_TICKS)])
    ax.minorticks_off()
    ax.set_xlabel("gap between two studies, days")
    ax.set_ylabel("recalled, %")


def _forgetting(fits: Sequence[Fit], out: Path) -> None:
    minutes = np.geomspace(10, 60_000, 200)
    with _figure(out / "forgetting.png", 2, 2, inches=(11, 8)) as axes:
        for ax, (learner, savings) in zip(axes, SAVINGS.items(), strict=True):
            ax.plot(DELAYS_MINUTES / 60, savings, "o", color=COLOURS[0], label=learner)
            for colour, label, curve in _curves(fits, learner, minutes):
                ax.plot(minutes / 60, curve, color=colour, linewidth=1.3, label=label)
            ax.set_xscale("log")
            ax.set_xlabel("hours")
            ax.set_ylabel("savings")
            ax.set_ylim(0, 0.8)
            ax.legend(fontsize=8, frameon=False)


def _curves(
    fits: Sequence[Fit], learner: str, minutes: FloatArray
) -> Iterator[tuple[str, str, FloatArray]]:
    mine = [fit for fit in fits if fit.data == f"forgetting, {learner}"]
    kernels = {f"one trace, {name}": kernel for name, kernel in PROFILES}
    for colour, fit in zip(COLOURS[1:], mine, strict=False):
        values = fit.parameters
        if fit.model in kernels:
            levels = levels_after(minutes, kernel=kernels[fit.model])
            curve = retrieval_probability(levels, threshold=values["tau"], noise_scale=values["s"])
        else:
            hours = minutes / 60
            x = np.log(hours) if fit.model == "power law" else hours
            curve = values["b"] * np.exp(-values["m"] * x)
        yield colour, f"{fit.model}, R² = {fit.r2:.3f}", curve


def _fan(target: Path) -> None:
    both = zip(("targets", "foils"), (FAN_TARGETS, FAN_FOILS), fan_times(), strict=True)
    with _figure(target, 2, inches=(9, 4)) as axes:
        for ax, (name, observed, expected) in zip(axes, both, strict=True):
            for row, colour in enumerate(COLOURS[:3]):
                ax.plot(FANS, observed[row], "o", color=colour)
                label = f"{FANS[row]:.0f} about the location"
                ax.plot(FANS, expected[row], color=colour, linewidth=1.3, label=label)
            ax.set_title(name, fontsize=10)
            ax.set_xticks(FANS)
            ax.set_xlabel("sentences about the person")
            ax.set_ylabel("seconds")
            ax.set_ylim(1.05, 1.5)
        axes[0].legend(fontsize=8, frameon=False, loc="upper left")


def _arousal(target: Path) -> None:
    hours = np.geomspace(0.02, 24 * 30, 200)
    with _figure(target, 1, inches=(7, 4)) as axes:
        axes[0].plot(hours, advantage_of_arousal(hours * 3600), color=COLOURS[1])
        for name, at in (("10 min", 1 / 6), ("1 day", 24.0), ("7 days", 168.0)):
            axes[0].axvline(at, color="#cccccc", linewidth=1)
            axes[0].text(at, 0.02, f" {name}", fontsize=8)
        axes[0].set_xscale("log")
        axes[0].set_xlabel("hours")
        axes[0].set_ylabel("advantage of arousal 1, nats")
