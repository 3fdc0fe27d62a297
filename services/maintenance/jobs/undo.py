"""Undo: the events that compensate a run."""

from collections import defaultdict
from uuid import UUID

from schemas.errors import NotFound, Rejected
from schemas.events import (
    ConceptUpserted,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryEvent,
    MemoryStored,
    RelationUpserted,
)
from schemas.fields import Message
from services.maintenance.events import (
    forgotten_event,
    removed_event,
    taken_back_event,
    undone_event,
)
from services.maintenance.work import Outcome, Work


class UndoJob(Message):
    """The run to undo."""

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
    left = await work.side.concepts(work.run.namespace, names)
    return len(names) - len(left)


def _by_memory(effects: list[MemoryEvent]) -> tuple[dict[str, float], list[str]]:
    """The nats added to each memory that the run touched, and the memories that it made."""
    nats: defaultdict[str, float] = defaultdict(float)
    made: list[str] = []
    for event in effects:
        match event:
            case ConceptUpserted() | RelationUpserted():
                pass  # taken out of the graph
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
