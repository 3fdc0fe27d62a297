"""The fold: (view, event) -> view. Pure, synchronous, the same on every replay.

The same code folds a batch over what Redis holds and the whole log over nothing: the projection
must equal the second by doing the first.
"""

from collections.abc import Iterable
from uuid import UUID

from schemas.errors import Rejected
from schemas.events import (
    ConceptDeleted,
    ConceptMerged,
    ConceptRemoved,
    ConceptRenamed,
    ConceptUpserted,
    MaintenanceCompleted,
    MaintenanceProgressed,
    MaintenanceUndone,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryCorrected,
    MemoryDecayed,
    MemoryEvent,
    MemoryForgotten,
    MemoryRestored,
    MemoryStored,
    MemorySuperseded,
    NamespaceDeleted,
    ParametersChanged,
    RelationRemoved,
    RelationUpserted,
)
from schemas.limits import TIME_MS_MAX
from services.projection.fold.corrections import correct, correction_references
from services.projection.fold.documents import count, document_of, packed_concepts, vector_of
from services.projection.fold.graph import graph_changed, graph_references, parameters_changed
from services.projection.fold.inheritance import inherit
from services.projection.fold.maintenance import (
    count_effect,
    is_left_over,
    made_by,
    of_maintenance,
    run_changed,
    taken_back,
)
from services.projection.fold.names import meant, settle
from services.projection.fold.presentations import present
from services.projection.fold.sessions import put_into_session
from services.projection.fold.statuses import (
    change_status,
    expires_ms_of,
    has_effect,
    has_expired,
    outlive,
    set_status,
)
from services.projection.fold.view import Memory, Needs, Ref, View
from services.readside.collections import CLEARED, COUNTED, COUNTS, LINKS, RUNS, TERMS
from services.readside.layout import (
    NOBODY,
    SEEN_EVENTS_MAX,
    Change,
    Parts,
    State,
    hash64,
    superseded_at,
)
from services.readside.terms import terms_of

NOTHING = dict.fromkeys(COUNTED, 0)
ChangeOfOne = (
    MemoryForgotten
    | MemoryRestored
    | MemoryDecayed
    | MemoryAdjusted
    | MemorySuperseded
    | MemoryCorrected
)


def references(event: MemoryEvent, needs: Needs) -> None:
    """Add to `needs` what the fold of `event` reads.

    Raises:
        Rejected: the event is none of ours (a subject that is no id).
    """
    needs.events.append(event.id.bytes)
    name = event.namespace
    needs.namespaces.add(name)
    if (run_id := made_by(event)) is not None:
        needs.of(RUNS, name).add(run_id)
        needs.of(CLEARED, name).add(None)
    match event:
        case MemoryStored():
            needs.memories[name, _memory_id(event)] = None
            terms = terms_of(event.data.indexed_text, event.data.speaker).names
            needs.of(TERMS, name).update(terms)
            needs.of(LINKS, name).update(map(hash64, event.data.concepts))
            needs.concepts(name, *event.data.concepts)
            needs.memories |= {(name, source.memory_id): None for source in event.data.derived_from}
            if event.data.session is not None:
                needs.places.add((name, event.data.session, event.time))
        case MemoryAccessed():
            needs.memories |= {(name, access.memory_id): None for access in event.data.accesses}
        case (
            ConceptUpserted()
            | RelationUpserted()
            | ConceptRemoved()
            | ConceptRenamed()
            | ConceptMerged()
            | ConceptDeleted()
            | RelationRemoved()
        ):
            graph_references(event, needs)
        case MemoryForgotten() | MemoryRestored():
            if isinstance(event, MemoryRestored):
                needs.documents.add((name, _memory_id(event)))
            needs.memories[name, _memory_id(event)] = None
            needs.counted.add((name, _memory_id(event)))
        case MemoryCorrected():
            correction_references(event, (name, _memory_id(event)), needs)
        case MemorySuperseded():
            needs.memories[name, _memory_id(event)] = None
            needs.memories[name, event.data.superseded_by] = None
        case MemoryDecayed() | MemoryAdjusted():
            needs.memories[name, _memory_id(event)] = None
        case NamespaceDeleted():
            needs.ending.add(name)


def fold(view: View, event: MemoryEvent, offset: int) -> None:
    """Apply one event. Delivered twice, or pointing at nothing, it changes nothing.

    Raises:
        Rejected: the event is none of ours (a subject that is no id, a vector of no use).
    """
    event_id = event.id.bytes
    first = view.seen.get(event_id)
    if first is not None and first >= offset - SEEN_EVENTS_MAX:
        view.ignored["duplicate"] += 1
        return
    match event:
        case _ if is_left_over(view, event):
            view.ignored["of_a_deleted_namespace"] += 1
        case MemoryStored():
            _stored(view, event, offset)
        case MemoryAccessed():
            for access in event.data.accesses:
                ref = (event.namespace, access.memory_id)
                _accessed(view, ref, event, kind=access.kind, offset=offset)
        case (
            MemoryForgotten()
            | MemoryRestored()
            | MemoryDecayed()
            | MemoryAdjusted()
            | MemorySuperseded()
            | MemoryCorrected()
        ):
            _changed(view, event, offset)
        case (
            ConceptUpserted()
            | RelationUpserted()
            | ConceptRemoved()
            | ConceptRenamed()
            | ConceptMerged()
            | ConceptDeleted()
            | RelationRemoved()
        ):
            graph_changed(view, event, offset)
        case NamespaceDeleted():
            view.clear(event.namespace, offset)
        case ParametersChanged():
            parameters_changed(view, event)
        case MaintenanceProgressed() | MaintenanceCompleted() | MaintenanceUndone():
            run_changed(view, event, offset)
    view.seen[event_id] = view.seen_now[event_id] = offset


