"""Inheritance: a memory has the uses of those that it was made of."""

import numpy as np

from schemas.events import MemoryStored
from services.projection.fold.view import Ref, View
from services.readside.activation import next_decay
from services.readside.layout import TRACE, numbered_ids

# The newest of all members together; older ones add next to nothing.
INHERITED_MAX = 256


def inherit(view: View, ref: Ref, event: MemoryStored) -> None:
    """Give a new memory the histories that its sources have at this offset, by their weights.

    What was met in eight episodes is then as present as all of them together. The decays follow
    from the union, as if all of it had happened to the one memory. The creation itself, which is
    no further evidence, counts as much as being found.
    """
    histories = [
        _weighted(view.memories[event.namespace, source.memory_id].parts.traces, source.weight)
        for source in event.data.derived_from
        if _is_there(view, (event.namespace, source.memory_id), ref)
    ]
    if not histories:
        return
    memory, parameters = view.memories[ref], view.namespace(ref[0]).parameters
    union = np.concatenate(histories)
    union = union[(union["time_ms"] <= event.time) & (union["weight"] > 0)]
    union = union[np.lexsort((union["id"], union["time_ms"]))][-INHERITED_MAX:]
    union["id"] = numbered_ids("inherited", len(union))
    own = np.frombuffer(memory.parts.traces, TRACE).copy()
    own["weight"] = parameters.weight_search
    traces = np.concatenate([union, own])
    for i in range(len(traces)):
        traces["decay_rate"][i] = next_decay(
            traces[:i],
            int(traces["time_ms"][i]),
            parameters,
            arousal=memory.state.arousal,
            salience=memory.state.salience,
        )
    memory.parts = memory.parts.with_traces(traces.tobytes())
    memory.state.presentations = len(traces)
    memory.state.use = float(traces["weight"].sum(dtype=np.float64))


def _is_there(view: View, source: Ref, own: Ref) -> bool:
    memory = view.memories.get(source)
    return source != own and memory is not None and memory.state.status != "deleted"


def _weighted(packed: bytes, weight: float) -> np.ndarray:
    traces = np.frombuffer(packed, TRACE).copy()
    traces["weight"] *= np.float32(weight)
    return traces
