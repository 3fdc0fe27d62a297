"""An upgrade of the fold: the read side is rebuilt by itself, once, and goes on answering."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from human_memory.local.children import probe
from services.readside.fold_version import FOLD
from tests.engines import Engines
from tests.integration.agent import Agent, ids
from tests.integration.services_fixture import ServiceProcess, System, folded, system_on
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
MODULE = "tests.integration.another_fold"
SECONDS = 240.0
NAMESPACE = "test/upgrade"
MANY = 40
NEW = FOLD + 1


@pytest.fixture
async def own(stack: Engines, tmp_path: Path) -> AsyncIterator[System]:
    """An installation of the test's own."""
    async with system_on(stack.kafka, stack.redis, tmp_path, partitions=3) as system:
        yield system


def start(system: System, fold: int, *names: str, **environment: str) -> ServiceProcess:
    """Services as of a version with that fold."""
    return system.start(*names, module=MODULE, ANOTHER_FOLD=str(fold), **environment)


@asynccontextmanager
async def agent_of(system: System, namespace: str = NAMESPACE) -> AsyncIterator[Agent]:
    """A client of an installation."""
    async with system.bus() as bus:
        yield Agent(bus, namespace)


async def live(system: System) -> set[int]:
    """Which builds are read."""
    async with system.redis() as redis:
        keys = [f"{system.prefix}live:{{p{n}}}" for n in range(system.settings.partitions)]
        return {int(version) for version in await redis.mget(keys)}


async def folds(system: System) -> set[int]:
    """The folds that the live builds remember."""
    async with system.redis() as redis:
        found = set()
        for number in range(system.settings.partitions):
            version = int(await redis.get(f"{system.prefix}live:{{p{number}}}") or 1)
            found.add(int(await redis.get(f"{system.prefix}v{version}:fold:{{p{number}}}") or 0))
        return found


async def upgraded(system: System, fold: int) -> None:
    """Return once every partition is of a fold, and who rebuilt, or another, has tidied up."""
    async with system.redis() as redis:

        async def done() -> bool:
            marks = [f"{system.prefix}next:{{p{n}}}" for n in range(system.settings.partitions)]
            busy = await redis.exists(f"{system.prefix}rebuilding", *marks)
            return await folds(system) == {fold} and not busy

        await eventually(done, seconds=SECONDS)


async def versions(system: System) -> set[str]:
    """The builds of which there is anything in Redis, keys or indexes."""
    async with system.redis() as redis:
        names = [key async for key in redis.scan_iter(match=f"{system.prefix}v*")]
        names += await redis.execute_command("FT._LIST")
    mine = [name.decode() for name in names if name.startswith(system.prefix.encode())]
    return {name.removeprefix(system.prefix).partition(":")[0] for name in mine}


async def switches(process: ServiceProcess) -> int:
    """How often a process has finished an upgrade, from its metrics."""

    def metrics() -> str:
        url = f"http://127.0.0.1:{process.ports['projection']}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())

    name = 'human_memory_upgrades_total{outcome="switched"} '
    lines = (await asyncio.to_thread(metrics)).splitlines()
    return sum(int(float(line.removeprefix(name))) for line in lines if line.startswith(name))


async def stored(system: System, count: int = MANY) -> list[UUID]:
    """Memories of a namespace."""
    async with agent_of(system) as agent:
        return [await agent.store(f"Fact {number}: tea.") for number in range(count)]


async def content(system: System, memory: UUID) -> str:
    """The text of a memory, as the read side has it."""
    async with agent_of(system) as agent:
        return str((await agent.inspect(memory))["content"])


@asynccontextmanager
async def answering(agent: Agent) -> AsyncIterator[list[int]]:
    """Stores and searches that go on meanwhile and are all answered; how many there were."""
    done, mine = [0], [await agent.store("Tea 0.")]

    async def for_ever() -> None:
        while True:
            done[0] += 1
            mine.append(await agent.store(f"Tea {done[0]}."))
            found = ids(await agent.search("tea", top_k=100))
            assert set(mine[-100:]) & set(found)
            assert len(found) == min(100, len(mine))

    task = asyncio.create_task(for_ever())
    try:
        yield done
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def goes_on(done: list[int], since: int) -> bool:
    """Whether some more was answered."""
    return done[0] > since + 3


