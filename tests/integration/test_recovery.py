"""What the system does when its engines lose data or die, and when members come and go."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from human_memory.bus.reader import group_progress
from schemas.errors import DeadlineExceeded, MemoryServiceError, Unavailable
from schemas.replies import Reply
from schemas.topics import DEAD_LETTERS, EVENTS
from services.projection.app import live_digest
from services.projection.batch import decode
from services.readside.layout import Control
from stack.errors import UnsupportedPlatform
from stack.local import LocalStack
from tests import builders
from tests.integration.agent import Agent
from tests.integration.services_fixture import (
    ServiceProcess,
    System,
    assert_redis_is_the_fold_of_the_log,
    cursor_of,
    folded,
    read_all,
    system_on,
)
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
RECOVERY_SECONDS = 120.0
ANSWER_SECONDS = 5.0


@pytest.fixture(scope="module")
def engines_to_kill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Engines that these tests may kill."""
    own = LocalStack(tmp_path_factory.mktemp("recovery"))
    try:
        own.start()
    except UnsupportedPlatform as error:
        pytest.skip(str(error))
    yield own
    own.stop()


@pytest.fixture(scope="module")
async def broken_system(
    engines_to_kill: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """Ingest on those engines in one process, the fold and queries in another."""
    folder = tmp_path_factory.mktemp("recovery-system")
    async with system_on(engines_to_kill.kafka, engines_to_kill.redis, folder) as own:
        started = [own.start("ingest"), own.start("projection", "retrieval")]
        await asyncio.gather(*[process.ready() for process in started])
        yield own


@pytest.fixture
async def lasting(
    broken_system: System, engines_to_kill: LocalStack, namespace: str
) -> AsyncIterator[Agent]:
    """A client of one namespace; what a test broke is whole again afterwards."""
    async with broken_system.bus() as bus:
        yield Agent(bus, namespace)
    await asyncio.to_thread(engines_to_kill.start)
    await asyncio.gather(*[each.ready() for each in broken_system.processes if each.alive()])


async def outcome(bus: Bus, namespace: str) -> Reply | MemoryServiceError:
    """What a question about a namespace is answered now."""
    query = builders.list_memories(namespace=namespace, limit=200)
    try:
        return await bus.request(query, timeout_seconds=ANSWER_SECONDS)
    except MemoryServiceError as error:
        return error


def total(answer: Reply | MemoryServiceError) -> int | None:
    """How many memories an answer has; None if it is none."""
    if isinstance(answer, Reply) and answer.result is not None:
        return int(answer.result["total"])
    return None


def code(answer: Reply | MemoryServiceError) -> str | None:
    """The error's code, of a reply or of the client itself."""
    if isinstance(answer, MemoryServiceError):
        return answer.code
    return answer.error.code if answer.error else None


@asynccontextmanager
async def asking(bus: Bus, namespace: str) -> AsyncIterator[list[Reply | MemoryServiceError]]:
    """Questions without pause meanwhile, and all their answers."""
    answers: list[Reply | MemoryServiceError] = []

    async def ask_on() -> None:
        while True:
            answers.append(await outcome(bus, namespace))

    tasks = [asyncio.create_task(ask_on()) for _ in range(4)]
    try:
        yield answers
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def answered(answers: list[Reply | MemoryServiceError], wanted: str | None) -> None:
    """Return once one of the answers had this code, or none for a result."""
    await eventually(lambda: wanted in map(code, answers), seconds=RECOVERY_SECONDS)


async def grown(stored: list[UUID], length: int) -> None:
    """Return once so many are stored."""
    await eventually(lambda: len(stored) >= length, seconds=RECOVERY_SECONDS)


async def fill(agent: Agent, count: int) -> list[UUID]:
    """So many memories, some of them used."""
    stored = await asyncio.gather(*[agent.store(f"Fact {number}.") for number in range(count)])
    await agent.search(top_k=10)
    await agent.recall(stored[0])
    return list(stored)


async def test_flushed_redis_is_rebuilt_by_itself_and_never_answers_by_halves(
    broken_system: System, lasting: Agent
) -> None:
    await fill(lasting, 300)
    await folded(broken_system)
    digest = await live_digest(broken_system.settings)

    # Twice: the second loss must be noticed like the first.
    for _ in range(2):
        async with asking(lasting.bus, lasting.namespace) as answers:
            await answered(answers, None)
            async with broken_system.redis() as redis:
                await redis.flushall()
            await answered(answers, "unavailable")
            await folded(broken_system)

        assert {total(answer) for answer in answers} <= {None, 300}
        assert {code(answer) for answer in answers} <= {None, "unavailable", "timeout"}
    assert await live_digest(broken_system.settings) == digest
    assert (await lasting.search())[0]["access_count"] >= 2
    await assert_redis_is_the_fold_of_the_log(broken_system)


@asynccontextmanager
async def storing(agent: Agent, prefix: str) -> AsyncIterator[list[UUID]]:
    """Stores without pause meanwhile, each until it is acknowledged; all that were."""
    stored: list[UUID] = []
    enough = asyncio.Event()

    async def store_on(worker: int) -> None:
        number = 0
        while not enough.is_set():
            with suppress(Unavailable, DeadlineExceeded):
                key = f"{prefix}-{worker}-{number}"
                stored.append(await agent.store(f"Fact {key}.", idempotency_key=key))
                number += 1

    async with asyncio.TaskGroup() as group:
        for worker in range(4):
            group.create_task(store_on(worker))
        yield stored
        enough.set()


async def test_redis_flushed_under_load_is_rebuilt_without_a_hole(
    broken_system: System, lasting: Agent
) -> None:
    total_stored = 0

    # More than once: falling back to the same place again is no hole in the log.
    for attempt in range(3):
        async with storing(lasting, f"k{attempt}") as stored, broken_system.redis() as redis:
            await grown(stored, 20)
            await redis.flushall()
            # The next records to be folded are the ones that show the loss.
            await grown(stored, 60)
        total_stored += len(stored)

        await folded(broken_system)
        await assert_redis_is_the_fold_of_the_log(broken_system)
    assert (await lasting.stats())["total"] == total_stored


async def test_redis_that_comes_back_with_an_older_save_is_brought_up_to_the_log_without_new_events(
    broken_system: System, engines_to_kill: LocalStack, lasting: Agent
) -> None:
    await fill(lasting, 50)
    await folded(broken_system)
    async with broken_system.redis() as redis:
        await redis.save()
    saved = (await lasting.stats())["total"]
    await fill(lasting, 50)
    await folded(broken_system)
    digest = await live_digest(broken_system.settings)

    await asyncio.to_thread(engines_to_kill.kill_redis)
    await asyncio.to_thread(engines_to_kill.start_redis)

    # Nothing is written any more: the fold has to notice by itself.
    await folded(broken_system)
    assert saved == 50
    assert (await lasting.stats())["total"] == 100
    assert await live_digest(broken_system.settings) == digest
    await assert_redis_is_the_fold_of_the_log(broken_system)


async def test_retrieval_that_restarts_on_an_older_save_refuses_queries_until_it_has_caught_up(
    broken_system: System, engines_to_kill: LocalStack, lasting: Agent
) -> None:
    await fill(lasting, 30)
    await folded(broken_system)
    async with broken_system.redis() as redis:
        await redis.save()
    await fill(lasting, 30)
    await folded(broken_system)
    await committed(broken_system)  # as each second; else the successor can't know
    (old,) = [each for each in broken_system.processes if each.alive() and is_retrieval(each)]

    await old.stop()
    await asyncio.to_thread(engines_to_kill.kill_redis)
    await asyncio.to_thread(engines_to_kill.start_redis)
    # Held still where the save has it: however fast the fold is, the questions come before it.
    partition = partition_of(lasting.namespace.encode(), broken_system.settings.partitions)
    hold = Control(broken_system.prefix, partition).hold
    async with broken_system.redis() as redis:
        await redis.set(hold, await cursor_of(broken_system, redis, partition))
        started = broken_system.start("projection", "retrieval")
        await started.ready()
        async with asking(lasting.bus, lasting.namespace) as answers:
            await answered(answers, "unavailable")
            await redis.delete(hold)
            await answered(answers, None)

    assert {total(answer) for answer in answers} == {None, 60}
    assert {code(answer) for answer in answers} <= {None, "unavailable", "timeout"}
    await assert_redis_is_the_fold_of_the_log(broken_system)


async def committed(system: System) -> None:
    """Return once the projection has committed the end of the log."""
    group = f"{system.settings.topic_prefix}human-memory-projection"

    async def all_of_it() -> bool:
        done, length = await group_progress(system.settings, group, system.topic(EVENTS))
        return done == length

    await eventually(all_of_it, seconds=RECOVERY_SECONDS)


async def test_queries_while_redis_is_away_are_unavailable_and_work_again_afterwards(
    broken_system: System, engines_to_kill: LocalStack, lasting: Agent
) -> None:
    await fill(lasting, 20)
    async with broken_system.redis() as redis:
        await redis.save()
    await asyncio.to_thread(engines_to_kill.kill_redis)

    meanwhile = await outcome(lasting.bus, lasting.namespace)

    # Stores go on: the log is what counts.
    stored = await lasting.store("Stored while Redis was away.")
    await asyncio.to_thread(engines_to_kill.start_redis)
    await folded(broken_system)
    assert code(meanwhile) == "unavailable"
    assert (await lasting.inspect(stored))["status"] == "active"
    assert (await lasting.stats())["total"] == 21
    await assert_redis_is_the_fold_of_the_log(broken_system)


async def test_kafka_killed_in_the_middle_of_stores_loses_and_doubles_nothing(
    broken_system: System, engines_to_kill: LocalStack, lasting: Agent
) -> None:
    async def store_until_acknowledged(number: int) -> UUID:
        while True:
            with suppress(Unavailable, DeadlineExceeded):
                return await lasting.store(f"Fact {number}.", idempotency_key=f"k{number}")

    stored: list[UUID] = []

    async def store_all() -> None:
        for start in range(0, 400, 10):
            numbers = range(start, start + 10)
            stored.extend(await asyncio.gather(*map(store_until_acknowledged, numbers)))

    storing = asyncio.create_task(store_all())
    for goal in (60, 200):
        await grown(stored, goal)
        await asyncio.to_thread(engines_to_kill.kill_kafka)
        await asyncio.to_thread(engines_to_kill.start_kafka)
    async with asyncio.timeout(RECOVERY_SECONDS):
        await storing

    await folded(broken_system)
    records = await read_all(broken_system, EVENTS)
    subjects = Counter(
        event.subject
        for event in (decode(record).event for record in records)
        if event is not None and event.namespace == lasting.namespace
    )
    assert subjects == {str(memory): 1 for memory in stored}
    assert (await lasting.stats())["total"] == 400
    assert await read_all(broken_system, DEAD_LETTERS) == []
    await assert_redis_is_the_fold_of_the_log(broken_system)


async def test_members_that_join_and_leave_under_load_leave_redis_equal_to_the_log(
    broken_system: System, lasting: Agent
) -> None:
    agents = [Agent(lasting.bus, f"{lasting.namespace}-{number}") for number in range(6)]
    stored: Counter[str] = Counter()
    more = asyncio.Event()

    async def work(agent: Agent) -> None:
        while not more.is_set():
            with suppress(Unavailable, DeadlineExceeded):
                key = f"k{stored[agent.namespace]}"
                command = builders.store(namespace=agent.namespace, idempotency_key=key)
                await agent.bus.request(command, timeout_seconds=ANSWER_SECONDS)
                stored[agent.namespace] += 1
                search = builders.search(namespace=agent.namespace)
                await agent.bus.request(search, timeout_seconds=ANSWER_SECONDS)

    working = [asyncio.create_task(work(agent)) for agent in agents]
    leaving = broken_system.start("projection", "retrieval")
    dying = broken_system.start("ingest", "projection", "retrieval")
    await asyncio.gather(leaving.ready(), dying.ready())
    await folded_somewhere(broken_system)
    await leaving.stop()
    await folded_somewhere(broken_system)
    await dying.kill()
    more.set()
    await asyncio.gather(*working)

    await folded(broken_system)
    for agent in agents:
        assert stored[agent.namespace] > 0
        rows = await agent.list(limit=200)
        assert rows["total"] >= stored[agent.namespace]
    await assert_redis_is_the_fold_of_the_log(broken_system)


async def folded_somewhere(system: System) -> None:
    """Return once every partition's cursor has moved at least to where the log ends now."""
    ends = Counter(record.partition for record in await read_all(system, EVENTS))
    async with system.redis() as redis:

        async def passed() -> bool:
            cursors = [await cursor_of(system, redis, number) for number in ends]
            return all(at >= ends[number] for at, number in zip(cursors, ends, strict=True))

        await eventually(passed, seconds=RECOVERY_SECONDS)


async def test_retrieval_started_while_redis_is_away_begins_when_it_is_back(
    broken_system: System, engines_to_kill: LocalStack, lasting: Agent
) -> None:
    await fill(lasting, 10)
    (old,) = [each for each in broken_system.processes if each.alive() and is_retrieval(each)]
    await asyncio.to_thread(engines_to_kill.stop_redis)
    await old.kill()

    started = broken_system.start("projection", "retrieval")
    await eventually(lambda: answers_something(started), seconds=RECOVERY_SECONDS)
    meanwhile = await started.readiness("retrieval")
    await asyncio.to_thread(engines_to_kill.start_redis)

    await started.ready()
    assert meanwhile["status"] == "unavailable"
    assert meanwhile["checks"]["redis"] == "error"
    assert (await lasting.stats())["total"] == 10
    await assert_redis_is_the_fold_of_the_log(broken_system)


def is_retrieval(process: ServiceProcess) -> bool:
    """Whether it answers queries."""
    return "retrieval" in process.names


async def answers_something(process: ServiceProcess) -> bool:
    """Whether its HTTP side is there."""
    return await process.readiness("retrieval") != {}
