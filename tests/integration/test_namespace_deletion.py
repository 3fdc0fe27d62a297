"""A namespace that is deleted with all that is in it, and begun anew."""

from collections.abc import AsyncIterator

import pytest

from human_memory import AsyncMemory, MemoryNotFound, ValidationError
from tests.integration.services_fixture import System, assert_redis_is_the_fold_of_the_log

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
async def memory(address: str, namespace: str) -> AsyncIterator[AsyncMemory]:
    """A client of a namespace that only this test uses."""
    async with AsyncMemory(address, namespace=namespace) as client:
        yield client


async def fill(memory: AsyncMemory) -> str:
    """Something of everything; the id of a memory."""
    for name in ("Acme", "Bern"):
        await memory.add_concept(name)
    await memory.add_relation("Acme", "Bern", "is_in")
    await memory.set_parameters({"decay_rate": 0.4})
    await memory.store("Acme has moved to Bern.", session="monday: late")
    forgotten = await memory.store("Acme was in Basel.", session="tuesday")
    await memory.forget(forgotten.memory_id)
    stored = await memory.store("Noemi works at Acme.", session="monday: late")
    await memory.search("Noemi", active_concepts=["Acme"])
    await memory.spread(["Acme"])
    return stored.memory_id


async def keys_of(system: System, namespace: str) -> set[str]:
    """The kinds of keys that Redis has of a namespace, but for the reply to its deletion."""
    async with system.redis() as redis:
        found = {key async for key in redis.scan_iter(match=f"*{namespace}*", count=1000)}
        replies = {key for key in found if b"http:" in key}
        for key in replies - {key for key in replies if key.endswith(namespace.encode())}:
            assert (await redis.get(key)).endswith(b'{"accepted":true}')
    return {key.decode().split(":{")[0].rsplit(":", 1)[-1] for key in found - replies}


async def test_deleted_namespace_leaves_nothing_but_the_mark(
    memory: AsyncMemory, system: System, namespace: str
) -> None:
    memory_id = await fill(memory)

    await memory.delete_namespace(namespace, reason="the customer has left")

    assert await keys_of(system, namespace) == {"cleared"}
    assert await memory.search("Noemi") == []
    assert (await memory.export_graph()).total == 0
    with pytest.raises(MemoryNotFound):
        await memory.inspect(memory_id)
    with pytest.raises(MemoryNotFound):
        await memory.get_concept("Acme")
    assert (await memory.namespaces(prefix=namespace)).namespaces == []


async def test_deleted_namespace_begins_anew(
    memory: AsyncMemory, system: System, namespace: str
) -> None:
    await fill(memory)
    await memory.delete_namespace(namespace)

    stored = await memory.store("Noemi works at Acme.")

    assert [each.memory_id for each in await memory.search("Noemi")] == [stored.memory_id]
    assert (await memory.inspect(stored.memory_id)).concepts == []
    assert (await memory.namespaces(prefix=namespace)).total == 1
    await assert_redis_is_the_fold_of_the_log(system)


async def test_name_that_is_not_repeated_deletes_nothing(memory: AsyncMemory) -> None:
    stored = await memory.store("Noemi works at Acme.")

    with pytest.raises(ValidationError, match="confirm"):
        await memory.delete_namespace("another/one")

    assert (await memory.inspect(stored.memory_id)).content == "Noemi works at Acme."
