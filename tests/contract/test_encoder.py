"""Calling the model directly gives what sentence-transformers itself gives."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from services.common.embedding.encoder import PlainModel, usual_encoder
from services.common.embedding.model_files import DEFAULT_MODEL, load_model, sentence_transformer

TEXTS = [
    "Tea is at four.",
    "  spaces around,\ttabs\nand lines  ",
    "",
    "x",
    "茶は四時です 🫖",
    "ÀÉ naïve [MASK] [SEP] [PAD]",
    "longer than the model reads " * 100,
]


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_direct_vectors_are_those_of_sentence_transformers() -> None:
    expected = sentence_transformer(DEFAULT_MODEL, threads=1).encode(
        TEXTS, normalize_embeddings=True
    )
    encode = load_model(DEFAULT_MODEL, threads=1)

    together, alone = encode(TEXTS), np.concatenate([encode([text]) for text in TEXTS])

    assert together.dtype == expected.dtype
    assert np.abs(together - expected).max() < 1e-6
    assert np.abs(alone - expected).max() < 1e-6


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_default_model_needs_no_torch_once_it_is_known() -> None:
    load_model(DEFAULT_MODEL, threads=1)
    code = (
        "import sys; from services.common.embedding.model_files import DEFAULT_MODEL, load_model; "
        "load_model(DEFAULT_MODEL, threads=1); "
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


class Dense:
    """A module that the direct way knows nothing of."""


class ModelWithDense:
    """The face that a sentence-transformers model shows, with one module more than usual."""

    def __iter__(self) -> Iterator[Any]:
        return iter([Dense()])

    def encode(self, texts: list[str], **options: Any) -> np.ndarray:
        assert options["normalize_embeddings"]
        return np.full((len(texts), 3), 0.5, np.float32)


def test_model_with_other_modules_is_called_the_usual_way() -> None:
    model = ModelWithDense()

    assert PlainModel.of(model) is None
    assert usual_encoder(model)(["one", "two"]).tolist() == [[0.5] * 3] * 2
