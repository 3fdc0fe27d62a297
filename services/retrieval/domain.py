"""The fold: (view, event) -> view. Pure, synchronous, the same on every replay.

The same code folds a batch over what Redis holds and the whole log over nothing: the projection
must equal the second by doing the first.
"""

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import orjson

from cognition.base_level import Kernel, emotional_decay_rate, presentation_decay
from schemas.errors import Rejected
from schemas.events import (
    MemoryAccessed,
    MemoryAdjusted,
    MemoryDecayed,
    MemoryEvent,
    MemoryForgotten,
    MemoryRestored,
    MemoryStored,
)
from schemas.limits import ACCESS_HISTORY_MAX
from schemas.parameters import Parameters
from services.common.read_model import (
    NOT_COUNTED,
    SEEN_EVENTS_MAX,
    TAG_SEPARATOR,
    TRACE,
    State,
    Status,
    pack_trace,
    trace_id,
)

Ref = tuple[str, UUID]
PARAMETERS = Parameters()
KERNEL = Kernel.with_onset(PARAMETERS.onset_seconds, fresh_activation=PARAMETERS.fresh_activation)
_WEIGHTS = {"search": PARAMETERS.weight_search, "rehearsal": PARAMETERS.weight_rehearsal}


@dataclass(slots=True)
class Memory:
    """A memory as the fold sees it.

    `document` is its immutable part: known only where its `stored` event is being folded, since
    nothing else reads it. `document_status` is where Redis has the document now.
    """

    state: State
    vector: bytes
    traces: bytes
    document: dict[str, bytes] | None = None
    document_status: Status | None = None
    contexts: dict[bytes, bytes] = field(default_factory=dict)
    contexts_dropped: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class View:
    """The part of the read side that some events touch, and what changed in it.

    `counts` are memories by status, per namespace; `seen` maps ids of events to the offset where
    they were first folded, `seen_now` those of this batch.
    """

    memories: dict[Ref, Memory] = field(default_factory=dict)
    touched: set[Ref] = field(default_factory=set)
    counts: dict[str, Counter[Status]] = field(default_factory=dict)
    seen: dict[bytes, int] = field(default_factory=dict)
    seen_now: dict[bytes, int] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)


def references(event: MemoryEvent) -> list[Ref]:
    """The memories whose state the fold of `event` reads."""
    match event:
        case MemoryAccessed():
            return [(event.namespace, access.memory_id) for access in event.data.accesses]
        case (
            MemoryStored()
            | MemoryForgotten()
            | MemoryRestored()
            | MemoryDecayed()
            | MemoryAdjusted()
        ):
            return [(event.namespace, _memory_id(event))]
        case _:
            return []


def fold(view: View, event: MemoryEvent, offset: int) -> None:
    """Apply one event. Delivered twice, or pointing at nothing, it changes nothing.

    Raises:
        Rejected: the event is none of ours (a subject that is no id, a vector of no use).
    """
    first = view.seen.get(event.id.bytes)
    if first is not None and first >= offset - SEEN_EVENTS_MAX:
        view.ignored["duplicate"] += 1
        return
    match event:
        case MemoryStored():
            _stored(view, event, offset)
        case MemoryAccessed():
            for access in event.data.accesses:
                ref = (event.namespace, access.memory_id)
                _accessed(view, ref, event, access.kind)
        case MemoryForgotten() | MemoryRestored() | MemoryDecayed() | MemoryAdjusted():
            _changed(view, event)
        case _:
            # Facts that no query of this version reads; a replay by a later one brings them in.
            view.ignored[event.type] += 1
    view.seen[event.id.bytes] = view.seen_now[event.id.bytes] = offset


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
    state = State(
        created_ms=event.time,
        recorded_ms=data.recorded_at,
        offset=offset,
        salience=data.emotion.salience,
        valence=data.emotion.valence,
        arousal=data.emotion.arousal,
        pinned=data.pinned,
        last_accessed_ms=event.time,
    )
    document = _document(event)
    view.memories[ref] = Memory(state, document["vector"], b"", document=document)
    _count(view, event.namespace, None, "active")
    _present(view, ref, event, kind="creation", context=data.context)


def _accessed(view: View, ref: Ref, event: MemoryAccessed, kind: str) -> None:
    memory = view.memories.get(ref)
    if memory is None or memory.state.status == "deleted":
        view.ignored["unknown_memory"] += 1
        return
    if not _present(view, ref, event, kind=kind, context=event.data.context):
        view.ignored["duplicate"] += 1


