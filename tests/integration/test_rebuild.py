"""Replaying the log into a build beside the live one, while the system goes on."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from schemas.errors import InvariantBroken, Unavailable
from services.projection.app import drop_read_side, live_digest, rebuild, rebuild_from_empty
from services.projection.pause import HOLD_SECONDS
from services.readside.layout import Layout
from stack.processes import Launch, ProcessId, kill, spawn
from tests import builders
from tests.integration.agent import PATIENCE_SECONDS, Agent, ids
from tests.integration.services_fixture import (
    ROOT,
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    log_and_live_digest,
)
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]


async def keys_of_build(system: System, version: int) -> list[bytes]:
    """What Redis holds of a build."""
    async with system.redis() as redis:
        return [key async for key in redis.scan_iter(match=f"{system.prefix}v{version}:*")]


async def live_versions(system: System) -> set[int]:
    """Which builds are read now."""
    async with system.redis() as redis:
        keys = [f"{system.prefix}live:{{p{n}}}" for n in range(system.settings.partitions)]
        return {int(version) for version in await redis.mget(keys)}


@asynccontextmanager
async def going_on(agent: Agent) -> AsyncIterator[list[int]]:
    """Stores and searches that go on meanwhile; how many there have been so far."""
    stored = [await agent.store("Fact 0: tea.")]
    done = [0]

    async def for_ever() -> None:
        while True:
            done[0] += 1
            stored.append(await agent.store(f"Fact {done[0]}: tea."))
            found = ids(await agent.search("tea", top_k=100))
            # Up to a hundred memories: all of them, none twice, none of another's.
            assert sorted(found) == sorted(stored[-100:] if len(stored) <= 100 else found)
            assert len(set(found)) == min(100, len(stored))

    task = asyncio.create_task(for_ever())
    try:
        yield done
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_rebuild_switches_to_an_identical_build_while_the_system_goes_on(
    system: System, memory: Bus, agent: Agent
) -> None:
    (before,) = await live_versions(system)
    progress: list[tuple[int, int]] = []

    async with going_on(agent) as done:
        report = await rebuild(system.settings, progress=lambda *at: progress.append(at))
        went_on = done[0]

    assert went_on > 0
    assert report.identical
    assert report.switched
    assert report.version == before + 1
    assert len(report.partitions) == system.settings.partitions
    assert progress[-1][0] >= progress[-1][1] > 0
    assert await live_versions(system) == {report.version}
    assert await keys_of_build(system, before) == []
    await assert_redis_is_the_fold_of_the_log(system)


async def test_rebuild_of_a_log_at_rest_has_the_digest_of_the_live_side(system: System) -> None:
    await folded(system)
    digest = await live_digest(system.settings)

    first = await rebuild(system.settings)
    second = await rebuild(system.settings)

    assert first.digest == second.digest == digest


async def test_damaged_read_side_is_found_and_mended_only_when_forced(
    system: System, agent: Agent
) -> None:
    stored = await agent.store()
    await folded(system)
    (version,) = await live_versions(system)
    partition = partition_of(agent.namespace.encode(), system.settings.partitions)
    document = Layout(system.prefix, version, partition).document("active", agent.namespace, stored)
    async with system.redis() as redis:
        await redis.hset(document, "content", "Tea is at five.")

    with pytest.raises(InvariantBroken, match=rf"partition {partition} .*--force"):
        await rebuild(system.settings)
    left = (await live_versions(system), await agent.stats())
    report = await rebuild(system.settings, force=True)

    # Partitions before the damaged one were switched; it was not.
    assert version in left[0]
    assert left[1]["total"] == 1
    assert not report.identical
    assert [p.partition for p in report.partitions if not p.identical] == [partition]
    assert await live_versions(system) == {report.version}
    await assert_redis_is_the_fold_of_the_log(system)


async def test_second_rebuild_at_the_same_time_is_refused_and_the_first_goes_on(
    system: System, agent: Agent
) -> None:
    await agent.store()

    outcomes = await asyncio.gather(
        rebuild(system.settings), rebuild(system.settings), return_exceptions=True
    )

    (refused,) = [each for each in outcomes if isinstance(each, Unavailable)]
    (report,) = [each for each in outcomes if not isinstance(each, BaseException)]
    assert "another rebuild" in str(refused)
    assert report.identical
    await assert_redis_is_the_fold_of_the_log(system)


def start_rebuild(system: System, log: Path) -> ProcessId:
    """A rebuild in a process of its own, which holds the first partition for ever."""
    program = (
        "import asyncio, sys\n"
        "from services.projection import app, rebuild\n"
        "from services.projection.settings import ProjectionSettings\n"
        "async def stuck(*_):\n"
        "    print('holding', flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "rebuild.digest_of_build = stuck\n"
        "asyncio.run(app.rebuild(ProjectionSettings()))\n"
    )
    return spawn(
        Launch(
            command=[sys.executable, "-c", program],
            folder=ROOT,
            log=log,
            death_signal=signal.SIGKILL,
            environment=system.environment_of_services(),
        )
    )


async def test_killed_rebuild_holds_nobody_up_for_long_and_the_service_cleans_up(
    system: System, agent: Agent, tmp_path: Path
) -> None:
    await agent.store()
    (before,) = await live_versions(system)
    killed = start_rebuild(system, tmp_path / "rebuild.log")
    await eventually(lambda: "holding" in read(tmp_path / "rebuild.log"), seconds=PATIENCE_SECONDS)
    async with system.redis() as redis:
        hold = f"{system.prefix}hold:{{p0}}"
        assert await redis.exists(hold)

        await asyncio.to_thread(kill, killed)

        assert await redis.ttl(hold) <= HOLD_SECONDS
        with pytest.raises(Unavailable, match="was killed less than"):
            await rebuild(system.settings)
        left = await keys_of_build(system, before + 1)
        await eventually(lambda: gone(redis, f"{system.prefix}rebuilding", hold))
        nexts = [f"{system.prefix}next:{{p{n}}}" for n in range(system.settings.partitions)]
        await eventually(lambda: gone(redis, *nexts), seconds=PATIENCE_SECONDS)
    cleaned = await keys_of_build(system, before + 1)
    await agent.store("Something new.")
    report = await rebuild(system.settings)

    assert left != []
    assert cleaned == []
    assert report.identical
    assert await live_versions(system) == {report.version}
    assert await keys_of_build(system, before) == []
    await assert_redis_is_the_fold_of_the_log(system)


def read(log: Path) -> str:
    """What a process printed so far."""
    return log.read_text() if log.exists() else ""


async def gone(redis: object, *keys: str) -> bool:
    """True if none of these keys is there."""
    return await redis.exists(*keys) == 0  # type: ignore[attr-defined,no-any-return] # see RedisClient


async def test_deleted_read_side_comes_back_by_itself_as_it_was(
    system: System, memory: Bus, agent: Agent
) -> None:
    for number in range(20):
        await agent.store(f"Fact {number}.")
    await agent.search()
    await folded(system)
    digest = await live_digest(system.settings)

    deleted = await drop_read_side(system.settings)

    answers = [await memory.request(builders.stats(namespace=agent.namespace), timeout_seconds=10)]
    assert deleted > 20
    while answers[-1].error is not None:
        answers.append(
            await memory.request(builders.stats(namespace=agent.namespace), timeout_seconds=10)
        )
    # Nothing in between: unavailable, until all of it is back.
    assert {answer.error.code for answer in answers if answer.error} <= {"unavailable"}
    assert answers[-1].unwrap()["total"] == 20
    assert await live_digest(system.settings) == digest
    log, live = await log_and_live_digest(system)
    assert log == live


async def test_read_side_that_comes_back_under_writes_is_compared_at_one_place_of_the_log(
    system: System, memory: Bus, agent: Agent
) -> None:
    progress: list[tuple[int, int]] = []
    await folded(system)

    async with going_on_writing(agent) as stored:
        before = len(stored)
        report = await rebuild_from_empty(system.settings, progress=lambda *at: progress.append(at))
        await eventually(lambda: len(stored) > before + 5, seconds=PATIENCE_SECONDS)

    assert report.identical
    assert report.digest_before == report.digest_after
    assert report.keys_deleted > 0
    assert progress[-1][0] == progress[-1][1] > 0
    await folded(system)
    await assert_redis_is_the_fold_of_the_log(system)


@asynccontextmanager
async def going_on_writing(agent: Agent) -> AsyncIterator[list[object]]:
    """Writes that go on meanwhile in many partitions, and wait for nothing; what was stored."""
    stored: list[object] = []

    async def for_ever() -> None:
        for number in count():
            command = builders.store(
                f"Fact {number}.", namespace=f"{agent.namespace}/{number % 12}"
            )
            stored.append((await agent.bus.request(command, timeout_seconds=60)).unwrap())

    task = asyncio.create_task(for_ever())
    try:
        await eventually(lambda: len(stored) > 20, seconds=PATIENCE_SECONDS)
        yield stored
    finally:
        assert not task.done(), task.exception()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_read_side_deleted_under_load_comes_back_whole(
    system: System, memory: Bus, agent: Agent
) -> None:
    async def store_on() -> None:
        for number in range(150):
            await agent.store(f"Fact {number}.")

    storing = asyncio.create_task(store_on())
    for _ in range(3):
        await drop_read_side(system.settings)
        await folded(system)
    await storing

    assert (await agent.stats())["total"] == 150
    await assert_redis_is_the_fold_of_the_log(system)
