"""Base-level activation B: how available a memory is from its history of use alone.

Histories are ragged, so they come flat: one array over the traces of all memories, and
`memory_of_trace`, which says whose each trace is. One numpy pass serves a whole candidate set.
"""

from dataclasses import dataclass
from math import exp, log1p

import numpy as np
from numpy.typing import NDArray

from cognition.errors import ParameterOutOfRange

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The contribution of one trace of age a and decay d: e^A0 ((max(a, a_min) + o) / r)^-d.

    Args:
        fresh_activation: A0, nats.
        age_seconds_min: a_min; younger ages, also negative ones (clock skew), count as this.
        onset_seconds: o, where the power law sets in (Wickelgren, 1974).
        unit_seconds: r, the unit of age.
    """

    fresh_activation: float
    age_seconds_min: float
    onset_seconds: float
    unit_seconds: float

    @classmethod
    def with_onset(cls, onset_seconds: float, *, fresh_activation: float = 1.0) -> "Kernel":
        """The service's profile: a fresh memory has exactly A0, whatever its decay.

        Args:
            onset_seconds: o, also taken as the unit of age.
            fresh_activation: A0, nats.

        Returns:
            A kernel with k(0; d) = e^A0 for every d.

        Source: Wickelgren (1974), Memory & Cognition 2:775, the power law (1 + a / o)^-d.
        """
        return cls(
            fresh_activation=fresh_activation,
            age_seconds_min=0.0,
            onset_seconds=onset_seconds,
            unit_seconds=onset_seconds,
        )

    def strength(self, ages_seconds: FloatArray, decay_rates: FloatArray) -> FloatArray:
        """Contribution of each trace, over e^A0; no unit.

        Args:
            ages_seconds: shape (traces,).
            decay_rates: d of each trace, shape (traces,).

        Returns:
            Shape (traces,).

        Source: Anderson & Schooler (1991), Psychological Science 2:396; ACT-R 7 manual, base-level
        learning. Differs: onset and unit, see the class.
        """
        ages = np.maximum(ages_seconds, self.age_seconds_min) + self.onset_seconds
        powers: FloatArray = np.exp(-decay_rates * np.log(ages / self.unit_seconds))
        return powers


ACT_R = Kernel(fresh_activation=0.0, age_seconds_min=0.05, onset_seconds=0.0, unit_seconds=1.0)
SERVICE = Kernel.with_onset(exp(-2) * 86_400)


def base_level(
    ages_seconds: FloatArray,
    decay_rates: FloatArray,
    *,
    weights: FloatArray,
    memory_of_trace: IntArray,
    memories: int,
    kernel: Kernel = SERVICE,
) -> FloatArray:
    """Base-level activation of each memory, exactly.

    B_i = A0 + ln(sum_j w_j x_ij ** -d_ij), x the kernel's argument.

    Args:
        ages_seconds: shape (traces,).
        decay_rates: d of each trace, fixed when it was laid down, shape (traces,).
        weights: w of each trace by the kind of its use, shape (traces,).
        memory_of_trace: whose trace each is, 0 <= value < memories, shape (traces,).
        memories: how many memories there are.
        kernel: profile of time.

    Returns:
        Shape (memories,), nats; -inf where a memory has no trace.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 2.

    >>> ages = np.array([5877.0, 5751.0, 5625.0, 1033.0])
    >>> base_level(
    ...     ages, np.full(4, 0.5), weights=np.ones(4), memory_of_trace=np.zeros(4, np.intp),
    ...     memories=1, kernel=ACT_R
    ... ).round(10).tolist()
    [-2.6496250726]
    """
    strengths = weights * kernel.strength(ages_seconds, decay_rates)
    sums = np.bincount(memory_of_trace, weights=strengths, minlength=memories)
    with np.errstate(divide="ignore"):
        levels: FloatArray = kernel.fresh_activation + np.log(sums)
    return levels


def presentation_decay(
    strength_before: float,
    *,
    decay_rate: float,
    spacing_scale: float,
) -> float:
    """Decay of a new trace: strong memories gain little from a repeat, faded ones much.

    d_i = d + c x, where x is the summed strength of the earlier traces at that moment.

    Args:
        strength_before: x = sum_j w_j k(a_j; d_j) / e^A0 over earlier traces; 0 for the first.
        decay_rate: d (a in the paper) of a first presentation, emotion included.
        spacing_scale: c; 0 is ACT-R without spacing.

    Returns:
        The decay, no unit; not capped, since massed repeats must stay worth little.

    Raises:
        ParameterOutOfRange: decay_rate is not positive or spacing_scale is negative.

    Source: Pavlik & Anderson (2005), Cognitive Science 29:559, equations 4 and 5.

    >>> presentation_decay(0.0, decay_rate=0.5, spacing_scale=0.2)
    0.5
    """
    if decay_rate <= 0 or spacing_scale < 0:
        raise ParameterOutOfRange(
            f"need decay_rate > 0 and spacing_scale >= 0, got {decay_rate} and {spacing_scale}"
        )
    return decay_rate + spacing_scale * strength_before


def emotional_decay_rate(
    decay_rate: float,
    *,
    arousal: FloatArray | float,
    salience: FloatArray | float,
    effect: float = 0.4,
    decay_rate_min: float = 0.2,
) -> FloatArray:
    """Decay of a first trace, slowed by arousal and salience, never below a floor.

    I = clip((arousal - .3) / .7, 0, 1) + clip((salience - .5) / .5, -1, 1), then
    d' = max(d_min, d (1 - effect I)).

    Args:
        decay_rate: d without emotion.
        arousal: 0 to 1, shape (memories,); up to .3 is neutral.
        salience: 0 to 1, shape (memories,); .5 is neutral.
        effect: rho, 0 to 1.
        decay_rate_min: d_min.

    Returns:
        Shape (memories,), no unit.

    Source: Cochran, Lee & Chown (2006), Proceedings of CogSci 28. Differs: capped, since their
    form reaches zero decay.

    >>> float(emotional_decay_rate(0.5, arousal=1.0, salience=0.5))
    0.3
    """
    intensity = np.clip((np.asarray(arousal) - 0.3) / 0.7, 0.0, 1.0)
    intensity = intensity + np.clip((np.asarray(salience) - 0.5) / 0.5, -1.0, 1.0)
    rates: FloatArray = np.maximum(decay_rate_min, decay_rate * (1 - effect * intensity))
    return rates


def retrieval_threshold(
    horizon_seconds: float, *, decay_rate: float = 0.5, kernel: Kernel = SERVICE
) -> float:
    """Threshold that one untouched memory crosses at the age `horizon_seconds`.

    tau = A0 - d ln(1 + H / t0).

    Args:
        horizon_seconds: H, how long a memory that is never used stays retrievable.
        decay_rate: d of that memory's one trace.
        kernel: a profile with an onset.

    Returns:
        tau, nats.

    Source: the base-level equation, solved for the activation at age H.

    >>> round(retrieval_threshold(30 * 86_400), 4)
    -1.7028
    """
    return kernel.fresh_activation - decay_rate * log1p(horizon_seconds / kernel.onset_seconds)
