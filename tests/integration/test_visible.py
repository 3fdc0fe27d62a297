"""Writes that are answered when reads show them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from schemas.errors import NotFound, Unavailable
from schemas.inbox import InboxCommand
from schemas.queries import Recall, Search
from services.readside.layout import Control
from tests import builders
from tests.integration.agent import NO_THRESHOLD, PATIENCE_SECONDS, Row
from tests.integration.services_fixture import System, cursor_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SHORT_SECONDS = 1.0


async def write(bus: Bus, command: InboxCommand) -> Row:
    return await bus.ask(command, timeout_seconds=PATIENCE_SECONDS, visible=True)


async def stored(bus: Bus, namespace: str, content: str = "Tea is at four.") -> UUID:
    """A memory that reads show."""
    return UUID((await write(bus, builders.store(content, namespace=namespace)))["memory_id"])


@asynccontextmanager
async def fold_held(system: System, namespace: str) -> AsyncIterator[None]:
    """Meanwhile nothing more becomes visible in the partition of a namespace."""
    partition = partition_of(namespace.encode(), system.settings.partitions)
    hold = Control(system.prefix, partition).hold
    async with system.redis() as redis:
        await redis.set(hold, await cursor_of(system, redis, partition))
        try:
            yield
        finally:
            await redis.delete(hold)


async def test_next_read_shows_each_write_without_naming_it(memory: Bus, namespace: str) -> None:
    for number in range(20):
        memory_id = await stored(memory, namespace, f"Fact {number} about tea.")
        inspected = await memory.ask(builders.inspect(memory_id, namespace=namespace))

        await write(memory, builders.forget(memory_id, namespace=namespace))

        with pytest.raises(NotFound):
            await memory.ask(builders.recall(memory_id, namespace=namespace))
        assert inspected["content"] == f"Fact {number} about tea."


async def test_many_writes_at_once_are_all_visible_when_they_are_answered(
    memory: Bus, namespace: str
) -> None:
    async def store_and_look(number: int) -> str:
        memory_id = await stored(memory, namespace, f"Fact {number} about tea.")
        reply = await memory.ask(builders.inspect(memory_id, namespace=namespace))
        return str(reply["content"])

    contents = await asyncio.gather(*(store_and_look(number) for number in range(64)))

    assert contents == [f"Fact {number} about tea." for number in range(64)]


@pytest.mark.parametrize("kind", ["search", "recall"])
async def test_access_of_a_search_or_recall_is_counted_for_whoever_looks_next(
    memory: Bus, namespace: str, kind: str
) -> None:
    memory_id = await stored(memory, namespace)
    about = {"namespace": namespace, "wait": "visible"}

    for count in (2, 3, 4):
        if kind == "search":
            await memory.ask(builders.search("tea", min_activation=NO_THRESHOLD, **about))
        else:
            await memory.ask(builders.recall(memory_id, **about))
        inspected = await memory.ask(builders.inspect(memory_id, namespace=namespace))
        assert inspected["access_count"] == count


async def test_write_that_does_not_become_visible_in_time_is_said_to_be_written(
    memory: Bus, system: System, namespace: str
) -> None:
    memory_id = await stored(memory, namespace)

    async with fold_held(system, namespace):
        access = builders.access(memory_id, namespace=namespace)
        reply = await memory.request(access, timeout_seconds=SHORT_SECONDS, visible=True)

    with pytest.raises(Unavailable, match=r"written at .*, but not visible yet") as refused:
        reply.unwrap()
    # It was written indeed, and can be waited for.
    assert await accesses(memory, namespace, memory_id, refused.value.details["position"]) == 2


async def accesses(bus: Bus, namespace: str, memory_id: UUID, after: object) -> int:
    """How many accesses a memory has, once what was written is visible."""
    inspect = builders.inspect(memory_id, namespace=namespace, after=after)
    inspected = await bus.ask(inspect, timeout_seconds=PATIENCE_SECONDS)
    return int(inspected["access_count"])


def access_by(kind: str, namespace: str, memory_id: UUID) -> Search | Recall:
    about = {"namespace": namespace, "wait": "visible"}
    if kind == "recall":
        return builders.recall(memory_id, **about)
    return builders.search("tea", min_activation=NO_THRESHOLD, **about)


@pytest.mark.parametrize("kind", ["search", "recall"])
async def test_answer_comes_though_its_access_is_not_visible_in_time_and_says_so(
    memory: Bus, system: System, namespace: str, kind: str
) -> None:
    memory_id = await stored(memory, namespace)

    async with fold_held(system, namespace):
        query = access_by(kind, namespace, memory_id)
        reply = await memory.request(query, timeout_seconds=SHORT_SECONDS)

    assert "Tea is at four." in str(reply.unwrap())
    assert "reads do not show it yet" in str(reply.warning)
    assert await accesses(memory, namespace, memory_id, reply.position) == 2


# What each sets in Redis, what undoes it, and the words in which Redis refuses all writes then.
REFUSALS = {
    "full": (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], "maxmemory"),
    "a replica": (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], "read only"),
    "without enough replicas": (
        ["CONFIG", "SET", "min-replicas-to-write", "1"],
        ["CONFIG", "SET", "min-replicas-to-write", "0"],
        "NOREPLICAS",
    ),
}


@pytest.mark.parametrize("kind", ["search", "recall"])
@pytest.mark.parametrize("why", REFUSALS)
async def test_answer_does_not_wait_for_a_redis_that_refuses_writes(
    memory: Bus, system: System, namespace: str, why: str, kind: str
) -> None:
    memory_id = await stored(memory, namespace)
    begin, end, words = REFUSALS[why]

    async with system.redis() as redis:
        await redis.execute_command(*begin)
        try:
            query = access_by(kind, namespace, memory_id)
            reply = await memory.request(query, timeout_seconds=PATIENCE_SECONDS)
        finally:
            await redis.execute_command(*end)

    assert "Tea is at four." in str(reply.unwrap())
    assert "takes no writes now" in str(reply.warning)
    assert words in str(reply.warning)
    assert await accesses(memory, namespace, memory_id, reply.position) == 2


async def test_search_over_http_with_a_key_is_answered_while_redis_refuses_writes(
    gateway: str, system: System, memory: Bus, namespace: str
) -> None:
    await stored(memory, namespace)
    headers = {"X-Memory-Namespace": namespace, "Idempotency-Key": "once"}
    body = {"query": "When is tea?", "min_activation": NO_THRESHOLD}

    async with system.redis() as redis, httpx.AsyncClient(timeout=PATIENCE_SECONDS) as client:
        await redis.config_set("maxmemory", 1)
        try:
            reply = await client.post(f"{gateway}/v1/memories/search", json=body, headers=headers)
        finally:
            await redis.config_set("maxmemory", 0)

    assert reply.status_code == 200, reply.text
    assert reply.json()["count"] == 1
    assert "takes no writes now" in reply.json()["warning"]


async def test_who_does_not_wait_is_answered_while_nothing_becomes_visible(
    memory: Bus, system: System, namespace: str
) -> None:
    await stored(memory, namespace)

    async with fold_held(system, namespace):
        reply = await memory.ask(
            builders.store("Cup.", namespace=namespace), timeout_seconds=PATIENCE_SECONDS
        )

    assert reply["activation"] == 1.0
