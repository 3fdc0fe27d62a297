"""The fold of maintenance: runs, their effects, downscaling, and taking back what a run did."""

from dataclasses import replace
from uuid import UUID

import numpy as np

from schemas.errors import Rejected
from schemas.events import (
    ConceptUpserted,
    MaintenanceCompleted,
    MaintenanceProgressed,
    MaintenanceUndone,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryDecayed,
    MemoryEvent,
    MemoryStored,
    RelationUpserted,
)
from schemas.ids import effect_id
from schemas.limits import TIME_MS_MAX
from services.projection.fold.view import Memory, Namespace, Ref, View
from services.readside.activation import next_decay
from services.readside.collections import CLEARED, PARAMETERS, RUNS
from services.readside.layout import TRACE, Status, bias_at, trace_id
from services.readside.parameters import InForce
from services.readside.runs import BEGIN, RUN_METADATA, Run

# Our own runs say far less. Redis keeps integers of 64 bits at most.
COUNT_MAX = 2**63 - 1
NATS_MAX = 100.0
RunEvent = MaintenanceProgressed | MaintenanceCompleted | MaintenanceUndone
SOURCE = "/human-memory/maintenance"


def of_maintenance(event: MemoryEvent) -> bool:
    """True where a run of maintenance, and no use of a memory, has led to an event."""
    return event.source == SOURCE


def run_of(event: MemoryEvent) -> UUID | None:
    """The run that an event belongs to, if any.

    Raises:
        Rejected: it is about a run, but its subject is no id.
    """
    match event:
        case MaintenanceProgressed() | MaintenanceCompleted() | MaintenanceUndone():
            try:
                return UUID(event.subject)
            except ValueError:
                raise Rejected(f"subject: {event.type} needs a run's id") from None
        case MemoryDecayed() | MemoryAdjusted() | ConceptUpserted() | RelationUpserted():
            return event.data.run_id
        case MemoryAccessed() if of_maintenance(event):
            try:
                return UUID(event.subject)
            except ValueError:
                return None
        case _:
            return None


def made_by(event: MemoryEvent) -> UUID | None:
    """The run that an event comes of, also a memory that a run has made of others.

    Raises:
        As `run_of`.
    """
    if isinstance(event, MemoryStored) and event.data.derived_from:
        try:
            return UUID(str(event.data.metadata.get(RUN_METADATA)))
        except ValueError:
            return None
    return run_of(event)


def is_left_over(view: View, event: MemoryEvent) -> bool:
    """True for what a run did that was at work when its namespace was deleted.

    It knows what is gone, and would bring it back as facts, or as a report.
    """
    namespace, run_id = view.namespaces.get(event.namespace), made_by(event)
    if run_id is None or namespace is None or not namespace.held.get(CLEARED):
        return False
    if run_id in namespace[RUNS]:
        return False
    if isinstance(event, MemoryStored):
        sources = ((event.namespace, source.memory_id) for source in event.data.derived_from)
        return not any(source in view.memories for source in sources)
    return not (isinstance(event, MaintenanceProgressed) and event.data.phase == BEGIN)


def run_changed(view: View, event: RunEvent, offset: int) -> None:
    """A run is at work, done, or undone."""
    run_id = UUID(event.subject)
    namespace = view.namespace(event.namespace)
    run = namespace[RUNS].get(run_id)
    if run is None:
        if isinstance(event, MaintenanceUndone):
            view.ignored["unknown_run"] += 1
            return
        run = Run(job=event.data.job, began_ms=event.data.began_at, offset=offset)
    view.put(RUNS, event.namespace, run_id, run)
    in_force = as_in_force(namespace)
    match event:
        case MaintenanceProgressed():
            run.phase = event.data.phase
            run.done, run.total = (min(n, COUNT_MAX) for n in (event.data.done, event.data.total))
            if event.data.phase == BEGIN and run.error is not None and run.undone_ms is None:
                run.completed_ms = run.error = None  # another command tries it again
        case MaintenanceCompleted() if _is_late_failure(run, event):
            view.ignored["late_failure"] += 1
        case MaintenanceCompleted():
            run.report, run.cancelled = dict(event.data.report), event.data.cancelled
            error = event.data.error
            run.error = None if error is None else {"code": error.code, "message": error.message}
            run.completed_ms, run.completed_offset = event.time, offset
            run.seconds = event.data.seconds
            run.commanded_ms, run.nats = event.data.commanded_at, event.data.downscaling_nats
            if run.nats is not None:
                nats = min(max(run.nats, -NATS_MAX), NATS_MAX)
                in_force = in_force.with_downscaling(run.began_ms, nats, run_id.hex)
        case MaintenanceUndone():
            run.undone_ms = event.time
            in_force = in_force.without_downscaling(run_id.hex)
    if in_force != as_in_force(namespace):
        view.put(PARAMETERS, event.namespace, None, in_force)


