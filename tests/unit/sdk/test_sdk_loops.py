"""A client in any event loop, in several, in none, and after its end."""

import asyncio
import gc
import inspect
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvloop

from human_memory import AsyncMemory, HumanMemoryError, Memory
from human_memory.bus import Bus
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable
from schemas.queries import Ping
from tests.unit.sdk.scripted_server import Answer, serving

STATS = {"total": 7, "active": 7, "decayed": 0, "deleted": 0, "avg_activation": 0.0}
COUNTS = Answer(200, STATS)
NOWHERE = ["http://127.0.0.1:1", "kafka://127.0.0.1:1"]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def in_new_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """As programs without `asyncio.run` do it: the loop is closed, and nothing said before."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


async def total(memory: AsyncMemory) -> int:
    """One call."""
    return (await memory.stats()).total


async def awaited(method: Callable[[], Any]) -> Any:
    """What a method of either client returns."""
    asked = method()
    return await asked if inspect.isawaitable(asked) else asked


@pytest.fixture
async def quiet() -> AsyncIterator[None]:
    """Warnings of garbage are this test's, and fail it."""
    gc.collect()
    yield
    gc.collect()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_one_client_works_in_every_run(run: Run) -> None:
    with serving(COUNTS) as server, ThreadPoolExecutor(1) as thread:
        memory = AsyncMemory(server.url)

        totals = [thread.submit(run, total(memory)).result() for _ in range(3)]

        thread.submit(run, memory.close()).result()
    assert totals == [7, 7, 7]


def test_one_client_works_in_loops_that_are_closed_without_their_last_words() -> None:
    with (
        serving(COUNTS) as server,
        ThreadPoolExecutor(1) as thread,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        memory = AsyncMemory(server.url)

        totals = [thread.submit(in_new_loop, total(memory)).result() for _ in range(3)]

        thread.submit(in_new_loop, memory.close()).result()
        del memory
        gc.collect()
    assert totals == [7, 7, 7]
    assert {each.category for each in told} <= {ResourceWarning}


@pytest.mark.usefixtures("quiet")
def test_one_client_works_in_loops_of_several_threads_at_once() -> None:
    both = threading.Barrier(2)

    async def some(memory: AsyncMemory) -> list[int]:
        await asyncio.to_thread(both.wait)
        return await asyncio.gather(*(total(memory) for _ in range(20)))

    with serving(COUNTS) as server, ThreadPoolExecutor(2) as threads:
        memory = AsyncMemory(server.url)

        running = [threads.submit(asyncio.run, some(memory)) for _ in range(2)]

        assert [each.result() for each in running] == [[7] * 20] * 2


@pytest.mark.usefixtures("quiet")
async def test_close_in_one_loop_closes_in_the_other_that_runs() -> None:
    used, done = threading.Event(), threading.Event()

    async def elsewhere(memory: AsyncMemory) -> str:
        await total(memory)
        used.set()
        await asyncio.to_thread(done.wait)
        try:
            await total(memory)
        except HumanMemoryError as error:
            return str(error)
        return "answered"

    with serving(COUNTS) as server, ThreadPoolExecutor(1) as thread:
        memory = AsyncMemory(server.url)
        other = thread.submit(asyncio.run, elsewhere(memory))
        await asyncio.to_thread(used.wait)
        await total(memory)

        await memory.close()

        done.set()
        assert "was closed" in other.result()


@pytest.mark.parametrize("address", NOWHERE)
@pytest.mark.parametrize("client", [Memory, AsyncMemory])
async def test_every_call_after_close_is_told_so(client: Any, address: str) -> None:
    memory = client(address)
    for _ in range(2):
        await awaited(memory.close)

    for name in ("stats", "ready", "decay", "consolidate", "working_memory"):
        with pytest.raises(HumanMemoryError, match="was closed, and nothing was sent"):
            await awaited(getattr(memory, name))


@pytest.mark.parametrize("client", [Memory, AsyncMemory])
async def test_client_that_was_used_is_closed_like_one_that_was_not(client: Any) -> None:
    with serving(COUNTS) as server:
        memory = client(server.url)
        await awaited(memory.stats)
        for _ in range(2):
            await awaited(memory.close)

        with pytest.raises(HumanMemoryError, match="was closed"):
            await awaited(memory.stats)


@pytest.mark.parametrize("address", NOWHERE)
def test_call_without_a_loop_is_told_what_to_do(address: str) -> None:
    asked = AsyncMemory(address).stats()

    with pytest.raises(HumanMemoryError, match=r"asyncio\.run\(\)"):
        asked.send(None)


async def test_synchronous_client_works_inside_a_running_loop() -> None:
    with serving(COUNTS) as server, Memory(server.url) as memory:
        assert memory.stats().total == 7


@pytest.mark.usefixtures("quiet")
async def test_garbage_in_a_running_loop_is_closed_by_it() -> None:
    with serving(COUNTS) as server:
        memory = AsyncMemory(server.url)
        await total(memory)
        gc.collect()  # what other tests left
        others = asyncio.all_tasks()

        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            del memory
            gc.collect()
            await asyncio.gather(*(asyncio.all_tasks() - others))

    assert told == []


async def test_cancelled_call_leaves_a_client_that_works() -> None:
    with serving(COUNTS) as server:
        async with AsyncMemory(server.url) as memory:
            call = asyncio.create_task(total(memory))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])

            assert await total(memory) == 7


async def test_bus_of_another_loop_refuses_at_once() -> None:
    bus = Bus(KafkaSettings(kafka="127.0.0.1:1"))

    async def started_elsewhere() -> None:
        with pytest.raises(Unavailable):
            await bus.start()

    await asyncio.to_thread(asyncio.run, started_elsewhere())

    with pytest.raises(Unavailable, match="another event loop or process"):
        await bus.request(Ping(namespace="n"))
    with pytest.raises(Unavailable, match="another event loop or process"):
        await bus.close()
