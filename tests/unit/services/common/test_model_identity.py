"""Models are told apart by what is in their files, and by the vectors they make."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import cast

import numpy as np
import orjson
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from schemas.errors import InvariantBroken
from schemas.events import MemoryStored
from services.common.embedding import identity
from services.common.embedding.embedder import MicroBatchingEmbedder
from services.common.embedding.encoder import Encode, Encoders
from services.common.embedding.identity import EmbeddingModel, made_by
from services.common.embedding.model_files import export_of, folder_digest, is_whole, made
from services.common.redis import RedisClient
from services.common.settings import EmbedderSettings
from services.ingest.domain import embedding_of
from tests.builders import stored_event
from tests.fakes.hash_model import DIMENSION, hash_encode
from tests.polling import eventually

OURS, THEIRS = "a" * 64, "b" * 64


def model_in(folder: Path, **files: str) -> Path:
    """A folder with files, one of them in a folder of its own."""
    for name, text in {"config.json": "{}", "1_Pooling/config.json": "{}", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def embedder(
    encode: Encode = hash_encode, dimension: int = DIMENSION, digest: str = OURS
) -> MicroBatchingEmbedder:
    return MicroBatchingEmbedder(
        lambda: Encoders(beside=encode, alone=encode),
        model="ours",
        dimension=dimension,
        content=lambda: digest,
    )


def memories(*texts: str, encode: Encode = hash_encode, digest: str | None) -> list[MemoryStored]:
    """What ingest stored with a model."""
    return [
        stored_event(content=text, embedding=embedding_of(vector.astype("<f2"), "theirs", digest))
        for text, vector in zip(texts, encode(list(texts)), strict=True)
    ]


def backwards(texts: list[str]) -> np.ndarray:
    """Another model with as many numbers."""
    return hash_encode(texts)[:, ::-1]


def cut(texts: list[str]) -> np.ndarray:
    """A model that reads ten characters."""
    return hash_encode([text[:10] for text in texts])


def nearly(texts: list[str]) -> np.ndarray:
    """The same model on a machine that computes a little otherwise."""
    return hash_encode(texts) + np.float32(1e-4)


def test_same_files_elsewhere_have_the_same_digest(tmp_path: Path) -> None:
    one = model_in(tmp_path / "one/model")
    other = model_in(tmp_path / "other", **{"README.md": "For people.", ".cache/x": "hidden"})

    assert folder_digest(one) == folder_digest(other)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "1_Pooling/config.json").write_text("[]"),
        lambda folder: (folder / "1_Pooling/config.json").rename(folder / "pooling.json"),
        lambda folder: (folder / "config.json").unlink(),
        lambda folder: (folder / "more.json").write_text(""),
    ],
)
def test_any_change_of_a_file_changes_the_digest(
    tmp_path: Path, change: Callable[[Path], object]
) -> None:
    folder = model_in(tmp_path / "model")
    before = folder_digest(folder)

    change(folder)

    assert folder_digest(folder) != before


def test_models_of_one_parent_have_exports_of_their_own(tmp_path: Path) -> None:
    one = model_in(tmp_path / "models/one", **{"config.json": "one"})
    two = model_in(tmp_path / "models/two", **{"config.json": "two"})
    one_elsewhere = model_in(tmp_path / "moved", **{"config.json": "one"})

    assert export_of(one) != export_of(two)
    assert export_of(one) == export_of(one_elsewhere)


def test_export_is_made_once_and_again_when_somebody_has_changed_it(tmp_path: Path) -> None:
    times: list[Path] = []

    def export(folder: Path) -> None:
        times.append(folder)
        model_in(folder, **{"model.onnx": "as made"})

    target = tmp_path / "models/export"
    made(target, export)
    made(target, export)
    assert len(times) == 1
    (target / "model.onnx").write_text("changed")

    made(target, export)

    assert (target / "model.onnx").read_text() == "as made"
    assert is_whole(target)


async def test_memories_of_the_same_content_are_ours_without_being_tried() -> None:
    ours = embedder(backwards)
    await ours.load()

    assert await made_by(ours, memories("tea", encode=hash_encode, digest=OURS))


@pytest.mark.parametrize("digest", [None, THEIRS])
async def test_memories_with_the_vectors_that_we_make_are_ours(digest: str | None) -> None:
    assert await made_by(embedder(nearly), memories("tea", "coffee", digest=digest))


@pytest.mark.parametrize("digest", [None, THEIRS])
async def test_memories_with_other_vectors_are_anothers(digest: str | None) -> None:
    assert not await made_by(embedder(backwards), memories("tea", "coffee", digest=digest))


async def test_memories_with_more_numbers_are_anothers() -> None:
    assert not await made_by(embedder(dimension=DIMENSION - 1), memories("tea", digest=OURS))


async def test_one_long_text_behind_many_short_ones_shows_a_model_that_reads_less() -> None:
    texts = [f"tea {number}" for number in range(100)]
    texts[60] = "Tea is at four, as it has been for years."

    assert await made_by(embedder(cut), memories(*texts[:50], digest=THEIRS))
    assert not await made_by(embedder(cut), memories(*texts, digest=THEIRS))


async def test_after_a_model_was_adopted_only_its_own_memories_count() -> None:
    newest = memories("new", digest=THEIRS) + memories("old", encode=backwards, digest=None)

    assert await made_by(embedder(), newest)
    assert not await made_by(embedder(backwards), newest)


@pytest.mark.parametrize(("ours", "others"), [(2, 1), (1, 1), (3, 2)])
async def test_log_that_mixed_models_before_digests_lets_one_of_them_go_on(
    ours: int, others: int
) -> None:
    newest = memories(*map(str, range(ours)), digest=None)
    newest += memories(*map(str, range(others)), encode=backwards, digest=None)

    assert await made_by(embedder(), newest)
    assert not await made_by(embedder(backwards), newest)


async def test_vector_without_direction_is_nobodys() -> None:
    nothing = embedding_of(np.zeros(DIMENSION, "<f2"), "theirs", None)

    assert not await made_by(embedder(), [stored_event(embedding=nothing)])


def test_name_says_nothing_about_a_models_content() -> None:
    known = EmbeddingModel("name", 384, OURS)

    assert known.is_surely(EmbeddingModel("another name", 384, OURS))
    assert not known.is_surely(EmbeddingModel("name", 384, THEIRS))
    assert not EmbeddingModel("name", 384, None).is_surely(EmbeddingModel("name", 384, None))


class Key:
    """The key in Redis that names the model, as commands see it."""

    def __init__(self) -> None:
        self.value: object = None
        self.error: Exception | None = None
        self.kept = 0

    async def get(self, _: str) -> object:
        if self.error is not None:
            raise self.error
        return self.value

    async def set(self, _: str, value: bytes, *, nx: bool, ex: int | None) -> None:
        self.value = value if self.value is None or not nx else self.value

    async def delete(self, _: str) -> None:
        self.value = None

    async def ttl(self, _: str) -> int:
        return 1

    async def expire(self, _: str, __: float, *, xx: bool) -> None:
        assert xx
        self.kept += self.value is not None


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Key:
    """The key of a log in which nothing is stored yet, looked at all the time."""

    async def nothing_stored(_: object, *, count: int) -> list[MemoryStored]:
        return []

    monkeypatch.setattr(identity, "newest_memories", nothing_stored)
    monkeypatch.setattr(identity, "LEASE_SECONDS", 0.01)
    return Key()


def admitted(key: Key) -> AbstractAsyncContextManager[None]:
    """A service that begins with the model of this test."""
    return identity.the_embedding_model(EmbedderSettings(), cast("RedisClient", key), embedder())


async def test_start_after_a_model_was_adopted_need_not_read_the_log_again(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []

    async def newest(_: object, *, count: int) -> list[MemoryStored]:
        times.append(count)
        return memories("tea", digest=THEIRS)

    monkeypatch.setattr(identity, "newest_memories", newest)
    key.value = orjson.dumps(EmbeddingModel("theirs", DIMENSION, THEIRS))
    async with admitted(key):
        assert OURS in str(key.value)

    async with admitted(key):
        assert len(times) == 1


@pytest.mark.parametrize("value", [b"no JSON", b"[1]", b"7", b'{"name": "x"}', b"\xff"])
async def test_key_that_names_no_model_is_replaced_at_the_start_and_later(
    key: Key, value: object
) -> None:
    key.value = value
    async with admitted(key):
        named = key.value
        assert OURS in str(named)

        key.value = value
        await eventually(lambda: key.value == named)
        kept = key.kept
        await eventually(lambda: key.kept > kept)


async def test_lease_is_held_again_after_redis_was_away(key: Key) -> None:
    async with admitted(key):
        key.error = RedisConnectionError("away")
        await asyncio.sleep(0)
        key.error, kept = None, key.kept

        await eventually(lambda: key.kept > kept)
        assert OURS in str(key.value)


async def test_service_whose_lease_is_not_looked_after_any_more_ends(key: Key) -> None:
    async def run() -> None:
        async with asyncio.timeout(20), admitted(key):
            key.error = RuntimeError("a bug")
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="a bug"):
        await run()


async def test_service_ends_when_another_model_has_the_lease(
    key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "POLL_SECONDS", 0.001)

    async def run() -> None:
        async with asyncio.timeout(20), admitted(key):
            key.value = b'{"model": "theirs", "dimension": 3, "digest": null}'
            await asyncio.Event().wait()

    with pytest.raises(InvariantBroken, match="another service that runs now has"):
        await run()