def _changed(
    view: View, event: MemoryForgotten | MemoryRestored | MemoryDecayed | MemoryAdjusted
) -> None:
    ref = (event.namespace, _memory_id(event))
    memory = view.memories.get(ref)
    if memory is None:
        view.ignored["unknown_memory"] += 1
        return
    state = memory.state
    match event:
        case MemoryForgotten() if state.status != "deleted":
            _change_status(view, ref, "deleted", event.time)
        case MemoryRestored() if state.status != "active":
            _change_status(view, ref, "active", event.time)
            state.bias = 0.0
            _present(view, ref, event, kind="restore")
        case MemoryDecayed() if (
            # It was used since the decision was made: the decision is void.
            state.status == "active"
            and event.data.accesses_seen == len(memory.traces) // TRACE.itemsize
        ):
            _change_status(view, ref, "decayed", event.time)
        case MemoryAdjusted() if state.status != "deleted":
            state.bias += event.data.nats
            view.touched.add(ref)
        case _:
            view.ignored["no_effect"] += 1


def _present(
    view: View, ref: Ref, event: MemoryEvent, *, kind: str, context: str | None = None
) -> bool:
    """Lay down a trace; False if this event has laid it down before."""
    memory = view.memories[ref]
    time_ms, identity = event.time, trace_id(kind, event.id)
    traces = np.frombuffer(memory.traces, TRACE)
    if identity in traces["id"]:
        return False
    state = memory.state
    decay_rate = presentation_decay(
        strength_before(traces, time_ms),
        decay_rate=float(
            emotional_decay_rate(
                PARAMETERS.decay_rate,
                arousal=state.arousal,
                salience=state.salience,
                effect=PARAMETERS.arousal_effect,
                decay_rate_min=PARAMETERS.decay_rate_min,
            )
        ),
        spacing_scale=PARAMETERS.spacing_scale,
    )
    memory.traces += pack_trace(time_ms, identity, _WEIGHTS.get(kind, 1.0), decay_rate)
    if kind != NOT_COUNTED:
        state.access_count += 1
        state.last_accessed_ms = max(state.last_accessed_ms, time_ms)
    if context:
        memory.contexts[_context_field(identity)] = context.encode()
    if len(traces) >= ACCESS_HISTORY_MAX:
        _forget_oldest_context(memory)
    view.touched.add(ref)
    return True


def strength_before(traces: np.ndarray, time_ms: int) -> float:
    """Summed strength at `time_ms` of the traces laid down by then, over e^A0."""
    if len(traces) == 0:
        return 0.0
    earlier = traces[traces["time_ms"] <= time_ms]
    ages = (time_ms - earlier["time_ms"]) / 1000.0
    decays = earlier["decay_rate"].astype(np.float64)
    return float(np.sum(earlier["weight"] * KERNEL.strength(ages, decays)))


def _change_status(view: View, ref: Ref, status: Status, time_ms: int) -> None:
    state = view.memories[ref].state
    _count(view, ref[0], state.status, status)
    state.status = status
    state.changes.append((time_ms, status))
    view.touched.add(ref)


def _count(view: View, namespace: str, before: Status | None, after: Status) -> None:
    counts = view.counts.setdefault(namespace, Counter())
    counts[after] += 1
    if before is not None:
        counts[before] -= 1


def _forget_oldest_context(memory: Memory) -> None:
    """Only the newest accesses are ever shown: a trace that falls behind them loses its context.

    Each new trace pushes out exactly one, possibly itself, so what is left depends on the traces
    alone and not on where batches were cut.
    """
    traces = np.frombuffer(memory.traces, TRACE)
    oldest_first = np.lexsort((traces["id"], traces["time_ms"]))
    pushed_out = traces["id"][oldest_first[-ACCESS_HISTORY_MAX - 1]]
    for identity in {int(pushed_out), int(traces["id"][-1])}:
        if identity not in traces["id"][oldest_first[-ACCESS_HISTORY_MAX:]]:
            memory.contexts.pop(_context_field(identity), None)
            memory.contexts_dropped.add(_context_field(identity))


def _context_field(identity: int) -> bytes:
    return identity.to_bytes(8, "little")


def _memory_id(event: MemoryEvent) -> UUID:
    try:
        return UUID(event.subject)
    except ValueError:
        raise Rejected(f"subject: {event.type} needs a memory id, not {event.subject!r}") from None


def _document(event: MemoryStored) -> dict[str, bytes]:
    data = event.data
    vector = base64.b64decode(data.embedding.data)
    numbers = np.frombuffer(vector, "<f2").astype(np.float32)
    # RediSearch indexes such a vector and then reports NaN as its distance.
    if not np.isfinite(numbers).all() or not numbers.any():
        raise Rejected("data.embedding: every number must be finite, and one not zero")
    more = data.model_dump(
        mode="json",
        include={
            "context",
            "metadata",
            "concepts",
            "session",
            "speaker",
            "derived_from",
            "body_hash",
        },
        exclude_none=True,
    )
    return {
        "ns": event.namespace.encode(),
        "type": data.memory_type.encode(),
        "tags": TAG_SEPARATOR.join(data.tags).encode(),
        "created": str(event.time).encode(),
        "content": data.content.encode(),
        "text": data.indexed_text.encode(),
        "vector": vector,
        "model": data.embedding.model.encode(),
        "more": orjson.dumps(more, option=orjson.OPT_SORT_KEYS),
    }
