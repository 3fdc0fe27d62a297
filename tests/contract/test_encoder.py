"""Calling the model directly gives what sentence-transformers itself gives."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from services.common.encoder import encoder_of
from services.common.model_files import DEFAULT_MODEL, sentence_transformer

TEXTS = [
    "Tea is at four.",
    "  spaces around,\ttabs\nand lines  ",
    "",
    "x",
    "茶は四時です 🫖",
    "ÀÉ naïve [MASK] [SEP] [PAD]",
    "longer than the model reads " * 100,
]


@pytest.fixture(scope="module")
def model() -> Any:
    return sentence_transformer(DEFAULT_MODEL, threads=1)


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_direct_vectors_are_those_of_sentence_transformers(model: Any) -> None:
    expected = model.encode(TEXTS, normalize_embeddings=True)

    together = encoder_of(model)(TEXTS)

    alone = np.concatenate([encoder_of(model)([text]) for text in TEXTS])
    assert together.dtype == expected.dtype
    assert np.abs(together - expected).max() < 1e-6
    assert np.abs(alone - expected).max() < 1e-6


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_way_in_that_is_taken_is_the_direct_one(model: Any) -> None:
    def called(*_: Any, **__: Any) -> None:
        raise AssertionError("the usual way")

    encode = encoder_of(model)
    model.forward, forward = called, model.forward
    try:
        vectors = encode(TEXTS)
    finally:
        model.forward = forward

    assert vectors.shape == (len(TEXTS), 384)


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
    vectors = encoder_of(ModelWithDense())(["one", "two"])

    assert vectors.tolist() == [[0.5] * 3] * 2