def fold_log(events: Iterable[tuple[int, MemoryEvent]]) -> View:
    """The fold of a whole partition, given as (offset, event): the oracle of the projection."""
    view = View()
    for offset, event in events:
        fold(view, event, offset)
    return view


def _stored(view: View, event: MemoryStored, offset: int) -> None:
    ref = (event.namespace, _memory_id(event))
    if ref in view.memories:
        view.ignored["already_stored"] += 1
        return
    data = event.data
    terms = terms_of(data.indexed_text, data.speaker)
    state = State(
        created_ms=event.time,
        recorded_ms=data.recorded_at,
        offset=offset,
        salience=data.emotion.salience,
        valence=data.emotion.valence,
        arousal=data.emotion.arousal,
        pinned=data.pinned,
        expires_ms=expires_ms_of(data.expires_at),
        last_accessed_ms=event.time,
        length=terms.length,
    )
    vector = vector_of(event.data.embedding)
    concepts = meant(view, event.namespace, data.concepts)
    parts = Parts(vector, terms=terms.packed, concepts=packed_concepts(concepts), traces=b"")
    document = document_of(event, vector, terms, concepts)
    view.memories[ref] = Memory(state, parts, document=document)
    view.add(COUNTS, ref[0], NOTHING | {"active": 1})
    count(view, ref, 1)
    if data.session is not None:
        put_into_session(view, ref, data.session)
    present(view, ref, event, kind="creation", context=data.context)
    inherit(view, ref, event)
    view.touch(event.namespace).due.add(ref[1])
    _touch(view, ref, offset)


def _accessed(view: View, ref: Ref, event: MemoryAccessed, *, kind: str, offset: int) -> None:
    memory = view.memories.get(ref)
    if memory is None or memory.state.status == "deleted":
        view.ignored["unknown_memory"] += 1
    elif not present(view, ref, event, kind=kind, context=event.data.context):
        view.ignored["duplicate"] += 1
    else:
        if kind in ("recall", "used") and memory.state.bias != 0:
            # Use is evidence against a penalty.
            _clear_bias(memory.state, event.time)
        _touch(view, ref, offset)
        count_effect(view, event)


def _changed(view: View, event: ChangeOfOne, offset: int) -> None:
    ref = (event.namespace, _memory_id(event))
    memory = view.memories.get(ref)
    if memory is None:
        view.ignored["unknown_memory"] += 1
        return
    state = memory.state
    match event:
        case MemoryForgotten() if state.status != "deleted":
            change_status(view, ref, "deleted", event.time)
        case MemoryRestored() if has_effect(event, state):
            outlive(state, event.time)
            if state.status == "deleted":
                settle(view, ref, event)  # concepts may have been renamed meanwhile
            revival = of_maintenance(event)  # known by its event when its run is undone
            change_status(view, ref, "active", event.time, by=event.id if revival else None)
            state.bias = 0.0
            present(view, ref, event, kind="revival" if revival else "restore")
            view.touch(event.namespace).due.add(ref[1])
        case MemoryDecayed() if (
            # It was used since the decision was made, or expires no more: the decision is void.
            state.status == "active"
            and event.data.accesses_seen == state.presentations
            and (event.data.reason is None or has_expired(state, event.time))
        ):
            change_status(view, ref, "decayed", event.time, by=event.data.run_id)
            count_effect(view, event)
        case MemoryAdjusted() if event.data.cause == "undo" and event.data.run_id is not None:
            status = taken_back(view, ref, event.data.run_id)
            if status is None:
                view.ignored["no_effect"] += 1
                return
            set_status(view, ref, status)
            view.touch(event.namespace).due.add(ref[1])
        case MemoryAdjusted() if state.status != "deleted":
            by = event.data.run_id.bytes if event.data.run_id else NOBODY
            state.bias += event.data.nats
            state.changes.append(Change(event.time, "adjusted", event.data.nats, by))
            view.touch(event.namespace).due.add(ref[1])
            count_effect(view, event)
        case MemorySuperseded() if event.data.reversed or _known(view, event):
            newer = NOBODY if event.data.reversed else event.data.superseded_by.bytes
            state.changes.append(Change(event.time, "superseded", other=newer))
            state.superseded_ms, state.superseded_by = superseded_at(state.changes, TIME_MS_MAX)
        case MemoryCorrected() if correct(view, ref, event):
            pass
        case _:
            view.ignored["no_effect"] += 1
            return
    _touch(view, ref, offset)


def _known(view: View, event: MemorySuperseded) -> bool:
    """True where the successor exists."""
    successor = view.memories.get((event.namespace, event.data.superseded_by))
    return successor is not None and successor.state.status != "deleted"


def _clear_bias(state: State, time_ms: int) -> None:
    state.bias = 0.0
    state.changes.append(Change(time_ms, "cleared"))


def _touch(view: View, ref: Ref, offset: int) -> None:
    view.memories[ref].changed_at = offset
    view.touch(ref[0]).memories.add(ref[1])


def _memory_id(event: MemoryEvent) -> UUID:
    try:
        return UUID(event.subject)
    except ValueError:
        raise Rejected(f"subject: {event.type} needs a memory id, not {event.subject!r}") from None
