"""Undo: the events that compensate a run."""

from collections import defaultdict
from uuid import UUID

import numpy as np

from schemas.errors import NotFound, Rejected
from schemas.events import (
    ConceptUpserted,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryEvent,
    MemoryRestored,
    MemoryStored,
    RelationUpserted,
)
from schemas.fields import Message
from services.common.memories import ACTIVE
from services.maintenance.domain import (
    decayed_events,
    forgotten_event,
    removed_event,
    taken_back_event,
    undone_event,
)
from services.maintenance.work import Outcome, Work


class UndoJob(Message):
    """Which run to undo."""

    run_id: UUID


async def undo(work: Work, parameters: UndoJob) -> Outcome:
    """Take back what a run did to each memory, and delete what it made.

    Raises:
        NotFound: there is no such run in the namespace.
        Rejected: it is still at work.
    """
    namespace = work.run.namespace
    run = await work.side.run(namespace, parameters.run_id)
    if run is None:
        raise NotFound(f"run {parameters.run_id}: not in namespace {namespace}")
    if run.completed_ms is None:
        raise Rejected(f"run_id: {parameters.run_id} is still at work; cancel it first")
    if run.job == "undo":
        raise Rejected(f"run_id: {parameters.run_id} is an undo itself, which cannot be undone")
    effects = await work.log.effects_of(namespace, parameters.run_id, run)
    nats, made = _by_memory(effects)
    events = [
        taken_back_event(work.run, parameters.run_id, memory_id, -taken)
        for memory_id, taken in nats.items()
    ]
    await work.emit([*events, *(forgotten_event(work.run, each) for each in made)])
    await _archive_again(work, [e.subject for e in effects if isinstance(e, MemoryRestored)])
    removed = await _take_out_of_graph(work, parameters.run_id, effects)
    await work.emit([undone_event(work.run, parameters.run_id)])
    return Outcome(
        {
            "undone": str(parameters.run_id),
            "memories_affected": len(nats),
            "memories_deleted": len(made),
            "concepts_removed": removed,
        }
    )


async def _take_out_of_graph(work: Work, undone: UUID, effects: list[MemoryEvent]) -> int:
    """Remove what the run added to the graph; how many concepts are gone.

    Relations first, and after the memories that the run made: a concept that is in use stays.
    """
    concepts = [effect for effect in effects if isinstance(effect, ConceptUpserted)]
    relations = [effect for effect in effects if isinstance(effect, RelationUpserted)]
    added: list[ConceptUpserted | RelationUpserted] = [*relations, *concepts]
    await work.emit([removed_event(work.run, undone, each) for each in added])
    await work.folded()
    names = list(dict.fromkeys(each.subject for each in concepts))
    left = await work.side.concepts(work.run.namespace, names, not_of=work.run.run_id)
    return len(names) - len(left)


async def _archive_again(work: Work, revived: list[str]) -> None:
    """Facts and skills that the run met again; the trace of that stays, as a use does."""
    if not revived:
        return
    await work.folded()
    page = await work.side.page(work.run.namespace, list(dict.fromkeys(revived)))
    active = np.flatnonzero(page.memories.states["status"] == ACTIVE).tolist()
    await work.emit(decayed_events(work.run, page.memories, active))


def _by_memory(effects: list[MemoryEvent]) -> tuple[dict[str, float], list[str]]:
    """What was added to each memory that the run touched, and the memories that it made."""
    nats: defaultdict[str, float] = defaultdict(float)
    made: list[str] = []
    for event in effects:
        match event:
            case MemoryRestored() | ConceptUpserted() | RelationUpserted():
                pass  # archived again, one by one; taken out of the graph
            case MemoryStored():
                made.append(event.subject)
            case MemoryAccessed():
                for access in event.data.accesses:
                    nats[str(access.memory_id)] += 0.0
            case MemoryAdjusted():
                nats[event.subject] += event.data.nats
            case _:
                nats[event.subject] += 0.0
    return dict(nats), list(dict.fromkeys(made))
