"""`python -m bench.human`: fit the model to what people did; a table, plots and a report."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.human.data import BEST_OBSERVED, DAY_SECONDS, RETENTIONS
from bench.human.fits import (
    SPACING_MODELS,
    Fit,
    fan_agreement,
    forgetting_fits,
    spacing_fit,
    spacing_fits_2009,
)
from bench.human.model import advantage_of_arousal, fan_times
from bench.human.plots import draw

OUT = Path(__file__).parents[2] / "docs" / "human"
# As they have been reported for this model: correlation and error of the fan effect, and the
# advantage of arousal after ten minutes, a day and a week.
FAN_STATED = (0.867, 0.052)
AROUSAL_SECONDS = (600.0, DAY_SECONDS, 7 * DAY_SECONDS)
AROUSAL_STATED = (0.010, 0.425, 0.793)
WIDTH = 190  # of the table


def all_fits() -> list[Fit]:
    """Every fit that is reported, in the order of the table."""
    return [*map(spacing_fit, SPACING_MODELS), *spacing_fits_2009(), *forgetting_fits()]


def report_of(fits: list[Fit]) -> dict[str, Any]:
    """All figures, rounded to what is the same on every machine."""
    (targets, foils), (r, rmse) = fan_times(), fan_agreement()
    advantage = advantage_of_arousal(np.array(AROUSAL_SECONDS))
    return {
        "fits": [_rounded(asdict(fit)) for fit in fits],
        "best_gaps_observed_days": dict(zip(map(str, RETENTIONS), BEST_OBSERVED, strict=True)),
        "fan": {
            "r": round(r, 3),
            "rmse_seconds": round(rmse, 3),
            "targets_seconds": targets.round(3).tolist(),
            "foils_seconds": foils.round(3).tolist(),
        },
        "advantage_of_arousal_nats": {
            f"{seconds:g} s": round(float(nats), 3)
            for seconds, nats in zip(AROUSAL_SECONDS, advantage, strict=True)
        },
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _fits_table(fits: list[Fit]) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Fits", title_justify="left")
    for name in ("data", "model", "parameters", "best gaps, days"):
        table.add_column(name, no_wrap=True)
    for name in ("fitted", "RMSE", "R²", "stated", "reached"):
        table.add_column(name, justify="right", min_width=6)
    for fit in fits:
        table.add_row(
            fit.data,
            fit.model,
            ", ".join(f"{name} {value:.4g}" for name, value in fit.parameters.items()),
            " / ".join(f"{gap:.3g}" for gap in fit.best_gaps),
            str(fit.fitted),
            f"{fit.rmse:.4f}",
            f"{fit.r2:.4f}",
            "" if fit.stated is None else f"{fit.stated:.4f}",
            "" if fit.stated is None else "yes" if fit.as_stated else "no",
        )
    return table


def main(
    out: Annotated[Path, typer.Option(help="Folder for the report and the plots.")] = OUT,
) -> None:
    """Fit the model to what people did, print the fits, write report and plots."""
    fits = all_fits()
    report = report_of(fits)
    console = Console(width=WIDTH)
    console.print(_fits_table(fits))
    fan, arousal = report["fan"], report["advantage_of_arousal_nats"]
    console.print(
        f"fan effect: r = {fan['r']:.3f} (stated {FAN_STATED[0]}), RMSE {fan['rmse_seconds']:.3f} s"
        f" (stated {FAN_STATED[1]})\n"
        f"arousal, after 10 minutes, a day, a week: {', '.join(map(str, arousal.values()))} nats "
        f"(stated {', '.join(map(str, AROUSAL_STATED))})",
        highlight=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    draw(fits, out)
    console.print(f"report and plots: {out}", soft_wrap=True)
    if not all(fit.as_stated for fit in fits):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
