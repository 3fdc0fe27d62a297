"""Activation of a candidate set, from what the read side holds: pure, one numpy pass."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import (
    FloatArray,
    IntArray,
    Kernel,
    base_level,
    emotional_decay_rate,
    presentation_decay,
    retrieval_threshold,
)
from cognition.matching import cosine_match, cosine_similarity
from schemas.parameters import Parameters
from schemas.queries import Explanation
from services.common.read_model import (
    KINDS,
    NOT_COUNTED,
    STATUSES,
    TRACE,
    Status,
    split_records,
    unpack_record,
)
from services.retrieval.domain import strength_before

ACTIVE, DECAYED, DELETED = range(3)


@dataclass(frozen=True)
class Histories:
    """Some memories' states and traces, decoded: `states` shape (memories,), `traces` (traces,).

    `vectors` and `records` are bytes, one each per memory.
    """

    ids: list[str]
    states: np.ndarray
    traces: np.ndarray
    memory_of_trace: IntArray
    vectors: list[bytes]
    records: list[bytes]

    def __len__(self) -> int:
        return len(self.ids)


def decode_histories(ids: list[str], records: list[bytes]) -> Histories:
    """Decode the records of `ids`."""
    states, vectors, traces = split_records(records)
    lengths = [len(history) // TRACE.itemsize for history in traces]
    return Histories(
        ids=ids,
        states=states,
        traces=np.frombuffer(b"".join(traces), TRACE),
        memory_of_trace=np.repeat(np.arange(len(ids)), lengths),
        vectors=vectors,
        records=records,
    )


def statuses_at(histories: Histories, moment_ms: int) -> NDArray[np.uint8]:
    """Status of each memory at a past moment; one not created by then, or deleted now, counts as
    deleted. Shape (memories,)."""
    statuses = histories.states["status"].copy()
    for i in np.flatnonzero(histories.states["changes"]):
        if statuses[i] != DELETED:
            state, _, _ = unpack_record(histories.records[i])
            statuses[i] = STATUSES.index(state.status_at(moment_ms))
    statuses[histories.states["created_ms"] > moment_ms] = DELETED
    return statuses


def accesses_at(histories: Histories, moment_ms: int) -> Histories:
    """The same memories with the number and the last of their accesses at a past moment."""
    uncounted = KINDS.index(NOT_COUNTED) + 1
    traces = histories.traces
    counted = (traces["time_ms"] <= moment_ms) & (traces["id"] >> np.uint64(56) != uncounted)
    whose = histories.memory_of_trace[counted]
    states = histories.states.copy()
    states["access_count"] = np.bincount(whose, minlength=len(histories))
    states["last_accessed_ms"] = states["created_ms"]
    np.maximum.at(states["last_accessed_ms"], whose, traces["time_ms"][counted])
    return replace(histories, states=states)


@dataclass(frozen=True)
class Activations:
    """The parts of each memory's activation, shape (memories,) each, in nats."""

    base: FloatArray
    emotion: FloatArray
    match: FloatArray
    adjustment: FloatArray
    noise: FloatArray

    @property
    def total(self) -> FloatArray:
        """A: always the sum in this order, so that the parts add up to it exactly."""
        return self.base + self.match + self.emotion + self.adjustment + self.noise

    def explanation(self, i: int) -> Explanation:
        """The parts of one memory."""
        return Explanation(
            base=float(self.base[i]),
            spreading=0.0,
            match=float(self.match[i]),
            emotion=float(self.emotion[i]),
            adjustment=float(self.adjustment[i]),
            noise=float(self.noise[i]),
        )


def activations(
    histories: Histories,
    now_ms: int,
    parameters: Parameters,
    *,
    match: FloatArray | None = None,
    noise: FloatArray | None = None,
) -> Activations:
    """A = B + P + bias + noise of each memory at `now_ms`; later traces do not count.

    A memory dated ahead of that is fresh: clocks differ. Whether it is there yet, `statuses_at`
    says.
    """
    nothing = np.zeros(len(histories))
    states = histories.states
    neutral = emotional_decay_rate(parameters.decay_rate, arousal=0.0, salience=0.5)
    felt = emotional_decay_rate(
        parameters.decay_rate,
        arousal=states["arousal"],
        salience=states["salience"],
        effect=parameters.arousal_effect,
        decay_rate_min=parameters.decay_rate_min,
    )
    weight = parameters.base_level_weight
    level = weight * base_levels(histories, now_ms, parameters)
    base = level
    if np.any(felt != neutral):
        base = weight * base_levels(histories, now_ms, parameters, shift=neutral - felt)
    return Activations(
        base=base,
        emotion=level - base,
        match=nothing if match is None else match,
        adjustment=states["bias"],
        noise=nothing if noise is None else noise,
    )


def base_levels(
    histories: Histories,
    now_ms: int,
    parameters: Parameters,
    *,
    shift: FloatArray | None = None,
) -> FloatArray:
    """B of each memory, its traces' decays shifted by `shift`, shape (memories,)."""
    traces, memory_of_trace = histories.traces, histories.memory_of_trace
    moments_ms = np.maximum(now_ms, histories.states["created_ms"])[memory_of_trace]
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
        memories=len(histories),
        kernel=kernel_of(parameters),
    )


def with_access(
    histories: Histories, now_ms: int, parameters: Parameters, *, weight: float = 1.0
) -> Histories:
    """One memory's history with a presentation at `now_ms` more, as the fold will lay it down."""
    state = histories.states[0]
    decay_rate = presentation_decay(
        strength_before(histories.traces, now_ms),
        decay_rate=float(
            emotional_decay_rate(
                parameters.decay_rate,
                arousal=float(state["arousal"]),
                salience=float(state["salience"]),
                effect=parameters.arousal_effect,
                decay_rate_min=parameters.decay_rate_min,
            )
        ),
        spacing_scale=parameters.spacing_scale,
    )
    trace = np.array([(now_ms, 0, weight, decay_rate)], TRACE)
    return replace(
        histories,
        traces=np.concatenate([histories.traces, trace]),
        memory_of_trace=np.zeros(len(histories.traces) + 1, np.intp),
    )


def match_of(
    query: NDArray[np.float16], vectors: NDArray[np.float16], parameters: Parameters
) -> tuple[FloatArray, FloatArray]:
    """Cosines, and what they mean in nats; shape (memories,) each."""
    cosines = cosine_similarity(query, vectors)
    match = cosine_match(
        cosines, weight=parameters.cosine_weight, neutral=parameters.cosine_neutral
    )
    return cosines, match


def threshold_of(parameters: Parameters) -> float:
    """The retrieval threshold that the horizon stands for."""
    return retrieval_threshold(
        parameters.horizon_seconds,
        decay_rate=parameters.decay_rate,
        kernel=kernel_of(parameters),
    )


def kernel_of(parameters: Parameters) -> Kernel:
    """The profile of time of these parameters."""
    return Kernel.with_onset(parameters.onset_seconds, fresh_activation=parameters.fresh_activation)


def status_name(code: int) -> Status:
    """The status that a state record's byte stands for."""
    return STATUSES[code]
