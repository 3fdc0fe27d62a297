"""`python -m bench.quality.fit FILE...`: weights of the evidence, and what they are worth.

Each file is one kind of talk. Fits the weights on all kinds, and on all but one, and measures each
on every kind, beside the service's defaults: what is left out was not seen by its fit.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from bench.quality.arms import ARMS, FULL
from bench.quality.facts import facts
from bench.quality.material import MOMENTS
from bench.quality.offline import Features, features_of
from bench.quality.plot import draw_reliability
from bench.quality.vectors import Vectors
from cognition.base_level import FloatArray
from cognition.retrieval import need_probability
from schemas.parameters import ParameterOverrides, Parameters
from services.common.embedding.model_files import DEFAULT_MODEL
from services.readside.activation import threshold_of

VECTORS = Path(tempfile.gettempdir()) / "human-memory-vectors"
FIRST = 10
FITTED = (
    *("base_level_weight", "cosine_weight", "lexical_weight", "speaker_weight"),
    *("length_weight", "time_weight"),
)
_COLUMNS = ("base", "meaning", "told", "speaker", "length", "time")
RIDGE = 1e-3
BINS = (-30.0, -9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 30.0)
Score = Callable[[Features], FloatArray]
app = typer.Typer(add_completion=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Weights:
    """Fitted weights; `prior` makes the activation the log odds that a memory is needed."""

    weights: FloatArray
    prior: float

    def score(self, each: Features) -> FloatArray:
        """A of each memory."""
        return _matrix(each) @ self.weights + self.prior


def _matrix(each: Features) -> FloatArray:
    return np.stack([getattr(each, name) for name in _COLUMNS], axis=1)


def fitted(features: Sequence[Features]) -> Weights:
    """Weights that make the needed memories likelier than the others of the same question.

    A conditional logit: the share of e^A that those of need have among all that are seen, every
    kind of talk counting alike, with a ridge. Its scale and the prior are then those of a logistic
    regression over all memories.
    """
    kinds = [each.kind for each in features]
    share = {kind: 1.0 / kinds.count(kind) for kind in set(kinds)}
    data = [(_matrix(each), each.needed, share[each.kind]) for each in features]
    rows = np.concatenate([matrix for matrix, _, _ in data])
    scale = rows.std(axis=0)
    bounds = np.cumsum([0, *(len(needed) for _, needed, _ in data)])
    needed = np.concatenate([needed for _, needed, _ in data])
    weight = np.array([share for _, _, share in data])
    rows = rows / scale

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = rows @ weights
        top = np.maximum.reduceat(scores, bounds[:-1])
        odds = np.exp(scores - np.repeat(top, np.diff(bounds)))
        every = np.add.reduceat(odds, bounds[:-1])
        right = np.add.reduceat(odds * needed, bounds[:-1])
        drawn = odds * (
            np.repeat(weight / every, np.diff(bounds))
            - needed * np.repeat(weight / right, np.diff(bounds))
        )
        value = float(weight @ (np.log(every) - np.log(right))) + RIDGE * float(weights @ weights)
        return value, rows.T @ drawn + 2 * RIDGE * weights

    best = minimize(loss, np.zeros(rows.shape[1]), jac=True, method="L-BFGS-B")
    weights = best.x / scale
    slope, prior = calibrated([(matrix @ weights, n, share) for matrix, n, share in data])
    return Weights(slope * weights, prior)


def calibrated(scores: Sequence[tuple[FloatArray, np.ndarray, float]]) -> tuple[float, float]:
    """Slope and prior that turn scores into log odds, every kind of talk counting alike."""
    all_scores = np.concatenate([some for some, _, _ in scores])
    needed = np.concatenate([some for _, some, _ in scores]).astype(np.float64)
    weight = np.concatenate([np.full(len(some), share) for some, _, share in scores])
    spread = float(all_scores.std()) or 1.0

    def loss(line: FloatArray) -> tuple[float, FloatArray]:
        log_odds = line[0] * all_scores / spread + line[1]
        wrong = weight * (need_probability(log_odds) - needed)
        value = float(weight @ (np.logaddexp(0.0, log_odds) - needed * log_odds))
        return value, np.array([float(wrong @ all_scores) / spread, float(wrong.sum())])

    best = minimize(loss, np.array([1.0, -5.0]), jac=True, method="L-BFGS-B")
    return float(best.x[0] / spread), float(best.x[1])


def recall(each: Features, scores: FloatArray) -> float:
    """The share of the evidence among the first ten; what scores -inf is not found."""
    order = np.argsort(-scores, kind="stable")[:FIRST]
    order = order[np.isfinite(scores[order])]
    return float(each.needed[order].sum()) / len(each.question.evidence)


def means(features: Sequence[Features], score: Score) -> dict[str, dict[str, float]]:
    """Recall@10 by kind: pooled, and at each moment."""
    found: dict[str, dict[str, list[float]]] = {}
    for each in features:
        value = recall(each, score(each))
        of_kind = found.setdefault(each.kind, {})
        for name in ("pooled", MOMENTS[each.moment].name):
            of_kind.setdefault(name, []).append(value)
    return {
        kind: {name: float(np.mean(values)) for name, values in by_moment.items()}
        for kind, by_moment in found.items()
    }


def faded(features: Sequence[Features]) -> dict[str, dict[str, float]]:
    """Recall@10 as users have it: nothing was used in between, what has faded was archived."""
    parameters = Parameters()
    horizon = threshold_of(parameters)

    def score(each: Features) -> FloatArray:
        activation = each.activation(parameters)
        least = np.where(
            each.base > horizon, parameters.retrieval_threshold, parameters.faded_threshold
        )
        return np.where(activation > least, activation, -np.inf)

    return means(features, score)


def arms() -> dict[str, Score]:
    """The rankings that are compared, and the defaults without one part at a time."""
    without = {
        f"{FULL} without {name.removesuffix('_weight')}": ParameterOverrides(**{name: 0.0})
        for name in (*FITTED, "neighbour_weight")
    }
    return {name: _scored(each) for name, each in (ARMS | without).items()}


def _scored(overrides: ParameterOverrides) -> Score:
    parameters = overrides.applied_to(Parameters())
    return lambda each: each.activation(parameters)


def reliability(features: Sequence[Features], score: Score) -> list[dict[str, Any]]:
    """By activation: how many memories, what they claim, and how many were needed."""
    by_kind: dict[str, list[Features]] = {}
    for each in features:
        by_kind.setdefault(each.kind, []).append(each)
    rows = []
    for kind, some in by_kind.items():
        scores = np.concatenate([score(each) for each in some])
        needed = np.concatenate([each.needed for each in some])
        for low, high in pairwise(BINS):
            inside = (scores > low) & (scores <= high)
            if inside.any():
                rows.append(
                    {
                        "kind": kind,
                        "above": low,
                        "memories": int(inside.sum()),
                        "claimed": float(need_probability(scores[inside]).mean()),
                        "needed": float(needed[inside].mean()),
                    }
                )
    return rows


@app.command()
def fit(
    files: Annotated[list[Path], typer.Argument(help="Conversation files, each of one kind.")],
    folder: Annotated[
        Path, typer.Option("--vectors", help="Where vectors are kept between runs.")
    ] = VECTORS,
    model: Annotated[str, typer.Option(help="An embedding model.")] = DEFAULT_MODEL,
    json_file: Annotated[Path | None, typer.Option("--json", help="Where the figures go.")] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Where the plot of the reliability goes.")
    ] = None,
) -> None:
    """Fit the weights of a search's evidence, and measure them on kinds they have not seen."""
    console = Console(width=160)
    vectors = Vectors(folder, model)
    every = list(features_of(files, vectors))
    features = [each for each in every if not each.question.is_adversarial]
    kinds = list(dict.fromkeys(each.kind for each in features))
    tables = {name: means(features, score) for name, score in arms().items()}
    weights = {"all kinds": fitted(features)}
    for kind in kinds if len(kinds) > 1 else []:
        weights[f"without {kind}"] = fitted([each for each in features if each.kind != kind])
    for name, each in weights.items():
        tables[f"fitted on {name}"] = means(features, each.score)
    tables[f"{FULL}, decay at work"] = faded(features)
    curve = reliability(features, arms()[FULL])
    short = facts(vectors)
    _show(console, tables, weights, curve)
    _rows(console, short)
    if plot_file is not None:
        draw_reliability(curve, plot_file)
    if json_file is not None:
        fits = {
            name: dict(zip(FITTED, each.weights.tolist(), strict=True)) | {"prior": each.prior}
            for name, each in weights.items()
        }
        figures = {"recall@10": tables, "fits": fits, "reliability": curve, "facts": short}
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _show(
    console: Console,
    tables: Mapping[str, Mapping[str, Mapping[str, float]]],
    weights: Mapping[str, Weights],
    curve: Sequence[Mapping[str, Any]],
) -> None:
    kinds = list(next(iter(tables.values())))
    table = Table("recall@10", *kinds, box=SIMPLE_HEAD)
    for name, by_kind in tables.items():
        table.add_row(name, *(_cell(by_kind[kind]) for kind in kinds))
    table.caption = f"pooled, and {', '.join(each.name for each in MOMENTS)}"
    console.print(table)
    table = Table("weights", *FITTED, "prior", box=SIMPLE_HEAD)
    defaults = Parameters()
    table.add_row("defaults", *(f"{getattr(defaults, name):.2f}" for name in (*FITTED, "prior")))
    for name, each in weights.items():
        table.add_row(name, *(f"{value:.2f}" for value in [*each.weights, each.prior]))
    console.print(table)
    _rows(console, curve)


def _rows(console: Console, rows: Sequence[Mapping[str, Any]]) -> None:
    table = Table(*rows[0], box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()))
    console.print(table)


def _cell(by_moment: Mapping[str, float]) -> str:
    rest = " ".join(f"{value:.2f}"[1:] for name, value in by_moment.items() if name != "pooled")
    return f"{by_moment['pooled']:.3f}  {rest}"


if __name__ == "__main__":
    app()
