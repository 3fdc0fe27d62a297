"""Compaction: long histories keep their newest traces, the older ones share log-spaced buckets.

**A function of the sequence of events.** Whoever folds a history appends one trace and then, if
there are more than `TRACES_MAX`, puts `compacted(...)` in the history's place: after each event,
not after each batch. What is folded next then meets the same history on every replay, however the
log was cut into batches. Nothing here depends on the clock: ages count from the newest trace.

**Compacting what was compacted loses nothing more.** Buckets are cut at multiples of powers of two
of a millisecond, so that a coarse interval is made of whole fine ones: traces that shared a bucket
share every later one. At any time the traces of a bucket lie within one such interval, at most a
quarter as wide as its young end is old, with decays less than one step apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import SERVICE, FloatArray, IntArray, Kernel
from cognition.errors import ParameterOutOfRange

TRACES_MAX = 1_024
STRENGTH_MIN = 1e-7  # Over a fresh trace's: a full history of such adds up to 1e-4 of one.
AGE_RATIO = 1.25  # Of the oldest to the youngest trace of a bucket, at most.
DECAY_STEP = 0.05  # Up to a decay of 1; above, a fraction of it, since such traces are gone soon.
WIDTH_MAX = 62  # 2^62 ms are longer than any clock says.

Times = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Compacted:
    """The replacement of a history: the traces kept as they are, and the buckets.

    Args:
        kept: which traces stay, shape (traces,).
        times_ms: weighted mean time of each bucket, rounded down, shape (buckets,), ascending.
        weights: sum of the weights, shape (buckets,).
        decay_rates: weighted mean of the decays, shape (buckets,).
    """

    kept: NDArray[np.bool_]
    times_ms: Times
    weights: FloatArray
    decay_rates: FloatArray


def compacted(
    times_ms: Times,
    weights: FloatArray,
    decay_rates: FloatArray,
    *,
    cap: int = TRACES_MAX,
    kernel: Kernel = SERVICE,
) -> Compacted:
    """Fold the older traces of one history into buckets {sum w, weighted mean time, mean d}.

    The newest cap / 2 stay exact. The others share a bucket if they lie in the same interval of
    time, which grows with age, and the same interval of decay; what is left of them below 1e-7 of a
    fresh trace is dropped. A late trace that is older than that border joins the bucket of its
    time. If more than 7/16 of the cap come of it, all intervals are doubled until they don't.

    The sum over a bucket is off by the share that `compaction_error` says, at most, at any moment
    from the newest trace on, unless intervals had to be doubled.

    Args:
        times_ms: of the traces, buckets of earlier compactions among them, whole milliseconds,
            shape (traces,), in the order in which they were folded.
        weights: w, shape (traces,).
        decay_rates: d, shape (traces,).
        cap: how many traces a history may have; at least 4.
        kernel: profile of time, whose onset ages are counted with.

    Returns:
        What to keep, and the buckets: all of the history if it is not longer than half the cap.

    Raises:
        ParameterOutOfRange: the cap is below 4.

    Source: Petrov (2006), Proceedings of ICCM 7, for the idea that old traces matter only together.
    Differs: log-spaced buckets with decays of their own, for the spacing model.

    >>> days = np.arange(16) * 86_400_000
    >>> small = compacted(days, np.ones(16), np.full(16, 0.5), cap=8)
    >>> small.weights.tolist(), (small.times_ms / 86_400_000).round(1).tolist()
    ([8.0, 4.0], [3.5, 9.5])
    """
    if cap < 4:
        raise ParameterOutOfRange(f"need a cap of at least 4 traces, got {cap}")
    order = np.argsort(times_ms, kind="stable")
    kept = np.zeros(len(times_ms), np.bool_)
    kept[order[-(cap // 2) :]] = True
    newest_ms = int(times_ms.max()) if len(times_ms) else 0
    strengths = weights * kernel.strength((newest_ms - times_ms) / 1000, decay_rates)
    old = order[(~kept & (strengths >= STRENGTH_MIN))[order]]
    times, owned, decays = times_ms[old], weights[old], decay_rates[old]
    zero_ms = newest_ms + 1000 * kernel.onset_seconds
    cells = _cells(times, decays, zero_ms=zero_ms, cells_max=cap * 7 // 16)
    mean_times, mean_decays = _means(times, owned, cells), _means(decays, owned, cells)
    ascending = np.lexsort((mean_decays, mean_times))
    return Compacted(
        kept=kept,
        times_ms=np.floor(mean_times[ascending]).astype(np.int64),
        weights=np.bincount(cells, weights=owned).astype(np.float64)[ascending],
        decay_rates=mean_decays[ascending],
    )


def compaction_error(
    ages_seconds: FloatArray, decay_rates: FloatArray, *, kernel: Kernel = SERVICE
) -> FloatArray:
    """Largest relative error of what a bucket contributes, for a bucket of that age and decay.

    With q = .25 the spread of the kernel's argument x over a bucket, delta that of the decays and
    L = |ln x|:

        (1 + q)^delta [(1 + d (d + 1) q^2 (1 + q)^d / 8) e^(delta^2 L^2 / 8)
                       + (e^(delta L) - 1) ((1 + q)^d - 1) / 4] - 1

    The first bracket is the spread of the ages alone, a second-order Taylor bound about the mean,
    times that of the decays alone, Hoeffding's; the rest is what correlation between the two can
    add, at most the product of two standard deviations. B is off by the logarithm of 1 + the error
    of all buckets at most. For d = .5 without spacing (delta = 0) it is .0066.

    Args:
        ages_seconds: of the buckets, at the moment asked, shape (buckets,).
        decay_rates: mean d of the buckets, shape (buckets,).
        kernel: profile of time.

    Returns:
        Shape (buckets,), no unit.

    Source: Taylor's theorem; Hoeffding (1963), Journal of the American Statistical Association
    58:13, lemma 1.

    >>> compaction_error(np.array([86_400.0]), np.array([0.5])).round(3).tolist()
    [0.023]
    """
    q = AGE_RATIO - 1
    steps = DECAY_STEP * np.maximum(1.0, decay_rates)
    logs = np.abs(
        np.log(
            (np.maximum(ages_seconds, kernel.age_seconds_min) + kernel.onset_seconds)
            / kernel.unit_seconds
        )
    )
    by_age = decay_rates * (decay_rates + 1) * q**2 * AGE_RATIO**decay_rates / 8
    by_decay = np.exp((steps * logs) ** 2 / 8)
    together = (np.exp(steps * logs) - 1) * (AGE_RATIO**decay_rates - 1) / 4
    errors: FloatArray = AGE_RATIO**steps * ((1 + by_age) * by_decay + together) - 1
    return errors


def _cells(times_ms: Times, decay_rates: FloatArray, *, zero_ms: float, cells_max: int) -> IntArray:
    """Number of the bucket of each trace, shape (traces,); ages count from `zero_ms`."""
    widths = _widths(times_ms, zero_ms)
    above = np.log(np.maximum(decay_rates, 1.0)) / np.log1p(DECAY_STEP)
    decays = np.floor(np.minimum(decay_rates, 1.0) / DECAY_STEP + above).astype(np.int64)
    while True:
        found, cells = np.unique(
            np.stack([widths, times_ms >> widths, decays]), axis=1, return_inverse=True
        )
        if found.shape[1] <= cells_max or (widths.min() == WIDTH_MAX and decays.max() == 0):
            return cells.reshape(-1)
        widths, decays = np.minimum(widths + 1, WIDTH_MAX), decays >> 1


def _widths(times_ms: Times, zero_ms: float) -> Times:
    """Logarithm of the width of each trace's interval, base 2: the largest k for which the interval
    is at most a quarter as wide as its young end is old.

    By the interval's end, not by the trace, so that all traces of an interval agree. As that end is
    younger than the trace by less than the width, k is what a fifth of the trace's age allows, or
    one more.
    """
    _, exponents = np.frexp((zero_ms - times_ms) * (1 - 1 / AGE_RATIO))
    widths = np.clip(exponents.astype(np.int64) - 1, 0, WIDTH_MAX - 1)
    wider = widths + 1
    ends = ((times_ms >> wider) + 1) << wider
    fits = np.ldexp(1.0, wider) <= (AGE_RATIO - 1) * (zero_ms - ends)
    found: Times = np.where(fits, wider, widths)
    return found


def _means(values: NDArray[Any], weights: FloatArray, cells: IntArray) -> FloatArray:
    """Weighted mean of each cell; never, by rounding, outside of what it is the mean of."""
    count = int(cells.max(initial=-1)) + 1
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, cells, values)
    np.maximum.at(most, cells, values)
    # Relative to the least: milliseconds since 1970 times weights need more than 53 bits.
    above = np.bincount(cells, weights=weights * (values - least[cells]), minlength=count)
    means: FloatArray = least + above / np.bincount(cells, weights=weights, minlength=count)
    return np.clip(means, least, most)
