"""An embedder that needs no model: a vector of the words of a text. It passes the contract."""

import hashlib

import numpy as np

from cognition.language.text import terms
from services.common.embedding.embedder import Vectors

DIMENSION = 64


class WordEmbedder:
    """`Embedder`: texts with the same words have the same vector; with none in common, cosine 0."""

    model = "words"
    dimension = DIMENSION
    digest: str | None = None

    async def embed(self, texts: list[str], *, query: bool = False) -> Vectors:
        """See `Embedder`."""
        vectors = np.array([_vector(text) for text in texts], np.float16)
        return vectors.reshape(len(texts), DIMENSION)


def _vector(text: str) -> np.ndarray:
    vector = np.full(DIMENSION, 1e-3)
    for term in terms(text.partition("] ")[2] or text):
        seed = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=4).digest(), "big")
        vector += np.random.default_rng(seed).standard_normal(DIMENSION)
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit
