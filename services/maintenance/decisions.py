"""Decisions of maintenance: pure, no clock. The moment of a run is its slot's, or its command's."""

from dataclasses import dataclass

import numpy as np

from cognition.base_level import FloatArray
from cognition.crossing import Traces, seconds_to_threshold
from schemas.parameters import Parameters
from services.readside.activation import adjustments, base_levels, kernel_of, threshold_of
from services.readside.columns import ACTIVE, Memories, expired
from services.readside.due_index import DECAY_RATE_LEAST, NEVER_MS, lowest_threshold

# What stays due though its time has come (a downscaling that did not happen) is looked at again.
LOOK_AGAIN_MS = 6 * 3_600_000


@dataclass(frozen=True)
class Decisions:
    """The decisions of a sweep about the memories it looked at.

    `faded`: rows to archive. `next_ms`: when to look at each row again; NaN: never.
    """

    faded: list[int]
    next_ms: FloatArray


def slot_of(now_ms: int, interval_ms: int) -> int:
    """The last moment that the interval divides: the same on every machine."""
    return now_ms - now_ms % interval_ms


def levels_of(memories: Memories, now_ms: int, parameters: Parameters) -> FloatArray:
    """B + bias of each memory: what decay looks at."""
    levels: FloatArray = base_levels(memories, now_ms, parameters) + adjustments(
        memories, now_ms, parameters
    )
    return levels


def decide(memories: Memories, now_ms: int, parameters: Parameters) -> Decisions:
    """Decide which memories have faded, and when the others may have.

    What has expired counts as faded, whatever else holds. Another fades when B + bias is at the
    threshold, one horizon has passed since it was recorded, and nothing has happened to it after
    `now_ms`.
    """
    states = memories.states
    newest = np.full(len(memories), np.iinfo(np.int64).min)
    np.maximum.at(newest, memories.memory_of_trace, memories.traces["time_ms"])
    earliest = states["recorded_ms"] + round(1000 * parameters.horizon_seconds)
    kept = (states["status"] == ACTIVE) & (states["pinned"] == 0)
    low = levels_of(memories, now_ms, parameters) <= threshold_of(parameters)
    faded = kept & low & (earliest <= now_ms) & (newest <= now_ms)
    moments = np.maximum(now_ms, newest)
    left = np.minimum(_seconds_left(memories, moments, parameters), NEVER_MS / 1000)
    due = np.minimum(np.maximum(moments + 1000.0 * left, earliest), NEVER_MS)
    due = np.where(due <= now_ms, now_ms + LOOK_AGAIN_MS, due)
    due = np.where(states["pinned"] == 0, due, np.nan)
    ends = states["expires_ms"]
    due = np.where(ends > now_ms, np.fmin(due, ends), due)
    gone = (states["status"] == ACTIVE) & expired(states, now_ms)
    faded |= gone
    # A decision that is void by now must not lose the memory: its entry goes with the status.
    due = np.where(faded, now_ms + LOOK_AGAIN_MS, due)
    return Decisions(
        np.flatnonzero(faded).tolist(), np.where(states["status"] == ACTIVE, due, np.nan)
    )


def _seconds_left(memories: Memories, moments: np.ndarray, parameters: Parameters) -> FloatArray:
    """Until each falls to the threshold, from its own moment; a downscaling is assumed."""
    traces, owners = memories.traces, memories.memory_of_trace
    history = Traces(
        ages_seconds=np.maximum(0.0, (moments[owners] - traces["time_ms"]) / 1000.0),
        decay_rates=np.maximum(traces["decay_rate"].astype(np.float64), DECAY_RATE_LEAST),
        weights=traces["weight"].astype(np.float64),
        memory_of_trace=owners,
    )
    thresholds = np.array(
        [lowest_threshold(float(bias), parameters) for bias in memories.states["bias"]]
    )
    return seconds_to_threshold(history, thresholds, kernel=kernel_of(parameters))
