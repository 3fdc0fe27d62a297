"""How the embedder shares one model: who goes first, who waits, and whose failure it is."""

import asyncio
import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.embedding.embedder import SLICE_TEXTS_MAX, MicroBatchingEmbedder
from services.common.embedding.encoder import Encoders
from services.common.embedding.prompts import Prompts
from tests.fakes.hash_model import DIMENSION, hash_encode
from tests.polling import eventually

POISON = "poison"


class GatedModel:
    """A model that waits at a gate and remembers what it was asked."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.slices: list[list[str]] = []
        self.alone: list[list[str]] = []
        self.loads = 0
        self.load_failures = 0

    def load(self) -> Encoders:
        self.loads += 1
        if self.load_failures:
            self.load_failures -= 1
            raise OSError("no model here")
        return Encoders(beside=self.encode, alone=self.encode_alone)

    def encode_alone(self, texts: list[str]) -> NDArray[np.float32]:
        self.alone.append(texts)
        return self.encode(texts)

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        self.slices.append(texts)
        assert self.gate.wait(20)
        if POISON in texts:
            raise ValueError("the model chokes on poison")
        return hash_encode(texts)

    def embedder(self, *, cache_texts: int = 0, threads: int = 1) -> MicroBatchingEmbedder:
        return MicroBatchingEmbedder(
            self.load,
            model="gated",
            dimension=DIMENSION,
            cache_texts=cache_texts,
            threads=threads,
        )


@pytest.fixture
def model() -> GatedModel:
    return GatedModel()


@pytest.fixture
def open_model(model: GatedModel) -> GatedModel:
    model.gate.set()
    return model


async def taken_up(model: GatedModel, slices: int = 1) -> None:
    """Return once the model works on so many slices."""
    await eventually(lambda: len(model.slices) >= slices)


async def test_query_goes_before_all_that_wait(model: GatedModel) -> None:
    embedder = model.embedder()
    bulk = asyncio.create_task(embedder.embed([f"bulk {i}" for i in range(3 * SLICE_TEXTS_MAX)]))
    await taken_up(model)
    query = asyncio.create_task(embedder.embed(["asked"], query=True))
    await asyncio.sleep(0)  # it has asked

    model.gate.set()
    await asyncio.gather(bulk, query)

    assert model.slices[1] == ["asked"]
    assert len(model.slices) == 4


async def test_callers_that_wait_together_share_a_slice(model: GatedModel) -> None:
    embedder = model.embedder()
    first = asyncio.create_task(embedder.embed(["first"]))
    await taken_up(model)
    others = [asyncio.create_task(embedder.embed([f"other {i}"])) for i in range(5)]
    await asyncio.sleep(0)

    model.gate.set()
    await asyncio.gather(first, *others)

    assert model.slices == [["first"], [f"other {i}" for i in range(5)]]


async def test_bulk_takes_all_threads_at_once(model: GatedModel) -> None:
    embedder = model.embedder(threads=3)
    bulk = asyncio.create_task(embedder.embed([f"bulk {i}" for i in range(4 * SLICE_TEXTS_MAX)]))

    await taken_up(model, slices=3)

    assert [len(some) for some in model.slices] == [SLICE_TEXTS_MAX] * 3
    model.gate.set()
    assert (await bulk).shape == (4 * SLICE_TEXTS_MAX, DIMENSION)
    assert len(model.slices) == 4


async def test_queries_share_a_slice_though_a_thread_is_free(model: GatedModel) -> None:
    embedder = model.embedder(threads=2)
    first = asyncio.create_task(embedder.embed(["first"], query=True))
    await taken_up(model)
    others = [asyncio.create_task(embedder.embed([f"{i}"], query=True)) for i in range(3)]
    bulk = asyncio.create_task(embedder.embed(["bulk"]))
    await taken_up(model, slices=2)

    model.gate.set()
    await asyncio.gather(first, bulk, *others)

    assert model.slices == [["first"], ["bulk"], ["0", "1", "2"]]


async def test_slice_holds_texts_of_like_length(open_model: GatedModel) -> None:
    texts = ["long " * (i % 3 * 10 + 1) + str(i) for i in range(2 * SLICE_TEXTS_MAX)]

    vectors = await open_model.embedder().embed(texts)

    assert [len(some) for some in open_model.slices] == [SLICE_TEXTS_MAX] * 2
    longest, shortest = (max(map(len, some)) for some in reversed(open_model.slices))
    assert shortest <= min(map(len, open_model.slices[1])) <= longest
    assert np.array_equal(vectors, hash_encode(texts).astype(np.float16))


async def test_texts_of_a_caller_that_left_are_not_embedded(model: GatedModel) -> None:
    embedder = model.embedder()
    first = asyncio.create_task(embedder.embed(["first"]))
    await taken_up(model)
    leaving = asyncio.create_task(embedder.embed(["of nobody"]))
    staying = asyncio.create_task(embedder.embed(["stays"]))
    await asyncio.sleep(0)

    leaving.cancel()
    model.gate.set()
    await asyncio.gather(first, staying)

    assert model.slices == [["first"], ["stays"]]
    assert leaving.cancelled()


async def test_caller_that_leaves_in_the_middle_of_its_slice_harms_nobody(
    model: GatedModel,
) -> None:
    embedder = model.embedder()
    leaving = asyncio.create_task(embedder.embed(["of nobody"]))
    await taken_up(model)
    staying = asyncio.create_task(embedder.embed(["stays"]))
    await asyncio.sleep(0)

    leaving.cancel()
    model.gate.set()

    assert np.array_equal(await staying, hash_encode(["stays"]).astype(np.float16))


async def test_failed_slice_fails_its_callers_and_nobody_else(model: GatedModel) -> None:
    embedder = model.embedder()
    first = asyncio.create_task(embedder.embed(["first"]))
    await taken_up(model)
    poisoned = asyncio.create_task(embedder.embed([POISON], query=True))
    other = asyncio.create_task(embedder.embed(["other"]))
    await asyncio.sleep(0)

    model.gate.set()
    outcomes = await asyncio.gather(first, poisoned, other, return_exceptions=True)

    assert isinstance(outcomes[1], ValueError)
    assert [type(outcome) for outcome in (outcomes[0], outcomes[2])] == [np.ndarray, np.ndarray]
    assert (await embedder.embed(["afterwards"])).shape == (1, DIMENSION)


async def test_caller_whose_first_slice_failed_takes_no_more_of_the_model(
    open_model: GatedModel,
) -> None:
    texts = [POISON, *(f"a longer text {i}" for i in range(2 * SLICE_TEXTS_MAX))]

    with pytest.raises(ValueError, match="chokes on poison"):
        await open_model.embedder().embed(texts)

    assert open_model.slices[1:] == [[POISON]]


async def test_text_that_the_model_fails_on_fails_nobody_who_shares_its_slice(
    model: GatedModel,
) -> None:
    embedder = model.embedder()
    first = asyncio.create_task(embedder.embed(["first"]))
    await taken_up(model)
    texts = (["one"], [POISON], ["two"])
    others = [asyncio.create_task(embedder.embed(each)) for each in texts]
    await asyncio.sleep(0)  # they share a slice

    model.gate.set()
    outcomes = await asyncio.gather(first, *others, return_exceptions=True)

    assert sorted(model.slices[1]) == sorted(["one", POISON, "two"])
    assert [type(each) for each in outcomes[1:]] == [np.ndarray, ValueError, np.ndarray]


@pytest.mark.parametrize("number", [1e9, np.inf, np.nan])
async def test_vector_that_16_bits_cannot_hold_is_an_error(number: float) -> None:
    def wrong(texts: list[str]) -> NDArray[np.float32]:
        return np.full((len(texts), DIMENSION), number, np.float32)

    embedder = MicroBatchingEmbedder(
        lambda: Encoders(beside=wrong, alone=wrong), model="wrong", dimension=DIMENSION
    )

    with pytest.raises(ValueError, match="wrong gave a vector that 16 bits can't hold"):
        await embedder.embed(["any"])


async def test_failed_load_is_told_to_who_asked_and_tried_again_later(
    open_model: GatedModel,
) -> None:
    open_model.load_failures = 1
    embedder = open_model.embedder()
    with pytest.raises(OSError, match="no model here"):
        await embedder.embed(["too early"])
    assert not embedder.loaded

    vectors = await embedder.embed(["later"])

    assert vectors.shape == (1, DIMENSION)
    assert embedder.loaded
    assert open_model.loads == 2


@pytest.mark.parametrize("threads", [1, 4])
async def test_model_is_loaded_once_however_many_ask(open_model: GatedModel, threads: int) -> None:
    embedder = open_model.embedder(threads=threads)

    await asyncio.gather(embedder.load(), embedder.load(), embedder.embed(["text"]))

    assert open_model.loads == 1


async def test_query_and_stored_text_get_the_prompts_of_the_model(open_model: GatedModel) -> None:
    embedder = MicroBatchingEmbedder(
        open_model.load,
        model="gated",
        dimension=DIMENSION,
        cache_texts=10,
        prompts=lambda: Prompts(query="query: ", passage="passage: "),
    )

    stored = await embedder.embed(["tea"])
    asked = await embedder.embed(["tea"], query=True)

    assert open_model.slices == [["passage: tea"], ["query: tea"]]
    assert (stored != asked).any()
    assert (await embedder.embed(["tea"]) == stored).all()


async def test_text_in_the_cache_costs_nothing(open_model: GatedModel) -> None:
    embedder = open_model.embedder(cache_texts=10)
    first = await embedder.embed(["known"])

    again = await embedder.embed(["known", "new"])

    assert open_model.slices == [["known"], ["new"]]
    assert np.array_equal(first[0], again[0])


async def test_cache_forgets_what_was_not_asked_for_longest(open_model: GatedModel) -> None:
    embedder = open_model.embedder(cache_texts=2)
    for text in ("old", "kept", "old", "newest"):  # `old` is asked for once more
        await embedder.embed([text])

    await embedder.embed(["old", "newest"])
    await embedder.embed(["kept"])

    assert open_model.slices == [["old"], ["kept"], ["newest"], ["kept"]]


async def test_model_of_another_dimension_is_an_error_and_no_hang() -> None:
    embedder = MicroBatchingEmbedder(
        lambda: Encoders(beside=hash_encode, alone=hash_encode),
        model="hash",
        dimension=DIMENSION + 1,
    )

    with pytest.raises(ValueError, match="HUMAN_MEMORY_EMBEDDING_DIMENSION"):
        await embedder.embed(["text"])


async def test_queries_that_wait_share_slices_with_others_of_like_length(
    model: GatedModel,
) -> None:
    embedder = model.embedder(threads=1)
    first = asyncio.create_task(embedder.embed(["first"], query=True))
    await eventually(lambda: len(model.slices) == 1, seconds=20)
    texts = [letter * length for letter in "abcdefgh" for length in (5, 50)]

    waiting = [asyncio.create_task(embedder.embed([text], query=True)) for text in texts]
    await asyncio.sleep(0)
    model.gate.set()
    await asyncio.gather(first, *waiting)

    short, long = [text for text in texts if len(text) == 5], [t for t in texts if len(t) == 50]
    assert model.slices == [["first"], short, long]


async def test_only_a_text_with_nothing_beside_it_gets_all_threads(model: GatedModel) -> None:
    embedder = model.embedder(threads=2)
    first = asyncio.create_task(embedder.embed(["first"]))
    await taken_up(model)
    second = asyncio.create_task(embedder.embed(["second"]))
    await taken_up(model, 2)
    third = asyncio.create_task(embedder.embed(["third", "fourth"]))
    model.gate.set()

    await asyncio.gather(first, second, third)
    await embedder.embed(["fifth"], query=True)

    assert model.alone == [["first"], ["fifth"]]
