"""From activation to behaviour: probability, latency, choice among several, blended answers."""

from math import exp, log, sqrt

import numpy as np

from cognition.base_level import SERVICE, FloatArray, Kernel
from cognition.errors import ParameterOutOfRange

LATENCY_SECONDS_MAX = np.finfo(np.float64).max  # Longer is no number, and no reply can say it.
CHOICE_SCALE = sqrt(2)  # Two noises of scale s differ about as one of scale sqrt(2) s.


def retrieval_probability(
    activations: FloatArray | float, *, threshold: float, noise_scale: float = 0.25
) -> FloatArray:
    """Probability that noise leaves a memory above the threshold.

    p = 1 / (1 + exp((tau - A) / s)).

    Args:
        activations: A, nats, shape (memories,) or a number; -inf has probability 0.
        threshold: tau, nats.
        noise_scale: s.

    Returns:
        Shape (memories,), 0 to 1.

    Raises:
        ParameterOutOfRange: the scale is not positive.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 5.

    >>> round(float(retrieval_probability(-1.0, threshold=0.0)), 10)
    0.01798621
    """
    _refuse_scale(noise_scale)
    distances = (np.asarray(activations, np.float64) - threshold) / noise_scale
    return _logistic(distances)


def need_probability(activations: FloatArray | float) -> FloatArray:
    """Probability that a memory is needed now, activation being its log odds.

    p = 1 / (1 + e^-A).

    Args:
        activations: A, nats, shape (memories,) or a number.

    Returns:
        Shape (memories,), 0 to 1.

    Source: Anderson (1990), The Adaptive Character of Thought, chapter 2.

    >>> need_probability(np.array([0.0, 1.5])).round(6).tolist()
    [0.5, 0.817574]
    """
    return _logistic(np.asarray(activations, np.float64))


def _logistic(log_odds: FloatArray) -> FloatArray:
    # Far below 0 the exponential overflows to inf, and 1 / inf is the answer.
    with np.errstate(over="ignore"):
        shares: FloatArray = 1.0 / (1.0 + np.exp(-log_odds))
    return shares


def retrieval_latency(
    activations: FloatArray | float,
    *,
    threshold: float = -np.inf,
    latency_factor: float = 1.0,
    latency_exponent: float = 1.0,
) -> FloatArray:
    """Predicted time that retrieving takes; a failure takes as long as a memory at the threshold.

    T = F e^(-f max(A, tau)).

    Args:
        activations: A, nats, shape (memories,) or a number.
        threshold: tau, nats.
        latency_factor: F, seconds.
        latency_exponent: f.

    Returns:
        Shape (memories,), seconds, a number however far below 0 the activations are; to be
        reported, never waited for.

    Source: Anderson et al. (2004), Psychological Review 111:1036, equation 6.

    >>> round(float(retrieval_latency(1.25, latency_exponent=0.5)), 10)
    0.5352614285
    """
    reached = np.maximum(activations, threshold)
    with np.errstate(over="ignore"):
        seconds = latency_factor * np.exp(-latency_exponent * reached)
    longest: FloatArray = np.minimum(seconds, LATENCY_SECONDS_MAX)
    return longest


def choice_probabilities(activations: FloatArray, *, temperature: float) -> FloatArray:
    """Probability of each memory to be the one retrieved among all: a softmax.

    p_i = e^(A_i / t) / sum_j e^(A_j / t); t = sqrt(2) s approximates logistic noise of scale s.

    Args:
        activations: A, nats, shape (memories,).
        temperature: t, nats; `CHOICE_SCALE` times the scale of the noise.

    Returns:
        Shape (memories,), sums to 1.

    Raises:
        ParameterOutOfRange: the temperature is not positive.

    Source: Anderson & Lebiere (1998), The Atomic Components of Thought, chapter 3.

    >>> choice_probabilities(
    ...     np.array([0.0, 0.3, -0.5]), temperature=CHOICE_SCALE * 0.25
    ... ).round(6).tolist()
    [0.279382, 0.652695, 0.067923]
    """
    _refuse_scale(temperature)
    if len(activations) == 0:
        return np.zeros(0)
    odds = np.exp((activations - np.max(activations)) / temperature)
    shares: FloatArray = odds / np.sum(odds)
    return shares


def blended(values: FloatArray, activations: FloatArray, *, temperature: float) -> float:
    """Answer that all memories give together, each by its chance of being retrieved.

    V = sum_i p_i v_i, p the softmax of A / t.

    Args:
        values: v, what each memory says, shape (memories,).
        activations: A, nats, shape (memories,).
        temperature: t, nats.

    Returns:
        In the unit of the values.

    Raises:
        ParameterOutOfRange: the temperature is not positive.

    Source: Lebiere (1999), Proceedings of the ACT-R workshop, blending for numbers, where squared
    dissimilarity makes the compromise a weighted mean.

    >>> round(blended(np.array([10.0, 20.0]), np.array([0.0, 1.0]), temperature=2**0.5 / 4), 6)
    19.441928
    """
    return float(choice_probabilities(activations, temperature=temperature) @ values)


def age_at_probability(
    probability: float,
    *,
    threshold: float,
    noise_scale: float,
    decay_rate: float = 0.5,
    kernel: Kernel = SERVICE,
) -> float:
    """Age at which one untouched memory is still retrieved with a given probability.

    B(age) = tau + s ln(p / (1 - p)), so age = r exp((A0 - tau - s ln(p / (1 - p))) / d) - o.

    Args:
        probability: p, between 0 and 1.
        threshold: tau, nats.
        noise_scale: s.
        decay_rate: d of its one trace.
        kernel: profile of time.

    Returns:
        Seconds; negative where even a fresh memory has a smaller probability.

    Raises:
        ParameterOutOfRange: the probability is not between 0 and 1.

    Source: the base-level and retrieval-probability equations, solved for the age.

    >>> round(age_at_probability(0.5, threshold=-1.0, noise_scale=0.25) / 86_400, 3)
    7.254
    """
    if not 0 < probability < 1:
        raise ParameterOutOfRange(f"need 0 < probability < 1, got {probability}")
    level = threshold + noise_scale * log(probability / (1 - probability))
    exponent = (kernel.fresh_activation - level) / decay_rate
    return kernel.unit_seconds * exp(exponent) - kernel.onset_seconds


def _refuse_scale(scale: float) -> None:
    if not scale > 0:
        raise ParameterOutOfRange(f"need a noise scale or temperature > 0, got {scale}")
