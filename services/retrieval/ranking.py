"""Activation of memories, from what the read side holds: pure, one numpy pass."""

from dataclasses import dataclass, replace

import numpy as np

from cognition.base_level import (
    FloatArray,
    base_level,
    emotional_decay_rate,
    retrieval_threshold,
)
from schemas.parameters import Parameters
from services.common.read_model import TRACE
from services.retrieval.memories import Memories
from services.retrieval.presentations import kernel_of, next_decay

# By how much, in nats, a successor comes before what it superseded.
SUPERSEDED_MARGIN = 0.1


@dataclass(frozen=True)
class Activations:
    """The parts of each memory's activation, shape (memories,) each, in nats."""

    base: FloatArray
    emotion: FloatArray
    spreading: FloatArray
    match: FloatArray
    adjustment: FloatArray
    noise: FloatArray

    @property
    def total(self) -> FloatArray:
        """A: always the sum in this order, so that the parts add up to it exactly."""
        total: FloatArray = (
            self.base + self.spreading + self.match + self.emotion + self.adjustment + self.noise
        )
        return total


def activations(memories: Memories, now_ms: int, parameters: Parameters) -> Activations:
    """A = B + bias of each memory at `now_ms`; later traces do not count.

    A memory dated ahead of that is fresh: clocks differ. Whether it is there yet, its status says.
    """
    nothing = np.zeros(len(memories))
    states = memories.states
    neutral = emotional_decay_rate(parameters.spacing_intercept, arousal=0.0, salience=0.5)
    felt = emotional_decay_rate(
        parameters.spacing_intercept,
        arousal=states["arousal"],
        salience=states["salience"],
        effect=parameters.arousal_effect,
        decay_rate_min=parameters.decay_rate_min,
    )
    weight = parameters.base_level_weight
    level = weight * base_levels(memories, now_ms, parameters)
    base = level
    if np.any(felt != neutral):
        base = weight * base_levels(memories, now_ms, parameters, shift=neutral - felt)
    floor = threshold_of(parameters) - parameters.fresh_activation
    return Activations(
        base=base,
        emotion=level - base,
        spreading=nothing,
        match=nothing,
        # Penalties together never push a fresh memory below the threshold.
        adjustment=np.maximum(states["bias"], floor),
        noise=nothing,
    )


def base_levels(
    memories: Memories, now_ms: int, parameters: Parameters, *, shift: FloatArray | None = None
) -> FloatArray:
    """B of each memory, its traces' decays shifted by `shift`, shape (memories,)."""
    traces, memory_of_trace = memories.traces, memories.memory_of_trace
    moments_ms = np.maximum(now_ms, memories.states["created_ms"])[memory_of_trace]
    past = traces["time_ms"] <= moments_ms
    if not past.all():
        traces, memory_of_trace = traces[past], memory_of_trace[past]
        moments_ms = moments_ms[past]
    decays = traces["decay_rate"].astype(np.float64)
    if shift is not None:
        decays = decays + shift[memory_of_trace]
    return base_level(
        (moments_ms - traces["time_ms"]) / 1000.0,
        decays,
        weights=traces["weight"].astype(np.float64),
        memory_of_trace=memory_of_trace,
        memories=len(memories),
        kernel=kernel_of(parameters),
    )


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


def threshold_of(parameters: Parameters) -> float:
    """The retrieval threshold that the horizon stands for."""
    return retrieval_threshold(
        parameters.horizon_seconds,
        decay_rate=parameters.decay_rate,
        kernel=kernel_of(parameters),
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
