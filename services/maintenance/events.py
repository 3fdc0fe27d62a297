"""Events that a run leads to, and those that take it back: pure."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

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
    MemoryStored,
    ProgressedData,
    ReasonData,
    RelationRemoved,
    RelationRemovedData,
    RelationUpserted,
    UndoneData,
)
from schemas.ids import effect_id
from schemas.replies import ErrorReply
from services.readside.columns import Memories, expired
from services.readside.runs import BEGIN, RUN_METADATA

SOURCE = "/human-memory/maintenance"


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


def is_effect(event: MemoryEvent, run_id: UUID) -> bool:
    """True for an event that a run has led to."""
    match event:
        case MemoryDecayed() | MemoryAdjusted() | ConceptUpserted() | RelationUpserted():
            return event.data.run_id == run_id
        case MemoryAccessed():
            return event.subject == str(run_id)
        case MemoryRestored():
            return event.id == effect_id(run_id, event.subject, event.type)
        case MemoryStored():
            return event.data.metadata.get(RUN_METADATA) == str(run_id)
        case _:
            return False


def decayed_events(run: RunContext, memories: Memories, rows: list[int]) -> list[MemoryEvent]:
    """The events that archive some memories."""
    gone = expired(memories.states, run.now_ms)
    return [
        MemoryDecayed(
            **_around(run, memories.ids[i], "memory.decayed.v1"),
            data=DecayedData(
                accesses_seen=int(memories.states["presentations"][i]),
                run_id=run.run_id,
                reason="expired" if gone[i] else None,
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
