"""kill -9, again and again, in the middle of the work: nothing acknowledged is lost or doubled."""

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from human_memory.bus.bus import Bus, Request
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.events import MemoryAccessed, MemoryStored
from schemas.ids import cause_of_key, event_id, query_cause
from schemas.topics import DEAD_LETTERS, EVENTS
from services.projection.app import rebuild
from services.projection.batch import decode
from tests import builders
from tests.engines import Engines
from tests.integration.agent import NO_THRESHOLD, Agent
from tests.integration.services_fixture import (
    ServiceProcess,
    System,
    folded,
    log_and_live_digest,
    read_all,
    system_on,
)
from tests.polling import eventually

# A net for a run that hangs; every wait in it has a shorter end of its own.
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(1500)]
STORES = 2_000
KILLS = 10  # of each service
# Few enough that ingest takes many small batches: a kill then falls into the middle of one.
WORKERS = 24
NAMESPACES = [f"kill/{number}" for number in range(12)]
ANSWER_SECONDS = 8.0
# The services are killed one after the other, in whatever order, within so many stores.
STORES_BETWEEN_MAX = 12
WORK_SECONDS = 400.0


@pytest.fixture
async def system(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """An installation whose services this test starts and kills."""
    async with system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("kill")) as own:
        yield own


@dataclass
class Ledger:
    """What was acknowledged: the ids of the events it must have led to, and the memories."""

    stores: dict[UUID, UUID] = field(default_factory=dict)
    commands: set[UUID] = field(default_factory=set)
    queries: set[UUID] = field(default_factory=set)


