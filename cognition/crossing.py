"""Crossing time: when activation will have fallen to a threshold if nothing happens until then.

The due index of a service is made of these times, so nothing has to be decayed before its time.
"""

from dataclasses import dataclass

import numpy as np

from cognition.base_level import SERVICE, FloatArray, IntArray, Kernel
from cognition.errors import ParameterOutOfRange

STEPS_MAX = 100  # Newton took 11 at most, on 20,000 random histories; bisection takes 53.
ROUNDING = 4 * np.finfo(np.float64).eps
EXPONENT_MAX = 700.0  # e^709.8 is the largest double.


@dataclass(frozen=True, kw_only=True)
class Traces:
    """Histories of some memories, flat: shape (traces,) each.

    Args:
        ages_seconds: at the moment from which time is counted; all at least 0.
        decay_rates: d.
        weights: w.
        memory_of_trace: whose trace each is, 0 <= value < memories.
    """

    ages_seconds: FloatArray
    decay_rates: FloatArray
    weights: FloatArray
    memory_of_trace: IntArray

    def of(self, rows: IntArray, memories: int) -> "Traces":
        """Traces of some of the memories only, which are then counted from 0.

        Args:
            rows: the memories, ascending, shape (rows,).
            memories: how many there are so far.

        Returns:
            Their traces, in the order in which they stand here.

        Source: none, a selection.
        """
        places = np.full(memories, -1)
        places[rows] = np.arange(len(rows))
        owners = places[self.memory_of_trace]
        kept = owners >= 0
        return Traces(
            ages_seconds=self.ages_seconds[kept],
            decay_rates=self.decay_rates[kept],
            weights=self.weights[kept],
            memory_of_trace=owners[kept],
        )


def seconds_to_threshold(
    traces: Traces, thresholds: FloatArray, *, kernel: Kernel = SERVICE
) -> FloatArray:
    """Time until each memory's base level falls to its threshold.

    u with A0 + ln(sum_j w_j x_j(u)^-d_j) = T, x_j(u) the kernel's argument at age a_j + u. B falls
    and is convex after the newest trace, so Newton's method from a lower bound rises to u and never
    passes it; a step that leaves what is known to hold u is replaced by bisection.

    Args:
        traces: of all memories, none later than the moment from which time counts.
        thresholds: T = tau - bias of each memory, nats, shape (memories,).
        kernel: profile of time.

    Returns:
        Seconds, shape (memories,): 0 where B is not above T at once or there is no trace, inf where
        a double cannot say how long it takes.

    Raises:
        ParameterOutOfRange: a decay is not positive, a weight or an age is negative, or a
            threshold is not a number.

    Source: the base-level equation of Anderson & Schooler (1991), Psychological Science 2:396,
    solved for the time.

    >>> traces = Traces(
    ...     ages_seconds=np.zeros(1), decay_rates=np.array([0.5]), weights=np.ones(1),
    ...     memory_of_trace=np.zeros(1, np.intp),
    ... )
    >>> (seconds_to_threshold(traces, np.array([-1.0])) / 86_400).round(3).tolist()
    [7.254]
    """
    _refuse(traces, thresholds)
    memories = len(thresholds)
    low, high = np.zeros(memories), np.full(memories, np.inf)
    levels, _ = _levels_and_slopes(traces, low, kernel)
    waits = np.where(levels > thresholds, _lower_bounds(traces, thresholds, kernel), 0.0)
    rows = np.flatnonzero((levels > thresholds) & np.isfinite(waits))
    for _ in range(STEPS_MAX):
        if len(rows) == 0:
            break
        at = waits[rows]
        levels, slopes = _levels_and_slopes(traces.of(rows, memories), at, kernel)
        above = levels - thresholds[rows]
        low[rows] = np.where(above > 0, at, low[rows])
        high[rows] = np.where(above > 0, high[rows], at)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            after = at - above / slopes
        inside = (after > low[rows]) & (after < high[rows])
        # Without an upper bound the middle is infinite: Newton's step was, so u is too.
        moved = np.where(inside, after, (low[rows] + high[rows]) / 2)
        close = np.abs(above) <= ROUNDING * np.maximum(1.0, np.abs(thresholds[rows]))
        done = close | (after == at) | (moved == at)
        waits[rows] = np.where(done, at, moved)
        rows = rows[~done & np.isfinite(moved)]
    return waits


