"""Histories of use as the model takes them: flat arrays, and Hypothesis strategies for them."""

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from cognition.base_level import SERVICE, Kernel, base_level, presentation_decay

YEAR_SECONDS = 365.25 * 86_400
AGES = st.floats(0, 30 * YEAR_SECONDS)
DECAY_RATES = st.floats(0.05, 0.95)
WEIGHTS = st.floats(0.01, 1.0)


@dataclass(frozen=True)
class Trace:
    """One presentation."""

    age_seconds: float
    decay_rate: float = 0.5
    weight: float = 1.0


TRACES = st.builds(Trace, AGES, DECAY_RATES, WEIGHTS)
HISTORIES = st.lists(TRACES, min_size=1, max_size=20)


def levels(memories: list[list[Trace]], *, kernel: Kernel = SERVICE) -> list[float]:
    """B of each memory, all in one call."""
    flat = [(i, trace) for i, history in enumerate(memories) for trace in history]
    found = base_level(
        np.array([trace.age_seconds for _, trace in flat]),
        np.array([trace.decay_rate for _, trace in flat]),
        weights=np.array([trace.weight for _, trace in flat]),
        memory_of_trace=np.array([i for i, _ in flat], np.intp),
        memories=len(memories),
        kernel=kernel,
    )
    return [float(value) for value in found]


def level(history: list[Trace], *, kernel: Kernel = SERVICE) -> float:
    """B of one memory."""
    return levels([history], kernel=kernel)[0]


def level_by_hand(history: list[Trace], kernel: Kernel) -> float:
    """The equation as it stands in the papers, one trace after the other."""
    total = 0.0
    for trace in history:
        age = max(trace.age_seconds, kernel.age_seconds_min) + kernel.onset_seconds
        total += trace.weight * (age / kernel.unit_seconds) ** -trace.decay_rate
    return kernel.fresh_activation + math.log(total)


def presented(
    times_seconds: list[float],
    *,
    decay_rate: float,
    spacing_scale: float,
    kernel: Kernel,
    weight: float = 1.0,
) -> list[tuple[float, float]]:
    """Time and decay of each presentation, as they are laid down one after the other."""
    laid: list[tuple[float, float]] = []
    for now in times_seconds:
        ages = np.array([now - time for time, _ in laid])
        decays = np.array([decay for _, decay in laid])
        strength = float(np.sum(weight * kernel.strength(ages, decays)))
        laid.append(
            (now, presentation_decay(strength, decay_rate=decay_rate, spacing_scale=spacing_scale))
        )
    return laid


def level_at(now_seconds: float, laid: list[tuple[float, float]], *, kernel: Kernel) -> float:
    """B at a moment of what `presented` gave."""
    return level([Trace(now_seconds - time, decay) for time, decay in laid], kernel=kernel)
