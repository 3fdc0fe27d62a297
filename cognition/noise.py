"""Activation noise: logistic, and the same for the same query and memory."""

from hashlib import blake2b

import numpy as np

from cognition.base_level import FloatArray

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
    p = np.clip(uniform, PROBABILITY_MIN, 1 - PROBABILITY_MIN)
    noise: FloatArray = scale * np.log(p / (1 - p))
    return noise