async def test_upgrade_rebuilds_by_itself_while_everything_is_answered(own: System) -> None:
    old = own.start("ingest", "projection", "retrieval")
    await old.ready()
    memories = await stored(own)
    await old.stop()
    async with own.redis() as redis:  # as it was before builds remembered their folds
        await redis.unlink(*[key async for key in redis.scan_iter(match=f"{own.prefix}v1:fold:*")])

    new = start(own, NEW, "ingest", "projection", "retrieval")
    await new.ready()
    address = f"http://127.0.0.1:{new.ports['projection']}"
    said = await asyncio.to_thread(probe, address)
    async with agent_of(own, "test/meanwhile") as agent, answering(agent) as done:
        await upgraded(own, NEW)
        at_the_switch = done[0]
        await eventually(partial(goes_on, done, at_the_switch), seconds=SECONDS)

    assert said.ready
    assert await content(own, memories[0]) == f"Fact 0: tea. (fold {NEW})"
    assert await live(own) == {2}
    assert await versions(own) == {"v2"}
    assert await switches(new) == 1
    await eventually(lambda: not probe(address).note, seconds=SECONDS)


async def test_of_several_new_instances_one_rebuilds_and_the_old_one_ends(own: System) -> None:
    old = own.start("ingest", "projection", "retrieval")
    await old.ready()
    memories = await stored(own)

    news = [start(own, NEW, "ingest", "projection", "retrieval") for _ in range(2)]
    for new in news:
        await new.ready()
    await upgraded(own, NEW)

    await eventually(lambda: not old.alive(), seconds=SECONDS)
    assert "upgrade this instance" in old.log_end()
    again = own.start("projection", "retrieval")
    await eventually(lambda: not again.alive(), seconds=SECONDS)
    assert (
        f"services: the read side was built by a newer human-memory (fold {NEW}" in again.log_end()
    )
    assert sum([await switches(new) for new in news]) == 1
    assert await live(own) == {2}
    assert await content(own, memories[-1]) == f"Fact {MANY - 1}: tea. (fold {NEW})"


async def test_upgrade_that_is_killed_is_finished_by_the_next_one_and_leaves_nothing_behind(
    own: System,
) -> None:
    old = own.start("ingest", "projection", "retrieval")
    await old.ready()
    memories = await stored(own)
    await old.stop()

    left = []
    for moment in ("1", "tidy"):
        dying = start(own, NEW, "projection", DIE_AT=moment)
        await eventually(lambda dying=dying: not dying.alive(), seconds=SECONDS)  # type: ignore[misc] # mypy can't infer it
        left.append((await live(own), await versions(own)))
    new = start(own, NEW, "ingest", "projection", "retrieval")
    await new.ready()
    await upgraded(own, NEW)

    assert left == [({1, 2}, {"v1", "v2"}), ({3}, {"v1", "v2", "v3"})]
    assert await versions(own) == {"v3"}
    assert await content(own, memories[0]) == f"Fact 0: tea. (fold {NEW})"
    assert await switches(new) == 0


async def test_redis_lost_during_an_upgrade_comes_back_whole(own: System) -> None:
    old = own.start("ingest", "projection", "retrieval")
    await old.ready()
    memories = await stored(own)
    await old.stop()

    new = start(own, NEW, "ingest", "projection", "retrieval", LOST_AT="1")
    await new.ready()
    await eventually(lambda: lost(new), seconds=SECONDS)
    async with agent_of(own) as agent:
        await agent.store("Fact: coffee.")
        await upgraded(own, NEW)
        await folded(own)

        assert (await agent.stats())["total"] == MANY + 1
        assert len(await agent.search("tea", top_k=100)) == MANY + 1
    assert await content(own, memories[0]) == f"Fact 0: tea. (fold {NEW})"
    assert await versions(own) == {f"v{version}" for version in await live(own)}
    assert len(await live(own)) == 1


def lost(process: ServiceProcess) -> bool:
    """True once a service has found that Redis lost what it had folded."""
    return "read side is behind" in process.log.read_text()


async def test_build_that_the_new_version_would_misread_is_not_read(own: System) -> None:
    old = own.start("ingest", "projection", "retrieval")
    await old.ready()
    memories = await stored(own)
    await old.stop()

    new = start(own, NEW, "ingest", "projection", "retrieval", READABLE_SINCE=str(NEW))
    await new.ready()

    assert await folds(own) == {NEW}, "it says that it is ready when it can answer"
    assert await content(own, memories[0]) == f"Fact 0: tea. (fold {NEW})"
    await upgraded(own, NEW)
