"""Predictions of the model for the experiments, by the functions that the service uses."""

from dataclasses import dataclass

import numpy as np

from bench.human.data import BEFORE_RESTUDY, DAY_SECONDS, GAP_0_SECONDS, SPACING_2008
from cognition.base_level import SERVICE, FloatArray, Kernel, base_level, emotional_decay_rate
from cognition.retrieval import retrieval_latency
from cognition.spacing import presentation_decays
from cognition.spreading import association_strengths

LONGEST_GAP_DAYS = 365.0
GAPS_TRIED = 2_000
FAN_STRENGTH, FAN_LATENCY_FACTOR, FAN_OTHER_SECONDS = 1.6, 0.63, 0.845
FANS = (1.0, 2.0, 3.0)


@dataclass(frozen=True)
class Studied:
    """Decay of the last trace, and B at the test; shapes (schedules,)."""

    decays: FloatArray
    levels: FloatArray


def studied(
    gaps_days: FloatArray, retentions_days: FloatArray, *, kernel: Kernel, a: float, c: float
) -> Studied:
    """Study, a gap, study again, a test after the retention interval; as many schedules at once.

    Where the retention interval is 0 the test comes instead of the second study.
    """
    gaps = np.where(gaps_days == 0, GAP_0_SECONDS, gaps_days * DAY_SECONDS)
    restudied = np.where(retentions_days == BEFORE_RESTUDY, np.nan, gaps)
    times = np.stack([np.zeros(len(gaps)), restudied], axis=1)
    decays = presentation_decays(times, decay_rates=a, spacing_scale=c, kernel=kernel)
    ages = (gaps + retentions_days * DAY_SECONDS)[:, None] - times
    there = ~np.isnan(times)
    levels = base_level(
        ages[there],
        decays[there],
        weights=np.ones(int(there.sum())),
        memory_of_trace=np.nonzero(there)[0],
        memories=len(gaps),
        kernel=kernel,
    )
    return Studied(np.where(there[:, 1], decays[:, 1], decays[:, 0]), levels)


def schedules_2008() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gaps and retention intervals in days, and the share recalled, of all 37 points."""
    points = [
        (gap, retention, percent / 100)
        for retention, by_gap in SPACING_2008.items()
        for gap, percent in by_gap.items()
    ]
    gaps, retentions, recalled = np.array(points, np.float64).T
    return gaps, retentions, recalled


def best_gap(retention_days: float, *, kernel: Kernel, a: float, c: float) -> float:
    """The gap of the highest activation at the test, in days, out of a fine grid up to a year."""
    gaps = np.concatenate([[0.0], np.geomspace(0.01, LONGEST_GAP_DAYS, GAPS_TRIED)])
    levels = studied(gaps, np.full(len(gaps), retention_days), kernel=kernel, a=a, c=c).levels
    return float(gaps[int(np.argmax(levels))])


def levels_after(minutes: FloatArray, *, kernel: Kernel, decay_rate: float = 0.5) -> FloatArray:
    """B of what was learnt once, after so many minutes."""
    gaps = minutes * 60 / DAY_SECONDS
    return studied(gaps, np.zeros(len(gaps)), kernel=kernel, a=decay_rate, c=0.0).levels


def fan_times() -> tuple[FloatArray, FloatArray]:
    """Seconds to recognise targets and to reject foils: shapes (location fans, person fans)."""
    strengths = association_strengths(1.0, np.array(FANS), strength=FAN_STRENGTH)
    one, other = np.meshgrid(strengths, strengths, indexing="ij")
    targets = retrieval_latency((one + other) / 2, latency_factor=FAN_LATENCY_FACTOR)
    cues = [retrieval_latency(cue / 2, latency_factor=FAN_LATENCY_FACTOR) for cue in (one, other)]
    # A foil is rejected by one of its two cues, each as often as the other.
    return FAN_OTHER_SECONDS + targets, FAN_OTHER_SECONDS + (cues[0] + cues[1]) / 2


def advantage_of_arousal(ages_seconds: FloatArray) -> FloatArray:
    """Nats by which arousal 1 is above neutral, by age, with the service's defaults."""
    neutral, aroused = (
        float(emotional_decay_rate(0.5, arousal=arousal, salience=0.5)) for arousal in (0.3, 1.0)
    )
    levels = [
        base_level(
            ages_seconds,
            np.full(len(ages_seconds), decay),
            weights=np.ones(len(ages_seconds)),
            memory_of_trace=np.arange(len(ages_seconds)),
            memories=len(ages_seconds),
            kernel=SERVICE,
        )
        for decay in (aroused, neutral)
    ]
    advantage: FloatArray = levels[0] - levels[1]
    return advantage
