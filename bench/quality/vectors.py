"""Vectors of texts, each made once: the model is what an evaluation spends its time with."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.embedding.model_files import DEFAULT_MODEL
from services.common.embedding.prompts import digest_of, load_centred, prompts_of

SLICE_TEXTS = 8


@dataclass(frozen=True)
class Vectors:
    """Vectors of a model, as the services store them.

    Kept in `folder`, by the content of the model and the texts.
    """

    folder: Path
    model: str = DEFAULT_MODEL

    def of(self, texts: Sequence[str], *, query: bool = False) -> NDArray[np.float16]:
        """Vectors of `texts`, shape (texts, dimension)."""
        before = prompts_of(self.model).before(query=query)
        prompted = [before + text for text in texts]
        key = hashlib.sha256(str(digest_of(self.model)).encode())
        for text in prompted:
            key.update(len(text).to_bytes(8, "little") + text.encode())
        file = self.folder / f"{key.hexdigest()[:32]}.npy"
        if not file.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(file, self._embedded(prompted))
        vectors: NDArray[np.float16] = np.load(file)
        return vectors

    def _embedded(self, texts: Sequence[str]) -> NDArray[np.float16]:
        encode = load_centred(self.model, threads=1).beside
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        rows: dict[int, NDArray[np.float16]] = {}
        for first in range(0, len(order), SLICE_TEXTS):
            some = order[first : first + SLICE_TEXTS]
            made = encode([texts[i] for i in some]).astype(np.float16)
            rows.update(zip(some, made, strict=True))
        return np.stack([rows[i] for i in range(len(texts))])
