"""Activation noise: logistic, and the same for the same query and memory."""

from hashlib import blake2b
from math import pi, sqrt

import numpy as np

from cognition.base_level import FloatArray
from cognition.errors import ParameterOutOfRange

PROBABILITY_MIN = 1e-4  # Cuts the tails: no memory wins by a one in a million draw.


def logistic_noise(seed: int, query: bytes, memories: list[bytes], *, scale: float) -> FloatArray:
    """Transient noise of each memory for one query.

    eps = s ln(p / (1 - p)), p = (h + .5) / 2^64 cut to [1e-4, 1 - 1e-4], h a 64-bit hash of
    (seed, query, memory): the result never depends on which other memories are asked about.

    Args:
        seed: chosen by the caller.
        query: the query's id.
        memories: ids, length memories.
        scale: s; the variance is pi^2 s^2 / 3.

    Returns:
        Shape (memories,), nats.

    Source: ACT-R 7 manual, `act-r-noise`.
    """
    key = seed.to_bytes(8, "little") + query
    hashes = [blake2b(memory, digest_size=8, key=key[:64]).digest() for memory in memories]
    uniform = (np.frombuffer(b"".join(hashes), "<u8").astype(np.float64) + 0.5) / 2.0**64
    return logistic_quantile(np.clip(uniform, PROBABILITY_MIN, 1 - PROBABILITY_MIN), scale=scale)


def logistic_quantile(probabilities: FloatArray | float, *, scale: float) -> FloatArray:
    """Noise that is exceeded with probability 1 - p.

    eps = s ln(p / (1 - p)).

    Args:
        probabilities: p, between 0 and 1, shape (any,) or a number.
        scale: s.

    Returns:
        The shape of `probabilities`, nats.

    Raises:
        ParameterOutOfRange: a probability is not between 0 and 1.

    Source: ACT-R 7 manual, `act-r-noise`: the logistic distribution's quantile function.

    >>> round(float(logistic_quantile(0.975, scale=0.25)), 10)
    0.9158904115
    """
    p = np.asarray(probabilities, np.float64)
    if np.any((p <= 0) | (p >= 1)):
        raise ParameterOutOfRange(f"need 0 < probability < 1, got {probabilities}")
    quantiles: FloatArray = scale * np.log(p / (1 - p))
    return quantiles


def noise_deviation(scale: float) -> float:
    """Standard deviation of the noise.

    sd = pi s / sqrt(3), the root of the variance pi^2 s^2 / 3.

    Args:
        scale: s.

    Returns:
        Nats.

    Source: ACT-R 7 manual, `:ans`.

    >>> round(noise_deviation(0.25), 10)
    0.4534498411
    """
    return pi * scale / sqrt(3)
