"""Spacing: each presentation gets its own decay, by how strong the memory was at that moment."""

import numpy as np

from cognition.base_level import SERVICE, FloatArray, Kernel
from cognition.errors import ParameterOutOfRange


def presentation_decays(
    times_seconds: FloatArray,
    *,
    decay_rates: FloatArray | float,
    spacing_scale: float,
    weights: FloatArray | float = 1.0,
    kernel: Kernel = SERVICE,
) -> FloatArray:
    """Decays of whole histories, in the order in which they were laid down.

    d_i = d + c sum_j w_j k(t_i - t_j; d_j) / e^A0 over the traces j that were laid down before i
    and are not later in time, so that d_1 = d. One step per presentation serves all memories.

    Args:
        times_seconds: shape (presentations,), or (memories, presentations) where NaN fills the
            shorter histories at their end.
        decay_rates: d (a in the paper) without spacing, emotion included; a number, or one per
            presentation.
        spacing_scale: c; 0 is ACT-R without spacing.
        weights: w by the kind of use; a number, or one per presentation.
        kernel: profile of time.

    Returns:
        The shape of `times_seconds`, no unit; NaN where there is no presentation. Not capped,
        since massed repeats must stay worth little.

    Raises:
        ParameterOutOfRange: a decay is not positive, or the scale is negative.

    Source: Pavlik & Anderson (2005), Cognitive Science 29:559, equations 4 and 5. Differs: weights,
    and traces that are later in time, which their experiments do not have, count for nothing.

    >>> presentation_decays(
    ...     np.array([0.0, 86_400.0, 172_800.0]), decay_rates=0.5, spacing_scale=0.2
    ... ).round(4).tolist()
    [0.5, 0.5691, 0.61]
    """
    times = np.asarray(times_seconds, np.float64)
    decays = np.where(np.isnan(times), np.nan, decay_rates)
    shares = np.broadcast_to(np.asarray(weights, np.float64), times.shape)
    if spacing_scale < 0 or np.any(decays <= 0):
        raise ParameterOutOfRange(
            f"need decay_rates > 0 and spacing_scale >= 0, got {decay_rates} and {spacing_scale}"
        )
    for i in range(1, times.shape[-1]):
        ages = times[..., i : i + 1] - times[..., :i]
        strengths = shares[..., :i] * kernel.strength(ages, decays[..., :i])
        decays[..., i] += spacing_scale * np.where(ages >= 0, strengths, 0.0).sum(axis=-1)
    return decays
