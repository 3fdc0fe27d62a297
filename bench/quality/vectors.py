"""Vectors of texts, each made once: the model is what an evaluation spends its time with."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.embedding.model_files import DEFAULT_MODEL, load_model, model_digest

SLICE_TEXTS = 8


def vectors_of(texts: Sequence[str], folder: Path) -> NDArray[np.float16]:
    """Vectors of `texts`, shape (texts, dimension), as the services store them.

    Kept in `folder`, by the content of the model and the texts.
    """
    key = hashlib.sha256(str(model_digest(DEFAULT_MODEL)).encode())
    for text in texts:
        key.update(len(text).to_bytes(8, "little") + text.encode())
    file = folder / f"{key.hexdigest()[:32]}.npy"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(file, _embedded(texts))
    vectors: NDArray[np.float16] = np.load(file)
    return vectors


def _embedded(texts: Sequence[str]) -> NDArray[np.float16]:
    encode = load_model(DEFAULT_MODEL, threads=1)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows: dict[int, NDArray[np.float16]] = {}
    for first in range(0, len(order), SLICE_TEXTS):
        some = order[first : first + SLICE_TEXTS]
        made = encode([texts[i] for i in some]).astype(np.float16)
        rows.update(zip(some, made, strict=True))
    return np.stack([rows[i] for i in range(len(texts))])
