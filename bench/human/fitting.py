"""Least squares without chance: the same data give the same parameters everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from cognition.base_level import FloatArray
from cognition.retrieval import retrieval_probability

ROUNDS_MAX = 2_000
CLOSE_ENOUGH = 1e-13
# Recall of 0 or all has no logit; no experiment counted that finely.
SHARE_MIN = 0.005
FIRST_STEP = 0.3
Point = tuple[float, list[float]]


@dataclass(frozen=True)
class LogisticFit:
    """p = 1 / (1 + exp((tau - B) / s)) with the best tau and s, and how good it is."""

    tau: float
    s: float
    r2: float
    rmse: float


def r_squared(observed: FloatArray, expected: FloatArray) -> float:
    """Share of the variance about the common mean that is accounted for."""
    return 1 - float(np.sum((observed - expected) ** 2) / np.sum((observed - observed.mean()) ** 2))


def rms(observed: FloatArray, expected: FloatArray) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(np.mean((observed - expected) ** 2)))


def minimised(
    loss: Callable[[Sequence[float]], float], start: Sequence[float]
) -> tuple[list[float], float]:
    """The lowest point near `start`, by the simplex of Nelder & Mead (1965), and the loss there."""
    size = len(start)
    points = [list(start)] + [
        [value + FIRST_STEP * (i == j) for j, value in enumerate(start)] for i in range(size)
    ]
    simplex = sorted((loss(point), point) for point in points)
    for _ in range(ROUNDS_MAX):
        if simplex[-1][0] - simplex[0][0] < CLOSE_ENOUGH:
            break
        worst, centre = simplex[-1], np.mean([point for _, point in simplex[:-1]], axis=0)
        away = centre - np.array(worst[1])

        def at(share: float, away: FloatArray = away, centre: FloatArray = centre) -> Point:
            point = (centre + share * away).tolist()
            return loss(point), point

        tried = at(1.0)
        if tried[0] < simplex[0][0]:
            tried = min(tried, at(2.0))
        elif tried[0] >= simplex[-2][0]:
            tried = at(0.5) if tried[0] < worst[0] else at(-0.5)
        if tried[0] < worst[0]:
            simplex[-1] = tried
        else:
            best = np.array(simplex[0][1])
            halved = [((np.array(point) + best) / 2).tolist() for _, point in simplex[1:]]
            simplex[1:] = [(loss(point), point) for point in halved]
        simplex.sort()
    return simplex[0][1], simplex[0][0]


def logistic_fit(levels: FloatArray, observed: FloatArray) -> LogisticFit:
    """The threshold and noise that bring activations nearest to the shares observed."""
    logits = np.log(np.clip(observed, SHARE_MIN, 1 - SHARE_MIN))
    logits = logits - np.log1p(-np.clip(observed, SHARE_MIN, 1 - SHARE_MIN))
    slope, height = np.polyfit(levels, logits, 1)

    def expected(at: Sequence[float]) -> FloatArray:
        return retrieval_probability(levels, threshold=at[0], noise_scale=exp(at[1]))

    def loss(at: Sequence[float]) -> float:
        return float(np.sum((observed - expected(at)) ** 2))

    # A straight line through the logits is near: from there the way is short.
    slope = max(float(slope), 1e-3)
    best, _ = minimised(loss, [-float(height) / slope, -log(slope)])
    found = expected(best)
    return LogisticFit(best[0], exp(best[1]), r_squared(observed, found), rms(observed, found))