def _is_late_failure(run: Run, event: MaintenanceCompleted) -> bool:
    """Of an instance that no longer has the partition: another has brought the run to its end."""
    return event.data.error is not None and run.completed_ms is not None and run.error is None


def count_effect(view: View, event: MemoryEvent) -> None:
    """A run has had an effect on a memory."""
    run_id = run_of(event)
    run = view.namespace(event.namespace)[RUNS].get(run_id) if run_id is not None else None
    if run_id is not None and run is not None:
        run.effects[event.type] += 1
        view.touch(event.namespace)[RUNS].add(run_id)


def as_in_force(namespace: Namespace) -> InForce:
    """A namespace's parameters with what maintenance has set."""
    parameters = namespace.parameters
    if isinstance(parameters, InForce):
        return parameters
    return InForce.model_validate(parameters.model_dump())


def taken_back(view: View, ref: Ref, run_id: UUID) -> Status | None:
    """Undo what a run did to a memory, as if it had never been; the status it has then.

    Later uses of the memory stay; their decay is what it would be without the run's traces, as far
    as histories are not compacted. None if the run had done nothing to it.
    """
    memory = view.memories[ref]
    state = memory.state
    rehearsed, revived = (
        effect_id(run_id, ref[1], effect) for effect in ("memory.accessed.v1", "memory.restored.v1")
    )
    mine = {(run_id.bytes, "adjusted"), (run_id.bytes, "decayed"), (revived.bytes, "active")}
    kept = [change for change in state.changes if (change.other, change.what) not in mine]
    found = [
        _without_trace(view, ref, trace_id(kind, effect))
        for kind, effect in (("rehearsal", rehearsed), ("revival", revived))
    ]
    if len(kept) == len(state.changes) and not any(found):
        return None
    state.changes = kept
    # In the order folded, which at the end of time is that of the list.
    state.bias = bias_at([replace(change, at_ms=0) for change in kept], TIME_MS_MAX)
    statuses: list[Status] = [
        change.what for change in kept if change.what in ("active", "decayed", "deleted")
    ]
    return statuses[-1] if statuses else "active"


def _without_trace(view: View, ref: Ref, identity: int) -> bool:
    """Take a trace out of a memory's history; whether it was there."""
    memory = view.memories[ref]
    traces = np.frombuffer(memory.parts.traces, TRACE)
    places = np.flatnonzero(traces["id"] == identity)
    if len(places) == 0:
        return False
    kept = np.delete(traces, places)
    _respace(view, memory, kept, since=int(places[0]), namespace=ref[0])
    memory.parts = memory.parts.with_traces(kept.tobytes())
    memory.state.presentations -= len(places)
    return True


def _respace(view: View, memory: Memory, traces: np.ndarray, *, since: int, namespace: str) -> None:
    """Decays of the traces folded from `since` on, from those folded before each."""
    state, parameters = memory.state, view.namespace(namespace).parameters
    for i in range(since, len(traces)):
        traces["decay_rate"][i] = next_decay(
            traces[:i],
            int(traces["time_ms"][i]),
            parameters,
            arousal=state.arousal,
            salience=state.salience,
        )
