"""Base level without every age: the optimised and the hybrid form, for comparison and for science.

The service sums exactly, see `base_level`: bursty histories put the hybrid off by up to 1 nat.
"""

import numpy as np

from cognition.base_level import ACT_R, FloatArray, IntArray, Kernel
from cognition.errors import ParameterOutOfRange

LIFETIME_SECONDS_MIN = 0.05  # ACT-R 7 has the same floor.


def optimised_base_level(
    presentations: FloatArray | float,
    lifetimes_seconds: FloatArray | float,
    *,
    decay_rate: FloatArray | float = 0.5,
) -> FloatArray:
    """Base level from the number of presentations alone, taken as evenly spread.

    B = ln(n / (1 - d)) - d ln L.

    Args:
        presentations: n, shape (memories,) or a number; 0 gives -inf.
        lifetimes_seconds: L, time since the creation, not since the last use; shape (memories,)
            or a number. Below 50 ms, also negative, counts as 50 ms.
        decay_rate: d, no unit.

    Returns:
        Shape (memories,), nats.

    Raises:
        ParameterOutOfRange: a decay is not between 0 and 1, where the sum has no such integral.

    Source: Anderson & Lebiere (1998), The Atomic Components of Thought; ACT-R 7 manual, `:ol t`.

    >>> round(float(optimised_base_level(5, 86_400.0)), 10)
    -3.3807863844
    """
    decays = np.asarray(decay_rate, np.float64)
    if np.any((decays <= 0) | (decays >= 1)):
        raise ParameterOutOfRange(f"need 0 < decay_rate < 1, got {decay_rate}")
    lifetimes = np.maximum(lifetimes_seconds, LIFETIME_SECONDS_MIN)
    with np.errstate(divide="ignore"):
        counts: FloatArray = np.log(np.asarray(presentations, np.float64))
    levels: FloatArray = counts - np.log1p(-decays) - decays * np.log(lifetimes)
    return levels


def hybrid_base_level(
    ages_seconds: FloatArray,
    *,
    memory_of_trace: IntArray,
    decay_rates: FloatArray,
    exact: int,
    kernel: Kernel = ACT_R,
) -> FloatArray:
    """Base level from the k newest presentations exactly, the rest as spread evenly before them.

    B = A0 + ln(sum_{j<=k} x_j^-d + (n - k) (x_n^(1-d) - x_k^(1-d)) / ((1 - d) (x_n - x_k))),
    where x is the kernel's argument, x_k that of the k-th newest and x_n that of the oldest. The
    second term counts only if n > k.

    Args:
        ages_seconds: shape (traces,), in any order.
        memory_of_trace: whose trace each is, 0 <= value < memories, shape (traces,).
        decay_rates: d of each memory, shape (memories,).
        exact: k, how many of the newest are summed exactly; at least 1.
        kernel: profile of time. The span x_n - x_k is at least what 50 ms come to.

    Returns:
        Shape (memories,), nats; -inf where a memory has no trace.

    Raises:
        ParameterOutOfRange: exact is below 1, or a decay is not positive or exactly 1.

    Source: Petrov (2006), Proceedings of ICCM 7; ACT-R 7 manual, `:ol k`.

    >>> ages = np.array([86_400.0, 82_800.0, 46_400.0, 6_400.0, 400.0])
    >>> hybrid_base_level(
    ...     ages, memory_of_trace=np.zeros(5, np.intp), decay_rates=np.array([0.5]), exact=2
    ... ).round(10).tolist()
    [-2.5440783796]
    """
    if exact < 1 or np.any((decay_rates <= 0) | (decay_rates == 1)):
        raise ParameterOutOfRange(
            f"need exact >= 1, decay_rates > 0 and != 1, got {exact} and {decay_rates}"
        )
    memories = len(decay_rates)
    order = np.lexsort((ages_seconds, memory_of_trace))
    ages, owners = ages_seconds[order], memory_of_trace[order]
    counts = np.bincount(owners, minlength=memories)
    ends = np.cumsum(counts)
    rank = np.arange(len(ages)) - (ends - counts)[owners]
    newest = rank < exact
    strengths = kernel.strength(ages[newest], decay_rates[owners[newest]])
    sums: FloatArray = np.bincount(owners[newest], weights=strengths, minlength=memories).astype(
        np.float64
    )
    more = np.flatnonzero(counts > exact)
    last = ends[more] - 1
    density = _mean_strength(
        ages[last - counts[more] + exact], ages[last], decay_rates[more], kernel
    )
    sums[more] += (counts[more] - exact) * density
    with np.errstate(divide="ignore"):
        levels: FloatArray = kernel.fresh_activation + np.log(sums)
    return levels


def _mean_strength(
    ages_from: FloatArray, ages_to: FloatArray, decay_rates: FloatArray, kernel: Kernel
) -> FloatArray:
    """Mean of x^-d over presentations that are spread evenly between two ages."""
    low, high = (
        (np.maximum(ages, 0.0) + kernel.onset_seconds) / kernel.unit_seconds
        for ages in (ages_from, ages_to)
    )
    span = np.maximum(high - low, LIFETIME_SECONDS_MIN / kernel.unit_seconds)
    powers = 1 - decay_rates
    means: FloatArray = (high**powers - low**powers) / (powers * span)
    return means
