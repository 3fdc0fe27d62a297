"""Working memory: what a namespace is busy with right now."""

import numpy as np

from schemas.parameters import Parameters
from services.common.memories import ACTIVE, Memories
from services.common.read_model import KINDS

# What was merely found is not in anyone's focus: else a search would steer the next one.
DELIBERATE = [KINDS.index(kind) + 1 for kind in ("creation", "recall", "used", "restore")]


def focus_of(memories: Memories, now_ms: int, parameters: Parameters) -> list[int]:
    """Rows of the active memories in focus, the one used last first.

    At most `focus_capacity` of them, stored or used on purpose within `focus_seconds`.

    Source: Cowan (2001), Behavioral and Brain Sciences 24:87, and Miller's seven for the capacity.
    """
    kinds = memories.traces["id"] >> np.uint64(56)
    meant = np.isin(kinds, DELIBERATE) & (memories.traces["time_ms"] <= now_ms)
    last_ms = np.full(len(memories), np.iinfo(np.int64).min)
    np.maximum.at(last_ms, memories.memory_of_trace[meant], memories.traces["time_ms"][meant])
    since_ms = now_ms - parameters.focus_seconds * 1000
    inside = np.flatnonzero((last_ms >= since_ms) & (memories.states["status"] == ACTIVE))
    latest = inside[np.argsort(-last_ms[inside], kind="stable")]
    return [int(i) for i in latest[: parameters.focus_capacity]]
