"""All TCP connections to Kafka are reset under load, again and again: everything goes on."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from schemas.errors import MemoryServiceError
from schemas.topics import DEAD_LETTERS, EVENTS
from services.projection.batch import decode
from tests import builders
from tests.engines import Engines
from tests.integration.agent import NO_THRESHOLD, Agent
from tests.integration.services_fixture import (
    ServiceProcess,
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    read_all,
    system_on,
)
from tests.kafka_proxy import KafkaProxy, kafka_proxy
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
RESETS = int(os.environ.get("HUMAN_MEMORY_TEST_RESETS", "8"))
WORKERS = 4
# Usually 2 s, and no hand is needed; a machine that is busy with other tests takes longer.
BACK_SECONDS = 60.0
ANSWER_SECONDS = 10.0


@dataclass
class Load:
    """Stores and searches without pause, each until it is acknowledged."""

    agent: Agent
    stored: list[UUID] = field(default_factory=list)
    searched: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def store(self, worker: int) -> None:
        """Store until it is enough."""
        number = 0
        while not self.enough.is_set():
            key = f"{worker}-{number}"
            with suppress(MemoryServiceError):
                self.stored.append(await self.agent.store(f"Fact {key}.", idempotency_key=key))
                number += 1

    async def search(self) -> None:
        """Search until it is enough."""
        query = builders.search("fact", namespace=self.agent.namespace, min_activation=NO_THRESHOLD)
        while not self.enough.is_set():
            with suppress(MemoryServiceError):
                await self.agent.bus.ask(query, timeout_seconds=ANSWER_SECONDS)
                self.searched += 1

    async def goes_on(self) -> None:
        """Return once each worker could store some more, and searches are answered."""
        stored, searched = len(self.stored) + 3 * WORKERS, self.searched + 2
        await eventually(
            lambda: len(self.stored) >= stored and self.searched >= searched, seconds=BACK_SECONDS
        )


@pytest.fixture
async def proxy(stack: Engines) -> AsyncIterator[KafkaProxy]:
    """The way to Kafka that is reset."""
    async with kafka_proxy(stack.kafka) as own:
        yield own


@pytest.fixture
async def system(
    stack: Engines, proxy: KafkaProxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """An installation that reaches Kafka over the proxy only."""
    folder = tmp_path_factory.mktemp("resets")
    async with system_on(proxy.address, stack.redis, folder) as own:
        yield own


async def test_resets_of_all_connections_under_load_stop_nothing_and_lose_nothing(
    system: System, proxy: KafkaProxy
) -> None:
    services = system.start("ingest", "projection", "retrieval", "maintenance")
    await services.ready()
    async with system.bus() as bus, asyncio.TaskGroup() as group:
        load = Load(Agent(bus, "resets"))
        for worker in range(WORKERS):
            group.create_task(load.store(worker))
        group.create_task(load.search())

        for _ in range(RESETS):
            await load.goes_on()
            assert proxy.reset() > 0
        await load.goes_on()
        load.enough.set()

    await folded(system)
    assert await subjects_stored(system) == {str(memory): 1 for memory in load.stored}
    assert await read_all(system, DEAD_LETTERS) == []
    await assert_redis_is_the_fold_of_the_log(system)
    await undisturbed(services)


async def subjects_stored(system: System) -> Counter[str]:
    """How often each memory was stored, by the log."""
    events = (decode(record).event for record in await read_all(system, EVENTS))
    return Counter(event.subject for event in events if event and event.type == "memory.stored.v1")


async def undisturbed(services: ServiceProcess) -> None:
    """It is the same process, and ready."""
    assert services.alive(), services.log_end()
    await services.ready(seconds=BACK_SECONDS)