def crossing_time(
    times_seconds: FloatArray,
    decay_rates: FloatArray | float,
    *,
    threshold: float,
    weights: FloatArray | float = 1.0,
    kernel: Kernel = SERVICE,
) -> float:
    """Moment t* at which one memory's base level has fallen to a threshold.

    B(t*) = T.

    Args:
        times_seconds: of its traces, at least one, in any order, shape (traces,).
        decay_rates: d, a number or one per trace.
        threshold: T = tau - bias, nats.
        weights: w, a number or one per trace.
        kernel: profile of time.

    Returns:
        Seconds on the clock of `times_seconds`; the newest trace's time where B is not above T
        even then, inf for never.

    Raises:
        ParameterOutOfRange: see `seconds_to_threshold`.

    Source: see `seconds_to_threshold`.

    >>> from cognition.base_level import ACT_R
    >>> times = np.array([0.0, 126.0, 252.0, 4844.0])
    >>> round(crossing_time(times, 0.5, threshold=-3.5, kernel=ACT_R), 6)
    19050.971448
    """
    newest = float(np.max(times_seconds))
    shape = np.shape(times_seconds)
    traces = Traces(
        ages_seconds=newest - times_seconds,
        decay_rates=np.broadcast_to(np.asarray(decay_rates, np.float64), shape),
        weights=np.broadcast_to(np.asarray(weights, np.float64), shape),
        memory_of_trace=np.zeros(shape, np.intp),
    )
    return newest + float(seconds_to_threshold(traces, np.array([threshold]), kernel=kernel)[0])


def _refuse(traces: Traces, thresholds: FloatArray) -> None:
    for name, wrong in (
        ("decay_rates > 0", ~(traces.decay_rates > 0)),
        ("weights >= 0", ~(traces.weights >= 0)),
        ("ages_seconds >= 0", ~(traces.ages_seconds >= 0)),
        ("thresholds that are numbers", np.isnan(thresholds)),
    ):
        if np.any(wrong):
            raise ParameterOutOfRange(f"need {name}, got others at {np.flatnonzero(wrong)[:5]}")


def _levels_and_slopes(
    traces: Traces, waits: FloatArray, kernel: Kernel
) -> tuple[FloatArray, FloatArray]:
    """B of each memory after its wait, and how fast it changes then, nats per second.

    By logarithms of the terms: far away the terms themselves underflow.
    """
    owners, memories = traces.memory_of_trace, len(waits)
    ages = traces.ages_seconds + waits[owners]
    onset_ages = np.maximum(ages, kernel.age_seconds_min) + kernel.onset_seconds
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.log(traces.weights) - traces.decay_rates * np.log(
            onset_ages / kernel.unit_seconds
        )
        largest = np.full(memories, -np.inf)
        np.maximum.at(largest, owners, terms)
        shares = np.exp(terms - np.where(np.isfinite(largest), largest, 0.0)[owners])
        sums = np.bincount(owners, weights=shares, minlength=memories)
        levels = kernel.fresh_activation + largest + np.log(sums)
        falling = np.where(ages >= kernel.age_seconds_min, traces.decay_rates / onset_ages, 0.0)
        slopes = -np.bincount(owners, weights=shares * falling, minlength=memories) / sums
    return levels, slopes


def _lower_bounds(traces: Traces, thresholds: FloatArray, kernel: Kernel) -> FloatArray:
    """Waits that no memory stays short of: each trace alone, all of equal decay at their mean age.

    With equal decays R = r (W e^(A0 - T))^(1/d) is the kernel's argument of all traces in one, and
    the mean of powers is at least the power of the mean.
    """
    owners, memories = traces.memory_of_trace, len(thresholds)
    needed = kernel.fresh_activation - thresholds
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        alone = _argument(np.log(traces.weights) + needed[owners], traces.decay_rates)
        bounds = np.full(memories, kernel.age_seconds_min)
        np.maximum.at(
            bounds,
            owners,
            kernel.unit_seconds * alone - kernel.onset_seconds - traces.ages_seconds,
        )
        least, most = np.full(memories, np.inf), np.zeros(memories)
        np.minimum.at(least, owners, traces.decay_rates)
        np.maximum.at(most, owners, traces.decay_rates)
        totals = np.bincount(owners, weights=traces.weights, minlength=memories)
        ages = np.bincount(owners, weights=traces.weights * traces.ages_seconds, minlength=memories)
        together = _argument(np.log(totals) + needed, most)
        mean = kernel.unit_seconds * together - kernel.onset_seconds - ages / totals
    return np.where((least == most) & (totals > 0), np.maximum(bounds, mean), bounds)


def _argument(log_strengths: FloatArray, decay_rates: FloatArray) -> FloatArray:
    """The kernel's argument x with x^-d = e^-strength; inf where that is no double."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        exponents = log_strengths / decay_rates
        arguments: FloatArray = np.where(exponents > EXPONENT_MAX, np.inf, np.exp(exponents))
    return arguments
