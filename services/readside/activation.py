"""Activation from the history of use: A = B + bias, of some memories in one numpy pass.

Reads and maintenance compute it alike, so that what a list shows as faded is what decay takes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from cognition.base_level import (
    FloatArray,
    IntArray,
    Kernel,
    base_level,
    emotional_decay_rate,
    presentation_decay,
    retrieval_threshold,
)
from schemas.parameters import Parameters
from services.readside.columns import Memories
from services.readside.layout import Kind, of_kinds
from services.readside.parameters import downscaling_at

# Over a fresh memory's, nats. What was massed together decays so fast that all of it is 0 as a
# double after a while; no threshold is as low.
LEVEL_LEAST = -700.0
# A presentation, but nobody turned to the memory itself.
NOT_MEANT: tuple[Kind, ...] = ("search", "compacted", "inherited")


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


def kernel_of(parameters: Parameters) -> Kernel:
    """The profile of time of these parameters."""
    return Kernel.with_onset(parameters.onset_seconds, fresh_activation=parameters.fresh_activation)


def threshold_of(parameters: Parameters) -> float:
    """The base level at which a memory fades, which the horizon stands for."""
    return retrieval_threshold(
        parameters.horizon_seconds,
        decay_rate=parameters.decay_rate,
        kernel=kernel_of(parameters),
    )


def activations(memories: Memories, now_ms: int, parameters: Parameters) -> Activations:
    """A = B + bias of each memory at `now_ms`; later traces do not count.

    A memory dated ahead of that is fresh: clocks differ. Whether it is there yet, its status says.
    """
    nothing = np.zeros(len(memories))
    states = memories.states
    neutral = emotional_decay_rate(parameters.decay_rate, arousal=0.0, salience=0.5)
    felt = emotional_decay_rate(
        parameters.decay_rate,
        arousal=states["arousal"],
        salience=states["salience"],
        effect=parameters.arousal_effect,
        decay_rate_min=min(parameters.decay_rate_min, parameters.decay_rate),
    )
    past = _Past.of(memories, now_ms)
    level = past.base_levels(past.decay_rates, parameters)
    base = level
    if np.any(moved := felt != neutral):
        shifted = past.shifted(neutral - felt, parameters)
        decay_rates = np.where(moved[past.memory_of_trace], shifted, past.decay_rates)
        base = past.base_levels(decay_rates, parameters)
    return Activations(
        base=base,
        emotion=level - base,
        spreading=nothing,
        match=nothing,
        adjustment=adjustments(memories, now_ms, parameters),
        noise=nothing,
    )


def adjustments(memories: Memories, now_ms: int, parameters: Parameters) -> FloatArray:
    """Bias of each memory at `now_ms`: its penalties, and the last downscaling until then.

    Together they never push a fresh memory below the threshold.
    """
    floor = threshold_of(parameters) - parameters.fresh_activation
    bias: FloatArray = memories.states["bias"].astype(np.float64)
    downscaled = downscaling_at(parameters, now_ms)
    if downscaled is not None:
        began_ms, nats = downscaled
        bias = bias + np.where(last_used(memories, now_ms) < began_ms, nats, 0.0)
    lowest: FloatArray = np.maximum(bias, floor)
    return lowest


def last_used(memories: Memories, now_ms: int) -> np.ndarray:
    """The time when each memory was last created, recalled, used, restored or rehearsed, ms; shape
    (memories,). Being merely found, and inheriting, do not count."""
    traces = memories.traces
    meant = ~of_kinds(traces["id"], *NOT_MEANT) & (traces["time_ms"] <= now_ms)
    last: np.ndarray = np.full(len(memories), np.iinfo(np.int64).min)
    np.maximum.at(last, memories.memory_of_trace[meant], traces["time_ms"][meant])
    return last


def base_levels(memories: Memories, now_ms: int, parameters: Parameters) -> FloatArray:
    """B of each memory, shape (memories,)."""
    past = _Past.of(memories, now_ms)
    return past.base_levels(past.decay_rates, parameters)


def base_levels_over(
    memories: Memories, moments_ms: IntArray, parameters: Parameters
) -> FloatArray:
    """B of one memory at each of some moments, shape (moments,)."""
    past = _Past.over(memories, moments_ms)
    return past.base_levels(past.decay_rates, parameters)


def next_decay(
    traces: np.ndarray, time_ms: int, parameters: Parameters, *, arousal: float, salience: float
) -> float:
    """Decay of a new trace after these, shape (traces,)."""
    felt = _felt_decay_rate(
        parameters.decay_rate,
        (arousal, salience),
        effect=parameters.arousal_effect,
        decay_rate_min=min(parameters.decay_rate_min, parameters.decay_rate),
    )
    return presentation_decay(
        _strength_before(traces, time_ms, kernel_of(parameters)),
        decay_rate=felt,
        spacing_scale=parameters.spacing_scale,
    )


@lru_cache(10_000)
def _felt_decay_rate(
    decay_rate: float, felt: tuple[float, float], *, effect: float, decay_rate_min: float
) -> float:
    arousal, salience = felt
    return float(
        emotional_decay_rate(
            decay_rate,
            arousal=arousal,
            salience=salience,
            effect=effect,
            decay_rate_min=decay_rate_min,
        )
    )


def _strength_before(traces: np.ndarray, time_ms: int, kernel: Kernel) -> float:
    """Summed strength at `time_ms` of the traces laid down by then, over e^A0."""
    if len(traces) == 0:
        return 0.0
    earlier = traces[traces["time_ms"] <= time_ms]
    ages = (time_ms - earlier["time_ms"]) / 1000.0
    decays = earlier["decay_rate"].astype(np.float64)
    return float(np.sum(earlier["weight"] * kernel.strength(ages, decays)))


@dataclass(frozen=True)
class _Past:
    """The traces of some memories up to a moment, shape (traces,) each."""

    ages_seconds: FloatArray
    decay_rates: FloatArray
    weights: FloatArray
    memory_of_trace: IntArray
    memories: int

    @classmethod
    def of(cls, memories: Memories, now_ms: int) -> Self:
        traces, memory_of_trace = memories.traces, memories.memory_of_trace
        moments_ms = np.maximum(now_ms, memories.states["created_ms"])[memory_of_trace]
        past = traces["time_ms"] <= moments_ms
        if not past.all():
            traces, memory_of_trace = traces[past], memory_of_trace[past]
            moments_ms = moments_ms[past]
        return cls(
            (moments_ms - traces["time_ms"]) / 1000.0,
            traces["decay_rate"].astype(np.float64),
            traces["weight"].astype(np.float64),
            memory_of_trace,
            len(memories),
        )

    @classmethod
    def over(cls, memories: Memories, moments_ms: IntArray) -> Self:
        """Of one memory at several moments, as if each were a memory of its own."""
        assert len(memories) == 1
        moments = np.maximum(moments_ms, memories.states["created_ms"][0])
        times = memories.traces["time_ms"]
        moment_of, trace_of = np.nonzero(times[None, :] <= moments[:, None])
        traces = memories.traces[trace_of]
        return cls(
            (moments[moment_of] - traces["time_ms"]) / 1000.0,
            traces["decay_rate"].astype(np.float64),
            traces["weight"].astype(np.float64),
            moment_of,
            len(moments),
        )

    def shifted(self, shift: FloatArray, parameters: Parameters) -> FloatArray:
        """The decays, each shifted by that of its memory."""
        # Traces laid down under other parameters may be shifted too far.
        rates: FloatArray = np.maximum(
            self.decay_rates + shift[self.memory_of_trace], parameters.decay_rate_min
        )
        return rates

    def base_levels(self, decay_rates: FloatArray, parameters: Parameters) -> FloatArray:
        """B of each memory, with these decays of the traces; of every one a number."""
        levels = base_level(
            self.ages_seconds,
            decay_rates,
            weights=self.weights,
            memory_of_trace=self.memory_of_trace,
            memories=self.memories,
            kernel=kernel_of(parameters),
        )
        least: FloatArray = np.maximum(levels, parameters.fresh_activation + LEVEL_LEAST)
        return least
