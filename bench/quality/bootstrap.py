"""Paired bootstrap: could one ranking be better than another by the luck of the questions?"""

from dataclasses import dataclass

import numpy as np

from bench.quality.metrics import Values

SAMPLES_DEFAULT = 10_000
SEED_DEFAULT = 1
LEVEL = 0.95
# Bounds the memory: samples drawn at a time.
_BLOCK = 500


@dataclass(frozen=True)
class Difference:
    """Mean of `better - other`, its interval at LEVEL, and how often chance alone gives as much."""

    mean: float
    low: float
    high: float
    p: float

    @property
    def is_significant(self) -> bool:
        """True where the interval lies wholly on the better side of zero."""
        return self.low > 0


def paired_difference(
    better: Values, other: Values, *, seed: int = SEED_DEFAULT, samples: int = SAMPLES_DEFAULT
) -> Difference:
    """Difference of two rankings' means over the same questions.

    Whole questions are drawn with replacement, each with its values in both rankings: the moments
    at which a question is asked are no independent evidence, and a hard question is hard for both.

    Args:
        better, other: shape (questions,) or (questions, moments), the same questions in both.

    Source: Efron & Tibshirani (1993), percentile interval; the p value is two-sided, with one
    added to either count so that it is never 0.
    """
    if better.shape != other.shape or not len(better):
        raise ValueError(f"not the same questions: {better.shape} and {other.shape}")
    by_question = (better - other).reshape(len(better), -1).mean(axis=1)
    means = _resampled_means(by_question, np.random.default_rng(seed), samples)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    tail = min(int((means <= 0).sum()), int((means >= 0).sum()))
    return Difference(
        mean=float(by_question.mean()),
        low=float(low),
        high=float(high),
        p=min(1.0, 2 * (tail + 1) / (samples + 1)),
    )


def _resampled_means(values: Values, random: np.random.Generator, samples: int) -> Values:
    parts = []
    for first in range(0, samples, _BLOCK):
        drawn = random.integers(0, len(values), (min(_BLOCK, samples - first), len(values)))
        parts.append(values[drawn].mean(axis=1))
    return np.concatenate(parts)
