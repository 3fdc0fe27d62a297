"""The course of one memory's activation: from its creation, and on until it will have faded."""

from collections.abc import Iterator, Sequence

import numpy as np

from cognition.crossing import crossing_time
from schemas.courses import Course, CoursePoint
from schemas.limits import TIME_MS_MAX
from schemas.parameters import Parameters
from services.readside.activation import (
    adjustments,
    base_levels_over,
    kernel_of,
    threshold_of,
)
from services.readside.columns import ACTIVE, Memories, expires_at
from services.readside.due_index import DECAY_RATE_LEAST
from services.retrieval.ports import Entry

# It jumps at a use and falls fast after it: points there, besides those at equal distances.
USES_DRAWN = 20
JUST_BEFORE_MS = 1
FALLING = (0.02, 0.1, 0.3)  # of the distance between two points
# No further ahead than so many times the time that has passed: else the past would be a dot.
AHEAD_MAX = 2.0
BEYOND = 1.1


def course_of(entry: Entry, used: Memories, now_ms: int, points: int) -> Course:
    """About `points` at equal distances, and more in the past where uses make it jump.

    `used`: the memory as it would be if it were used now.
    """
    memories, parameters = entry.memories, entry.parameters
    born_ms = min(now_ms, int(memories.states["created_ms"][0]))
    if_used_ms = _fades_ms(entry, used, now_ms)
    end_ms = _end_ms(entry, if_used_ms, now_ms)
    step_ms = (end_ms - born_ms) / points
    even = np.linspace(born_ms, end_ms, points).astype(np.int64).tolist()
    times = np.unique(memories.traces["time_ms"])
    uses = times[times <= now_ms][-USES_DRAWN:].tolist()
    at_uses = [at for use in uses for at in (use - JUST_BEFORE_MS, use, *_after(use, step_ms))]
    past = sorted({at for at in (*even, *at_uses) if born_ms <= at < now_ms})
    ahead = sorted({now_ms, *_after(now_ms, step_ms), *(at for at in even if at > now_ms)})
    return Course(
        fading_threshold=threshold_of(parameters),
        fades_at=_fades_ms(entry, memories, now_ms),
        fades_at_if_used=if_used_ms,
        past=_points([(at, memories.at(at)) for at in past], parameters),
        ahead=_points([(at, memories) for at in ahead], parameters),
        ahead_if_used=_points([(at, used) for at in ahead], parameters),
    )


def _points(then: Sequence[tuple[int, Memories]], parameters: Parameters) -> list[CoursePoint]:
    """Activations at some moments; `then`: each of them, and the memory as it was or will be."""
    if not then:
        return []
    moments = np.array([at for at, _ in then])
    levels = base_levels_over(then[0][1], moments, parameters)
    return [
        CoursePoint(at=at, activation=float(level + adjustments(memory, at, parameters)[0]))
        for (at, memory), level in zip(then, levels, strict=True)
    ]


def _after(use_ms: int, step_ms: float) -> Iterator[int]:
    yield from (use_ms + int(part * step_ms) for part in FALLING)


def _fades_ms(entry: Entry, memories: Memories, now_ms: int) -> int | None:
    """The moment from which decay takes it, if nothing happens to it; None: never, or it has."""
    state = memories.states[0]
    if state["status"] != ACTIVE:
        return None
    ends_ms = float(expires_at(state) or np.inf)
    if not entry.state.pinned:
        ends_ms = min(ends_ms, _faint_ms(entry, memories, now_ms))
    return int(ends_ms) if ends_ms < TIME_MS_MAX else None


def _faint_ms(entry: Entry, memories: Memories, now_ms: int) -> float:
    """The moment when its activation is at the threshold, and it may be archived."""
    parameters, traces = entry.parameters, memories.traces
    level = threshold_of(parameters) - float(adjustments(memories, now_ms, parameters)[0])
    crossing_ms = 1000.0 * crossing_time(
        traces["time_ms"] / 1000.0,
        np.maximum(traces["decay_rate"].astype(np.float64), DECAY_RATE_LEAST),
        threshold=level,
        weights=traces["weight"].astype(np.float64),
        kernel=kernel_of(parameters),
    )
    # Whatever its activation, it stays for one horizon after it was recorded.
    return max(crossing_ms, entry.state.recorded_ms + 1000.0 * parameters.horizon_seconds)


def _end_ms(entry: Entry, fades_ms: int | None, now_ms: int) -> int:
    born_ms = int(entry.memories.states["created_ms"][0])
    longest_ms = AHEAD_MAX * max(now_ms - born_ms, 1000.0 * entry.parameters.horizon_seconds)
    wanted_ms = longest_ms if fades_ms is None else BEYOND * (fades_ms - now_ms)
    return min(TIME_MS_MAX, now_ms + int(max(1.0, min(wanted_ms, longest_ms))))
