"""A model of no meaning in place of the real one: each text has a vector of its own, at once."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from services.common.embedding.embedder import MicroBatchingEmbedder
from services.common.embedding.encoder import Encoders

DIMENSION = 8


def hash_encode(texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors, shape (texts, DIMENSION)."""
    numbers = [
        np.frombuffer(hashlib.sha256(text.encode()).digest(), "<u4").astype(np.float32) - 2.0**31
        for text in texts
    ]
    vectors = np.stack(numbers)
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def hash_embedder(*, cache_texts: int = 0, threads: int = 1) -> MicroBatchingEmbedder:
    """The real embedder over the model of no meaning."""
    return MicroBatchingEmbedder(
        lambda: Encoders(beside=hash_encode, alone=hash_encode),
        model="hash",
        dimension=DIMENSION,
        cache_texts=cache_texts,
        threads=threads,
    )
