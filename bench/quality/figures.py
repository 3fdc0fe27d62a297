"""The figures of a run: means by moment, by category and over all, and what they prove."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench.quality.arms import ARMS, FULL
from bench.quality.bootstrap import Difference, paired_difference
from bench.quality.material import MOMENTS, Asked
from bench.quality.metrics import METRICS, Values

Table = dict[str, dict[str, float]]


def figures_of(
    questions: Sequence[Asked], values: Mapping[str, Values], *, seed: int, samples: int
) -> dict[str, Any]:
    """All figures; questions that ask for what was never said stand apart from the rest.

    Args:
        values: by arm, shape (questions, moments, metrics).
    """
    adversarial = np.array([question.is_adversarial for question in questions], bool)
    regular = ~adversarial
    found: dict[str, Any] = {
        "questions": int(regular.sum()),
        "questions_adversarial": int(adversarial.sum()),
        "question_moments": int(regular.sum()) * len(MOMENTS),
    }
    if regular.any():
        found |= {
            "pooled": _pooled(values, regular),
            "by_moment": {
                moment.name: _means({arm: each[regular, at] for arm, each in values.items()})
                for at, moment in enumerate(MOMENTS)
            },
            "by_category": _by_category(questions, values),
            "full_against": _against(values, regular, seed=seed, samples=samples),
        }
    if adversarial.any():
        found["adversarial"] = _pooled(values, adversarial)
    return found


def _pooled(values: Mapping[str, Values], which: np.ndarray) -> Table:
    return _means({arm: each[which].reshape(-1, len(METRICS)) for arm, each in values.items()})


def _means(values: Mapping[str, Values]) -> Table:
    """By arm and metric: the mean over the rows."""
    return {
        arm: dict(zip(METRICS, map(float, each.mean(axis=0)), strict=True))
        for arm, each in values.items()
    }


def _by_category(questions: Sequence[Asked], values: Mapping[str, Values]) -> dict[str, Any]:
    found = {}
    for category in sorted({each.category for each in questions if not each.is_adversarial}):
        which = np.array([question.category == category for question in questions])
        found[category] = {"questions": int(which.sum()), "arms": _pooled(values, which)}
    return found


def _against(
    values: Mapping[str, Values], which: np.ndarray, *, seed: int, samples: int
) -> dict[str, dict[str, Difference]]:
    """Full against each other arm, by metric."""
    return {
        arm: {
            metric: paired_difference(
                values[FULL][which][:, :, at],
                values[arm][which][:, :, at],
                seed=seed,
                samples=samples,
            )
            for at, metric in enumerate(METRICS)
        }
        for arm in ARMS
        if arm != FULL
    }
