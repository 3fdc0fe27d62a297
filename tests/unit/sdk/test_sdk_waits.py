"""Every wait of a client ends by its timeout, whatever the other side does."""

import asyncio
import inspect
import math
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from typing import Any

import pytest

from human_memory import AsyncMemory, HumanMemoryError, Memory, ServiceUnavailable, ValidationError
from schemas.limits import TIMEOUT_MS_MAX
from stack.state import free_port
from tests.polling import eventually
from tests.unit.sdk import slow_server
from tests.unit.sdk.scripted_server import Answer, serving
from tests.unit.sdk.slow_server import Serve, slow

TIMEOUT_SECONDS = 1.0
# Far below what any of these servers takes, far above what a busy machine adds.
PATIENCE_SECONDS = 20.0
STATS = {"total": 0, "active": 0, "decayed": 0, "deleted": 0, "avg_activation": 0.0}
SLOW = [
    slow_server.never,
    slow_server.headers_by_drops,
    slow_server.body_by_drops,
    slow_server.body_without_end,
    slow_server.reads_by_drops,
]
CLIENTS = [Memory, AsyncMemory]


async def outcome(memory: Any, method: str, *arguments: Any) -> Any:
    """What a call returns, of either client, each waited for as its users do."""
    asked = getattr(memory, method)
    if inspect.iscoroutinefunction(asked):
        return await asked(*arguments)
    return await asyncio.to_thread(asked, *arguments)


@pytest.mark.parametrize("serve", SLOW, ids=lambda each: each.__name__)
@pytest.mark.parametrize("client", CLIENTS)
async def test_server_that_never_comes_to_an_end_is_given_up(client: Any, serve: Serve) -> None:
    with slow(serve) as address:
        memory = client(f"http://{address}", timeout=TIMEOUT_SECONDS)

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(HumanMemoryError, match=r"within 1 s; the outcome is") as raised:
                await outcome(memory, "store", "x" * 1_000_000)

        assert raised.value.status_code == 504
        await outcome(memory, "close")


@pytest.mark.parametrize("client", CLIENTS)
async def test_broker_that_never_answers_is_given_up_and_closed(client: Any) -> None:
    with slow(slow_server.never) as address:
        memory = client(f"kafka://{address}", timeout=TIMEOUT_SECONDS)

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(ServiceUnavailable, match="did not answer within"):
                await outcome(memory, "stats")
            await outcome(memory, "close")


@pytest.mark.parametrize("client", CLIENTS)
async def test_call_that_waits_for_kafka_hears_of_the_close(client: Any) -> None:
    with slow(slow_server.never) as address:
        memory = client(f"kafka://{address}")
        asked = asyncio.create_task(outcome(memory, "stats"))
        await eventually(lambda: memory._transport._thread is not None)

        await outcome(memory, "close")

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(HumanMemoryError, match="was closed before the answer came"):
                await asked


@pytest.mark.parametrize("client", CLIENTS)
async def test_broker_that_is_away_is_told(client: Any) -> None:
    memory = client(f"kafka://127.0.0.1:{free_port(set())}", timeout=TIMEOUT_SECONDS)

    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(ServiceUnavailable):
            await outcome(memory, "stats")
        await outcome(memory, "close")


@pytest.fixture
def endless_look_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that never answers: the system's own can't be made to."""
    over = threading.Event()

    def look_up(*_: Any, **__: Any) -> Any:
        over.wait()
        raise socket.gaierror("nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    over.set()


@pytest.mark.usefixtures("endless_look_up")
def test_name_that_is_never_looked_up_is_given_up() -> None:
    with (
        Memory("http://memory.example", timeout=TIMEOUT_SECONDS) as memory,
        pytest.raises(ServiceUnavailable, match="was not found in time"),
    ):
        memory.stats()


def test_name_with_an_address_that_refuses_is_tried_at_the_next() -> None:
    # localhost is ::1 first, where nobody listens.
    with (
        serving(Answer(200, STATS)) as server,
        Memory(server.url.replace("127.0.0.1", "localhost")) as memory,
    ):
        assert memory.stats().total == 0


@contextmanager
def swallowing(address: str, port: int) -> Iterator[None]:
    """A place that answers no attempt to connect: its queue is full."""
    with ExitStack() as open_:
        listener = open_.enter_context(socket.create_server((address, port), backlog=0))
        for _ in range(4):
            waiting = open_.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield


def test_name_with_an_address_that_swallows_is_tried_at_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(Answer(200, STATS)) as server:
        port = int(server.url.rsplit(":", 1)[1])
        rows = [(2, 1, 6, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)
        with (
            swallowing("127.0.0.2", port),
            Memory(f"http://memory.example:{port}", timeout=TIMEOUT_SECONDS) as memory,
        ):
            assert memory.stats().total == 0


def assert_told(headers: Mapping[str, str], timeout_ms: float) -> None:
    """The server was told the whole time, but for what a busy machine took to send the request."""
    assert timeout_ms - 1000 * PATIENCE_SECONDS < int(headers["x-timeout-ms"]) <= timeout_ms


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("timeout", [None, math.inf, 10**400, 3_600, 600.5])
async def test_no_limit_is_the_longest_there_is(client: Any, timeout: Any) -> None:
    with serving(Answer(200, STATS)) as server:
        memory = client(server.url, timeout=timeout)

        assert (await outcome(memory, "stats")).total == 0

        await outcome(memory, "close")
    assert_told(server.asked[0].headers, TIMEOUT_MS_MAX)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("timeout", [30, 30.5, Fraction(61, 2)])
async def test_any_number_of_seconds_is_a_timeout(client: Any, timeout: Any) -> None:
    with serving(Answer(200, STATS)) as server:
        memory = client(server.url, timeout=timeout)

        await outcome(memory, "stats")

        await outcome(memory, "close")
    assert_told(server.asked[0].headers, 1000 * timeout)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "kafka://127.0.0.1:1"])
@pytest.mark.parametrize("timeout", [0, -1, -math.inf, math.nan, "30", True, [1]])
def test_what_is_no_time_is_refused_at_once(client: Any, address: str, timeout: Any) -> None:
    with pytest.raises(ValidationError, match="timeout: must be a number of seconds above 0"):
        client(address, timeout=timeout)
