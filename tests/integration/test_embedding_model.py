"""One installation has one embedding model, whatever it is called and wherever it lies."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from human_memory.bus.producer import DurableProducer
from schemas.events import MemoryStored
from schemas.topics import EVENTS
from services.common.embedding.embedder import Embedder, shared_embedder
from services.common.embedding.model_files import DEFAULT_MODEL
from services.common.event_log import EventAppender
from services.ingest.domain import embedding_of
from tests.builders import stored_event
from tests.engines import Engines
from tests.integration.agent import Agent
from tests.integration.services_fixture import ServiceProcess, System, read_all, system_on
from tests.models import copy_of_the_model, other_words, shorter
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
MODEL = "HUMAN_MEMORY_EMBEDDING_MODEL"
ENDED_SECONDS = 240.0
LONG = "We moved the tea party to five o'clock, because the train from Leeds is late again."


@pytest.fixture
async def own(stack: Engines, tmp_path: Path) -> AsyncIterator[System]:
    """An installation of the test's own."""
    async with system_on(stack.kafka, stack.redis, tmp_path, partitions=2) as system:
        yield system


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model in a folder that a test may change."""
    return copy_of_the_model(tmp_path / "models" / "ours")


async def ended(process: ServiceProcess) -> str:
    """What a service said when it ended by itself."""

    async def gone() -> bool:
        return not process.alive()

    await eventually(gone, seconds=ENDED_SECONDS)
    return process.log_end()


async def store(system: System, model: Path | str, text: str) -> None:
    """Store a text with a model, and stop again."""
    process = system.start("ingest", "retrieval", **{MODEL: str(model)})
    await process.ready()
    async with system.bus() as bus:
        await Agent(bus, f"test/{secrets.token_hex(4)}").store(text)
    await process.stop()


async def append(system: System, embedder: Embedder, text: str) -> None:
    """Put a memory into the log as it was written before events told the model's content."""
    event = stored_event(content=text)
    (vector,) = await embedder.embed([event.data.indexed_text])
    made = event.data.model_copy(update={"embedding": embedding_of(vector, "old name")})
    producer = DurableProducer(system.settings, client_id="test")
    await producer.start()
    await EventAppender(system.settings, producer).append([event.model_copy(update={"data": made})])
    await producer.stop()


@pytest.mark.parametrize("service", ["ingest", "retrieval", "maintenance"])
async def test_model_changed_in_place_is_refused_and_its_old_self_is_not(
    own: System, model: Path, service: str
) -> None:
    before = (model / "tokenizer.json").read_bytes()
    await store(own, model, "Tea is at four.")
    other_words(model)

    said = await ended(own.start(service, **{MODEL: str(model)}))

    assert "services: the stored vectors were made by the embedding model" in said
    assert "set HUMAN_MEMORY_EMBEDDING_MODEL to the former again" in said
    (model / "tokenizer.json").write_bytes(before)
    await own.start(service, **{MODEL: str(model)}).ready()


async def test_another_model_is_refused_also_after_redis_was_lost(own: System, model: Path) -> None:
    await store(own, model, LONG)
    shorter(model)
    async with own.redis() as redis:
        await redis.unlink(*[key async for key in redis.scan_iter(match=f"{own.prefix}*")])

    said = await ended(own.start("ingest", **{MODEL: str(model)}))

    assert "services: the stored vectors were made by the embedding model" in said


async def test_same_model_in_another_folder_goes_on(own: System, model: Path) -> None:
    await store(own, model, "Tea is at four.")
    moved = copy_of_the_model(model.with_name("moved"))

    await own.start("ingest", **{MODEL: str(moved)}).ready()

    (event,) = [event for event in await read_all(own, EVENTS) if b"memory.stored" in event.value]
    assert MemoryStored.model_validate_json(event.value).data.embedding.digest is not None


async def test_log_from_before_digests_takes_the_model_that_made_it_and_no_other(
    own: System, model: Path
) -> None:
    await append(own, shared_embedder(DEFAULT_MODEL, 384, 0, 1), "Tea is at four.")
    await own.start("ingest", **{MODEL: DEFAULT_MODEL}).ready()
    other_words(model)

    said = await ended(own.start("retrieval", **{MODEL: str(model)}))

    assert "services: the stored vectors were made by the embedding model old name" in said


async def test_of_two_models_on_an_empty_log_one_is_refused_while_the_other_runs(
    own: System, model: Path
) -> None:
    other = copy_of_the_model(model.with_name("other"))
    other_words(other)
    both = [own.start("ingest", **{MODEL: str(folder)}) for folder in (model, other)]

    async def one_ended() -> bool:
        return sum(process.alive() for process in both) == 1

    await eventually(one_ended, seconds=ENDED_SECONDS)

    (refused,) = [process for process in both if not process.alive()]
    (running,) = [process for process in both if process.alive()]
    assert "services: another service that runs now has the embedding model" in refused.log_end()
    await running.ready()


async def test_model_may_be_changed_while_nothing_is_stored(own: System, model: Path) -> None:
    first = own.start("ingest", **{MODEL: str(model)})
    await first.ready()
    await first.stop()
    other_words(model)

    second = own.start("ingest", **{MODEL: str(model)})

    await second.ready()
    assert second.alive()
