"""Traces: what one use of a memory leaves behind."""

import numpy as np

from cognition.compaction import compacted
from schemas.events import MemoryEvent
from schemas.limits import ACCESS_HISTORY_MAX
from schemas.parameters import Parameters
from services.projection.fold.view import Memory, Ref, View
from services.readside.activation import kernel_of, next_decay
from services.readside.layout import (
    NOT_COUNTED,
    TRACE,
    numbered_ids,
    of_kinds,
    pack_trace,
    trace_id,
)

# The newest half stays exact, so that all accesses that are ever shown do.
TRACES_MAX = 2 * (ACCESS_HISTORY_MAX + 24)


def present(
    view: View, ref: Ref, event: MemoryEvent, *, kind: str, context: str | None = None
) -> bool:
    """Lay down a trace; False if this event has laid it down before."""
    memory = view.memories[ref]
    time_ms, identity = event.time, trace_id(kind, event.id)
    traces = np.frombuffer(memory.parts.traces, TRACE)
    if len(traces) and identity in traces["id"]:
        return False
    state, parameters = memory.state, view.namespace(ref[0]).parameters
    decay_rate = next_decay(
        traces, time_ms, parameters, arousal=state.arousal, salience=state.salience
    )
    weight = weight_of(kind, parameters)
    trace = pack_trace(time_ms, identity, weight, decay_rate)
    memory.parts = memory.parts.with_traces(memory.parts.traces + trace)
    state.presentations += 1
    if kind not in NOT_COUNTED:
        state.use += weight
        state.access_count += 1
        state.last_accessed_ms = max(state.last_accessed_ms, time_ms)
    if context:
        memory.contexts[_context_field(identity)] = context.encode()
    if len(traces) >= ACCESS_HISTORY_MAX:
        _forget_oldest_context(memory)
    if len(traces) >= TRACES_MAX:
        memory.parts = memory.parts.with_traces(_compacted(memory.parts.traces, parameters))
    return True


def weight_of(kind: str, parameters: Parameters) -> float:
    """The weight of a presentation of a kind."""
    match kind:
        case "search":
            return parameters.weight_search
        case "rehearsal":
            return parameters.weight_rehearsal
        case _:
            return 1.0


def _compacted(packed: bytes, parameters: Parameters) -> bytes:
    """A history with its older traces in buckets; see `cognition.compaction`.

    The creation stays exact: at every moment since then the memory has a trace.
    """
    whole = np.frombuffer(packed, TRACE)
    created = of_kinds(whole["id"], "creation")
    traces = whole[~created]
    small = compacted(
        traces["time_ms"],
        traces["weight"].astype(np.float64),
        traces["decay_rate"].astype(np.float64),
        cap=TRACES_MAX,
        kernel=kernel_of(parameters),
    )
    buckets = np.zeros(len(small.times_ms), TRACE)
    buckets["time_ms"], buckets["weight"] = small.times_ms, small.weights
    buckets["decay_rate"] = small.decay_rates
    buckets["id"] = numbered_ids("compacted", len(buckets))
    parts: list[bytes] = [each.tobytes() for each in (whole[created], buckets, traces[small.kept])]
    return b"".join(parts)


def _forget_oldest_context(memory: Memory) -> None:
    """Only the newest accesses are ever shown: a trace that falls behind them loses its context.

    Each new trace pushes out exactly one, possibly itself, so what is left depends on the traces
    alone and not on where batches were cut.
    """
    traces = np.frombuffer(memory.parts.traces, TRACE)
    oldest_first = np.lexsort((traces["id"], traces["time_ms"]))
    pushed_out = traces["id"][oldest_first[-ACCESS_HISTORY_MAX - 1]]
    for identity in {int(pushed_out), int(traces["id"][-1])}:
        if identity not in traces["id"][oldest_first[-ACCESS_HISTORY_MAX:]]:
            memory.contexts.pop(_context_field(identity), None)
            memory.contexts_dropped.add(_context_field(identity))


def _context_field(identity: int) -> bytes:
    return identity.to_bytes(8, "little")
