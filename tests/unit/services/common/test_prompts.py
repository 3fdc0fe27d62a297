"""Prompts in front of texts, and vectors that all point one way."""

import hashlib
from pathlib import Path

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.common.embedding.encoder import Encode, Encoders
from services.common.embedding.model_files import folder_digest
from services.common.embedding.prompts import (
    PROMPTS,
    SAMPLE,
    Prompts,
    centred,
    digest_of,
    prompts_of,
)
from tests.fakes.hash_model import DIMENSION, hash_encode

OTHERS = [f"text {i}" for i in range(60)]


def one_way(share: float) -> Encode:
    """A model of no meaning; `share`: how far all its vectors point one way."""
    way = hash_encode(["the way"])

    def encode(texts: list[str]) -> NDArray[np.float32]:
        vectors = hash_encode(texts) + share * way
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    return encode


def in_common(encode: Encode) -> float:
    """The mean cosine of texts that have nothing in common."""
    cosines = (vectors := encode(OTHERS)) @ vectors.T
    return float(cosines[np.triu_indices(len(OTHERS), 1)].mean())


def folder_with(folder: Path, prompts: object) -> Path:
    folder.mkdir()
    (folder / PROMPTS).write_bytes(orjson.dumps({"prompts": prompts}))
    return folder


@pytest.mark.parametrize(
    ("written", "prompts"),
    [
        ({"query": "find: ", "document": "text: "}, Prompts("find: ", "text: ")),
        ({"query": "find: ", "passage": "text: "}, Prompts("find: ", "text: ")),
        ({"query": "find: "}, Prompts("find: ", "")),
        ({"query": "", "document": ""}, Prompts()),
        (None, Prompts()),
    ],
)
def test_prompts_are_those_in_the_folder_of_the_model(
    tmp_path: Path, written: object, prompts: Prompts
) -> None:
    folder = folder_with(tmp_path / "model", written)

    assert prompts_of(str(folder)) == prompts


def test_prompts_of_the_folder_go_before_those_of_the_family(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "e5-own", {"query": "find: "})

    assert prompts_of(str(folder)) == Prompts("find: ")


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("intfloat/multilingual-e5-small", "query: "),
        ("intfloat/e5-base-v2", "query: "),
        ("sentence-transformers/all-MiniLM-L6-v2", ""),
        ("someone/note5-model", ""),
    ],
)
def test_prompts_of_a_family_are_known_by_the_name(name: str, query: str) -> None:
    assert prompts_of(name).query == query


def test_digest_names_the_prompts_where_there_are_any(tmp_path: Path) -> None:
    plain = folder_with(tmp_path / "plain", {})
    e5 = folder_with(tmp_path / "e5-small", {})

    assert folder_digest(plain) == folder_digest(e5)
    assert digest_of(str(plain)) == folder_digest(plain)
    assert digest_of(str(e5)) not in (None, folder_digest(e5))


def test_vectors_that_all_point_one_way_are_counted_from_their_middle() -> None:
    model = one_way(3.0)

    encoders = centred(Encoders(beside=model, alone=model))

    assert in_common(model) > 0.8
    assert abs(in_common(encoders.beside)) < 0.1
    assert abs(in_common(encoders.alone)) < 0.1


def test_model_whose_vectors_point_everywhere_is_left_as_it_is() -> None:
    encoders = Encoders(beside=hash_encode, alone=hash_encode)

    assert centred(encoders) is encoders


@given(st.floats(1.0, 20.0), st.text(max_size=20))
def test_vector_counted_from_the_middle_has_length_one(share: float, text: str) -> None:
    model = one_way(share)

    (vector,) = centred(Encoders(beside=model, alone=model)).beside([text])

    assert vector.shape == (DIMENSION,)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)


def test_sample_is_the_one_that_stored_vectors_were_counted_from() -> None:
    digest = hashlib.sha256("\0".join(SAMPLE).encode()).hexdigest()

    assert digest == "7ea0921d732baa23d355eea97fd44f0e615ad2a262a870283c09a12870c81ded", (
        "vectors that are stored would not be comparable with new ones"
    )
