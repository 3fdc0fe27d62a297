"""Similarity of two texts by their meaning alone, whenever and by whom they were said."""

import numpy as np

from services.common.embedding.embedder import Embedder


class Likeness:
    """Cosines of texts. What is indexed has its date and speaker in it, and says more than that."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._known: list[np.ndarray] = []

    async def learn(self, texts: list[str]) -> None:
        """Texts to compare with, numbered in the order in which they came."""
        self._known += list(await self._units(texts))

    async def nearest(self, text: str) -> tuple[int, float]:
        """The most similar of the known texts, and its cosine; -1 if there is none."""
        if not self._known:
            return -1, -1.0
        (unit,) = await self._units([text])
        cosines = np.stack(self._known) @ unit
        return int(cosines.argmax()), float(cosines.max())

    async def _units(self, texts: list[str]) -> np.ndarray:
        if not texts:
            return np.zeros((0, 1), np.float32)
        vectors = (await self._embedder.embed(texts)).astype(np.float32)
        units: np.ndarray = vectors / np.maximum(
            np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9
        )
        return units
