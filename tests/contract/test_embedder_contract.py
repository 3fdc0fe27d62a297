"""What every embedder must do: over a model of no meaning, and over the real one."""

import asyncio
from functools import cache

import numpy as np
import pytest

from services.common.embedding.embedder import (
    Embedder,
    MicroBatchingEmbedder,
    embedder_of,
    shared_embedder,
)
from services.common.embedding.encoder import Encoders
from services.common.embedding.model_files import DEFAULT_MODEL, load_encoders
from services.common.settings import EmbedderSettings
from tests.fakes.hash_model import hash_embedder
from tests.fakes.word_embedder import WordEmbedder

TEXTS = [
    "Tea is at four.",
    "We moved the tea party to five o'clock, because the train from Leeds is late again. " * 8,
    "茶は四時です 🫖",
    "x",
]


def furthest(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of two vectors, number by number."""
    return float(np.abs(one.astype(np.float32) - other.astype(np.float32)).max())


class EmbedderContract:
    """What every embedder must do. Subclasses give only the `embedder` fixture."""

    async def test_each_text_has_one_finite_vector_of_the_dimension_it_names(
        self, embedder: Embedder
    ) -> None:
        vectors = await embedder.embed(TEXTS)

        assert vectors.shape == (len(TEXTS), embedder.dimension)
        assert vectors.dtype == np.float16
        assert np.isfinite(vectors).all()
        assert np.linalg.norm(vectors.astype(np.float32), axis=1) == pytest.approx(1, abs=2e-3)

    async def test_no_texts_have_no_vectors(self, embedder: Embedder) -> None:
        vectors = await embedder.embed([])

        assert vectors.shape == (0, embedder.dimension)

    async def test_text_has_the_same_vector_alone_and_among_others(
        self, embedder: Embedder
    ) -> None:
        together = await embedder.embed([*TEXTS, *(f"number {i}" for i in range(40))])

        alone = [(await embedder.embed([text]))[0] for text in TEXTS]

        for one, other in zip(alone, together, strict=False):
            assert furthest(one, other) < 1e-3

    async def test_text_has_the_same_vector_again(self, embedder: Embedder) -> None:
        first = await embedder.embed(["asked twice"])

        again = await embedder.embed(["asked twice"])

        assert furthest(first, again) < 1e-3

    async def test_query_has_the_same_vector_where_the_model_tells_none_apart(
        self, embedder: Embedder
    ) -> None:
        stored = await embedder.embed(TEXTS[:1])

        asked = await embedder.embed(TEXTS[:1], query=True)

        assert furthest(stored, asked) < 1e-3

    async def test_text_given_twice_in_one_call_has_one_vector(self, embedder: Embedder) -> None:
        one, _, other = await embedder.embed(["twice", "once", "twice"])

        assert furthest(one, other) < 1e-3

    async def test_other_texts_have_other_vectors(self, embedder: Embedder) -> None:
        vectors = await embedder.embed(TEXTS)

        distances = [furthest(vectors[i], vectors[j]) for i in range(len(TEXTS)) for j in range(i)]
        assert min(distances) > 1e-2

    async def test_callers_at_the_same_time_each_get_their_own(self, embedder: Embedder) -> None:
        texts = [[f"{caller}, {number}" for number in range(5)] for caller in "abcdef"]
        expected = await embedder.embed([text for some in texts for text in some])

        answers = await asyncio.gather(
            *(embedder.embed(some, query=i % 2 == 0) for i, some in enumerate(texts))
        )

        assert furthest(np.concatenate(answers), expected) < 1e-3

    async def test_caller_that_changes_its_vectors_changes_nobody_elses(
        self, embedder: Embedder
    ) -> None:
        mine = await embedder.embed(["shared"])
        kept = mine.copy()

        mine[:] = 0

        assert furthest(await embedder.embed(["shared"]), kept) < 1e-3


class TestHashModel(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return hash_embedder()


class TestWords(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return WordEmbedder()


class TestHashModelInThreads(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return hash_embedder(threads=3)


class TestHashModelWithCache(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return hash_embedder(cache_texts=10)


@pytest.mark.integration
@pytest.mark.timeout(300)  # loading it takes seconds, on a busy machine more than a minute
class TestRealModel(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return _real(cache_texts=0)

    async def test_similar_texts_are_closer_than_others(self, embedder: Embedder) -> None:
        about_tea, also_about_tea, about_rockets = await embedder.embed(
            ["When do we have tea?", "Tea is at four.", "The rocket engine failed its test."]
        )

        def cosine(one: np.ndarray, other: np.ndarray) -> float:
            return float(one.astype(np.float32) @ other.astype(np.float32))

        assert cosine(about_tea, also_about_tea) > cosine(about_tea, about_rockets) + 0.2


@pytest.mark.integration
@pytest.mark.timeout(300)
class TestRealModelWithCache(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> Embedder:
        return _real(cache_texts=1_000)


@cache
def _default_encoders() -> Encoders:
    return load_encoders(DEFAULT_MODEL, threads=2)  # it takes seconds, and has no state


def _real(*, cache_texts: int) -> MicroBatchingEmbedder:
    return MicroBatchingEmbedder(
        _default_encoders,
        model=DEFAULT_MODEL,
        dimension=384,
        cache_texts=cache_texts,
        threads=2,
    )


def test_services_of_one_process_share_one_embedder() -> None:
    one, other = EmbedderSettings(http_port=1), EmbedderSettings(http_port=2)

    assert embedder_of(one) is embedder_of(other)
    assert embedder_of(one) is not embedder_of(EmbedderSettings(embedding_cache=5))
    shared_embedder.cache_clear()
