"""Decisions of maintenance: pure, no clock. The moment of a run is its slot's, or its command's."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from cognition.base_level import FloatArray
from cognition.crossing import Traces, seconds_to_threshold
from schemas.errors import MemoryServiceError
from schemas.events import (
    AccessedData,
    AccessedMemory,
    AdjustedData,
    CompletedData,
    ConceptRemoved,
    ConceptRemovedData,
    ConceptUpserted,
    DecayedData,
    MaintenanceCompleted,
    MaintenanceProgressed,
    MaintenanceUndone,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryDecayed,
    MemoryEvent,
    MemoryForgotten,
    MemoryRestored,
    ProgressedData,
    ReasonData,
    RelationRemoved,
    RelationRemovedData,
    RelationUpserted,
    UndoneData,
)
from schemas.ids import effect_id
from schemas.parameters import Parameters
from schemas.replies import ErrorReply
from services.readside.activation import adjustments, base_levels, kernel_of, threshold_of
from services.readside.columns import ACTIVE, Memories
from services.readside.due_index import DECAY_RATE_LEAST, NEVER_MS, lowest_threshold
from services.readside.runs import BEGIN

SOURCE = "/human-memory/maintenance"
# What stays due though its time has come (a downscaling that did not happen) is looked at again.
LOOK_AGAIN_MS = 6 * 3_600_000


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """A run: which, of what, and the moment it stands for.

    `commanded_ms`: the broker's time of its command.
    """

    run_id: UUID
    namespace: str
    job: str
    now_ms: int
    commanded_ms: int


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

    One fades when B + bias is at the threshold, one horizon has passed since it was recorded, and
    nothing has happened to it after `now_ms`.
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
    # A decision that is void by now must not lose the memory: its entry goes with the status.
    due = np.where(faded, now_ms + LOOK_AGAIN_MS, due)
    return Decisions(np.flatnonzero(faded).tolist(), np.where(kept, due, np.nan))


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


def decayed_events(run: RunContext, memories: Memories, rows: list[int]) -> list[MemoryEvent]:
    """The events that archive some memories."""
    return [
        MemoryDecayed(
            **_around(run, memories.ids[i], "memory.decayed.v1"),
            data=DecayedData(
                accesses_seen=int(memories.states["presentations"][i]), run_id=run.run_id
            ),
        )
        for i in rows
    ]


def rehearsed_event(run: RunContext, memory_id: str) -> MemoryEvent:
    """The event that rehearses a memory; one for each, so that it can be taken back."""
    return MemoryAccessed(
        **_around(run, memory_id, "memory.accessed.v1") | {"subject": str(run.run_id)},
        data=AccessedData(accesses=[AccessedMemory(memory_id=UUID(memory_id), kind="rehearsal")]),
    )


def revived_event(run: RunContext, memory_id: str) -> MemoryEvent:
    """The event that brings back what was archived, and has been met again."""
    return MemoryRestored(
        **_around(run, memory_id, "memory.restored.v1"), data=ReasonData(reason=run.job)
    )


def adjusted_event(run: RunContext, memory_id: str, nats: float, *, cause: Any) -> MemoryEvent:
    """The event that lowers a memory."""
    return MemoryAdjusted(
        **_around(run, memory_id, "memory.adjusted.v1"),
        data=AdjustedData(nats=nats, cause=cause, run_id=run.run_id),
    )


def taken_back_event(undo: RunContext, undone: UUID, memory_id: str, nats: float) -> MemoryEvent:
    """The event that takes back what a run did to a memory."""
    return MemoryAdjusted(
        **_around(undo, memory_id, "memory.adjusted.v1"),
        data=AdjustedData(nats=nats, cause="undo", run_id=undone),
    )


def forgotten_event(undo: RunContext, memory_id: str) -> MemoryEvent:
    """The event that deletes what a run had made."""
    return MemoryForgotten(
        **_around(undo, memory_id, "memory.forgotten.v1"),
        data=ReasonData(reason=f"{undo.job} of its run"),
    )


def removed_event(
    undo: RunContext, undone: UUID, added: ConceptUpserted | RelationUpserted
) -> MemoryEvent:
    """The event that takes out of the graph what a run had added."""
    if isinstance(added, ConceptUpserted):
        return ConceptRemoved(
            **_around(undo, added.subject, "concept.removed.v1"),
            data=ConceptRemovedData(run_id=undone),
        )
    kind, target = added.data.relation_type, added.data.target
    own = effect_id(undo.run_id, "\x1f".join((added.subject, kind, target)), "relation.removed.v1")
    return RelationRemoved(
        **_around(undo, added.subject, "relation.removed.v1") | {"id": own},
        data=RelationRemovedData(target=target, relation_type=kind, run_id=undone),
    )


def progressed_event(
    run: RunContext, phase: str, *, done: int = 0, total: int = 0, step: int = 0
) -> MaintenanceProgressed:
    """The progress of a run. Another command begins it anew, which is an event of its own."""
    what = f"begin/{run.commanded_ms}" if phase == BEGIN else phase
    return MaintenanceProgressed(
        **_around(run, str(run.run_id), f"maintenance.progressed.v1/{what}", step),
        data=ProgressedData(job=run.job, began_at=run.now_ms, phase=phase, done=done, total=total),
    )


def completed_event(
    run: RunContext,
    report: dict[str, Any],
    *,
    nats: float | None,
    cancelled: bool,
    seconds: float,
) -> MaintenanceCompleted:
    """A run is over: always its last event."""
    return MaintenanceCompleted(
        **_around(run, str(run.run_id), "maintenance.completed.v1"),
        data=CompletedData(
            job=run.job,
            began_at=run.now_ms,
            report=report,
            downscaling_nats=nats,
            commanded_at=run.commanded_ms,
            cancelled=cancelled,
            seconds=seconds,
        ),
    )


def failed_event(run: RunContext, error: MemoryServiceError) -> MaintenanceCompleted:
    """A run has failed. Its id is that of the attempt: another command may bring it to its end."""
    return MaintenanceCompleted(
        **_around(run, str(run.run_id), "maintenance.completed.v1/failed", run.commanded_ms),
        data=CompletedData(
            job=run.job,
            began_at=run.now_ms,
            commanded_at=run.commanded_ms,
            error=ErrorReply(code=error.code, message=error.message),
        ),
    )


def undone_event(undo: RunContext, undone: UUID) -> MaintenanceUndone:
    """A run is undone: the last of the compensating events."""
    around = _around(undo, str(undone), "maintenance.undone.v1")
    return MaintenanceUndone(**around, data=UndoneData(run_id=undone))


def _around(run: RunContext, subject: str, event_type: str, index: int = 0) -> dict[str, Any]:
    return {
        "id": effect_id(run.run_id, subject, event_type, index),
        "source": SOURCE,
        "subject": subject,
        "time": run.now_ms,
        "namespace": run.namespace,
    }