@dataclass
class Clients:
    """Workers that store, use, recall and search, each until it is acknowledged."""

    bus: Bus
    seed: int
    work: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    ledger: Ledger = field(default_factory=Ledger)
    sent_again: int = 0
    busy: int = 0
    killed_at_work: int = 0

    async def run(self) -> None:
        """Work for ever; see `work.join`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._worker())

    async def stored(self, count: int) -> None:
        """Return once so many stores are acknowledged."""
        await eventually(lambda: len(self.ledger.stores) >= count, seconds=WORK_SECONDS)

    async def _worker(self) -> None:
        while True:
            number = await self.work.get()
            self.busy += 1
            namespace = NAMESPACES[number % len(NAMESPACES)]
            memory = await self._store(namespace, number)
            # By its number, whoever works on it when: the same again with the same seed.
            chance = random.Random(f"{self.seed}/{number}")
            query_id = UUID(int=chance.getrandbits(128))
            match chance.choice(["use", "recall", "search"]):
                case "use":
                    await self._use(namespace, memory)
                case "recall":
                    await self._recall(namespace, memory, query_id)
                case "search":
                    await self._search(namespace, query_id)
            self.busy -= 1
            self.work.task_done()

    async def _store(self, namespace: str, number: int) -> UUID:
        key = f"store-{number}"
        command = builders.store(
            f"Fact {number}: tea is at {number}.", namespace=namespace, idempotency_key=key
        )
        memory = UUID((await self._acknowledged(command))["memory_id"])
        assert memory == cause_of_key(namespace, key)
        self.ledger.stores[event_id(memory, "memory.stored.v1")] = memory
        return memory

    async def _use(self, namespace: str, memory: UUID) -> None:
        command = builders.access(memory, namespace=namespace, idempotency_key=f"use-{memory}")
        self.ledger.commands.add(UUID((await self._acknowledged(command))["event_id"]))

    async def _recall(self, namespace: str, memory: UUID, query_id: UUID) -> None:
        query = builders.recall(memory, namespace=namespace, query_id=query_id)
        # A memory that is not folded yet is unknown: asked for again, it is there.
        while await self._acknowledged(query, unknown_yet=True) == {}:
            self.sent_again += 1
        self._queried(namespace, query_id)

    async def _search(self, namespace: str, query_id: UUID) -> None:
        query = builders.search(
            "tea", namespace=namespace, query_id=query_id, min_activation=NO_THRESHOLD
        )
        rows = (await self._acknowledged(query))["results"]
        if rows:
            self._queried(namespace, query_id)

    def _queried(self, namespace: str, query_id: UUID) -> None:
        cause = query_cause(namespace, query_id)
        self.ledger.queries.add(event_id(cause, "memory.accessed.v1"))

    async def _acknowledged(self, message: Request, *, unknown_yet: bool = False) -> dict[str, Any]:
        while True:
            try:
                reply = await self.bus.request(message, timeout_seconds=ANSWER_SECONDS)
                if unknown_yet and reply.error is not None and reply.error.code == "not_found":
                    return {}
                return reply.unwrap()
            except (DeadlineExceeded, Unavailable):
                self.sent_again += 1


async def kill_and_restart(
    system: System, process: ServiceProcess, clients: Clients, stores: int
) -> ServiceProcess:
    """SIGKILL once so many stores are acknowledged; the successor, once it is ready."""
    await clients.stored(stores)
    clients.killed_at_work += clients.busy > 0
    assert process.alive(), f"{process.names} died by itself:\n{process.log_end()}"
    await process.kill()
    successor = system.start(*process.names)
    await successor.ready()
    return successor


async def work_through_kills(system: System, clients: Clients, chance: random.Random) -> None:
    """Feed the workers in portions, and kill all services in the middle of each but the last."""
    services = [system.start(name) for name in ("ingest", "projection", "retrieval")]
    await asyncio.gather(*[service.ready() for service in services])
    portion = STORES // (KILLS + 1)
    for kill in range(KILLS):
        for number in range(kill * portion, (kill + 1) * portion):
            clients.work.put_nowait(number)
        goal = len(clients.ledger.stores) + chance.randrange(1, portion // 2)
        goals = [goal + chance.randrange(STORES_BETWEEN_MAX) for _ in services]
        services = await asyncio.gather(
            *[
                kill_and_restart(system, service, clients, stores)
                for service, stores in zip(services, goals, strict=True)
            ]
        )
    for number in range(KILLS * portion, STORES):
        clients.work.put_nowait(number)
    async with asyncio.timeout(WORK_SECONDS):
        await clients.work.join()


async def access_counts(bus: Bus) -> dict[UUID, int]:
    """How often each memory was used, as the read side has it."""
    counts: dict[UUID, int] = {}
    for namespace in NAMESPACES:
        agent, cursor = Agent(bus, namespace), None
        while True:
            page = await agent.list(limit=200, cursor=cursor)
            counts |= {UUID(row["memory_id"]): row["access_count"] for row in page["memories"]}
            if (cursor := page["next_cursor"]) is None:
                break
    return counts


def uses_by_the_log(events: list[Any]) -> Counter[UUID]:
    """How often each memory was used, counted without the code under test: ids of events once."""
    uses: Counter[UUID] = Counter()
    first: dict[UUID, Any] = {}
    for event in events:
        # A search that was asked again may have found others the second time: the first counts.
        first.setdefault(event.id, event)
    for event in first.values():
        if isinstance(event, MemoryStored):
            uses[UUID(event.subject)] += 1
        elif isinstance(event, MemoryAccessed):
            uses.update(access.memory_id for access in event.data.accesses)
    return uses


async def test_nothing_acknowledged_is_lost_or_doubled_by_thirty_kills(system: System) -> None:
    seed = int(os.environ.get("HUMAN_MEMORY_TEST_SEED") or secrets.randbits(32))
    print(f"HUMAN_MEMORY_TEST_SEED={seed} asks the same and kills after as many stores")
    chance = random.Random(seed)

    async with system.bus() as bus:
        clients = Clients(bus, seed)
        working = asyncio.create_task(clients.run())
        killing = asyncio.create_task(work_through_kills(system, clients, chance))
        await asyncio.wait({working, killing}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            killing.cancel()
            await working
        working.cancel()
        await killing
        await folded(system)
        counts = await access_counts(bus)
    records = await read_all(system, EVENTS)
    events = [decode(record).event for record in records]
    log, live = await log_and_live_digest(system)
    report = await rebuild(system.settings)

    times = Counter(event.id for event in events if event is not None)
    ledger = clients.ledger
    print(f"{len(records)} events; {clients.sent_again} requests were sent again")
    assert clients.killed_at_work >= KILLS  # of three times as many
    assert clients.sent_again > 0
    assert len(ledger.stores) == STORES
    assert {event: times[event] for event in ledger.stores} == dict.fromkeys(ledger.stores, 1)
    assert sum(isinstance(event, MemoryStored) for event in events) == STORES
    assert {event: times[event] for event in ledger.commands} == dict.fromkeys(ledger.commands, 1)
    assert [event for event in ledger.queries if times[event] == 0] == []
    assert set(counts) == set(ledger.stores.values())
    assert counts == dict(uses_by_the_log([event for event in events if event is not None]))
    assert live == log
    assert report.identical
    assert report.digest == log
    assert await read_all(system, DEAD_LETTERS) == []
