"""Activation of memories, from what the read side holds: pure, one numpy pass."""

from dataclasses import replace

import numpy as np

from schemas.parameters import Parameters
from services.common.levels import Activations as Activations
from services.common.levels import activations as activations
from services.common.levels import base_levels as base_levels
from services.common.levels import threshold_of as threshold_of
from services.common.memories import Memories
from services.common.read_model import TRACE
from services.retrieval.presentations import next_decay

# By how much, in nats, a successor comes before what it superseded.
SUPERSEDED_MARGIN = 0.1


def with_access(
    memories: Memories, now_ms: int, parameters: Parameters, *, weight: float = 1.0
) -> Memories:
    """One memory's history with a presentation at `now_ms` more, as the fold will lay it down."""
    state = memories.states[0]
    decay_rate = next_decay(
        memories.traces,
        now_ms,
        parameters,
        arousal=float(state["arousal"]),
        salience=float(state["salience"]),
    )
    trace = np.array([(now_ms, 0, weight, decay_rate)], TRACE)
    return replace(
        memories,
        traces=np.concatenate([memories.traces, trace]),
        memory_of_trace=np.zeros(len(memories.traces) + 1, np.intp),
    )


def without_stale_facts(
    memories: Memories, parts: Activations, parameters: Parameters
) -> Activations:
    """What was superseded comes after its successor, which matches at least as well.

    Only where both are among `memories`; a memory whose successor is not there is penalised alike.
    """
    superseded = np.flatnonzero(memories.states["superseded_ms"])
    if len(superseded) == 0:
        return parts
    row = {name: number for number, name in enumerate(memories.ids)}
    successors = [(i, row.get(memories.successor(i) or "")) for i in superseded.tolist()]
    # By time: where a successor was superseded itself, the newest inherits from all.
    successors.sort(key=lambda pair: int(memories.states["created_ms"][pair[0]]))
    match, adjustment = parts.match.copy(), parts.adjustment.copy()
    for i, by in successors:
        if by is not None:
            lead = match[i] + parts.spreading[i] - match[by] - parts.spreading[by]
            match[by] += max(0.0, lead)
    adjustment[superseded] += parameters.superseded_nats
    parts = replace(parts, match=match)
    for i, by in reversed(successors):
        if by is not None:
            total = replace(parts, adjustment=adjustment).total
            adjustment[i] -= max(0.0, total[i] - total[by] + SUPERSEDED_MARGIN)
    return replace(parts, adjustment=adjustment)
