"""The client over HTTP: when it asks again, and for how long."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from human_memory import (
    AsyncMemory,
    HumanMemoryError,
    Memory,
    ServiceUnavailable,
)
from stack.state import free_port
from tests.unit.sdk.scripted_server import Answer, awaited, serving

CREATED = {"memory_id": "m", "activation": 1.0, "created_at": "2026-01-01T00:00:00.000000Z"}
RECALLED = CREATED | {
    "content": "x",
    "memory_type": "episodic",
    "last_accessed": "t",
    "access_count": 2,
}
BUSY = Answer(503, {"detail": "busy"}, {"Retry-After": "0"})


def test_write_that_got_503_is_sent_again_under_the_same_key() -> None:
    with serving(BUSY, Answer(201, CREATED)) as server, Memory(server.url) as memory:
        created = memory.store("x")

    first, second = (asked.headers["idempotency-key"] for asked in server.asked)
    assert created.memory_id == "m"
    assert first == second


DECAYED = {"memories_processed": 1, "memories_decayed": 0}
FORGOT = {"strategy": "rif", "memories_affected": 0}
REPORT = dict.fromkeys(
    ("episodes_replayed", "facts_extracted", "memories_pruned", "memories_downscaled"), 0
)


@pytest.mark.parametrize(
    ("method", "arguments", "report"),
    [
        ("decay", (), DECAYED),
        ("consolidate", (), REPORT),
        ("forget_strategy", ("rif",), FORGOT),
    ],
)
def test_run_of_maintenance_that_got_503_is_asked_for_again_under_the_same_key(
    method: str, arguments: tuple[str, ...], report: dict[str, Any]
) -> None:
    with serving(BUSY, Answer(200, report)) as server, Memory(server.url) as memory:
        getattr(memory, method)(*arguments)

    first, second = (asked.headers["idempotency-key"] for asked in server.asked)
    assert first == second


@pytest.mark.parametrize("answer", [BUSY, Answer(drop=True), Answer(502, "away")])
async def test_forgetting_is_not_sent_again_as_it_may_have_been_done(answer: Answer) -> None:
    for kind in (Memory, AsyncMemory):
        with serving(answer, Answer(200, {"deleted": True})) as server:
            memory = kind(server.url)
            with pytest.raises(HumanMemoryError, match=r"may have been done.*not sent again"):
                await awaited(memory.forget("m"))
            await awaited(memory.close())

        assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answers",
    [[BUSY] * 4, [Answer(drop=True)] * 3, [Answer(502, "away"), Answer(504, "late"), BUSY]],
    ids=["busy", "dropped", "behind a proxy"],
)
async def test_server_that_comes_back_within_the_timeout_is_waited_for(
    answers: list[Answer],
) -> None:
    for kind in (Memory, AsyncMemory):
        with serving(*answers, Answer(201, CREATED)) as server:
            memory = kind(server.url, timeout=30)
            created = await awaited(memory.store("x"))
            await awaited(memory.close())

        assert created.memory_id == "m"
        assert len(server.asked) == len(answers) + 1
        assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1


@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
async def test_server_that_is_not_there_yet_is_waited_for(kind: Any) -> None:
    port = free_port(set())
    started = threading.Event()
    over = threading.Event()

    def serve_later() -> None:
        started.wait(0.5)
        with serving(Answer(200, {"deleted": True}), port=port):
            over.wait(30)

    thread = threading.Thread(target=serve_later)
    thread.start()
    memory = kind(f"http://127.0.0.1:{port}", timeout=30)
    try:
        # Of a connection that was refused nothing was sent: even this may be asked again.
        assert await awaited(memory.forget("m"))
    finally:
        over.set()
        thread.join()
        await awaited(memory.close())


def test_each_try_tells_the_server_the_time_that_is_left() -> None:
    with serving(BUSY, BUSY, Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store("x")

    left = [int(asked.headers["x-timeout-ms"]) for asked in server.asked]
    assert 30_000 >= left[0] > left[1] > left[2]


def test_waiting_for_a_server_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    answers = [BUSY] * 6
    with serving(*answers, Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store("x")

    (line,) = [each.getMessage() for each in caplog.records if each.name == "human_memory"]
    assert line.startswith(f"the memory at {server.url} answered 503; trying again for ")


@pytest.mark.parametrize("method", ["search", "recall"])
def test_tries_of_one_search_or_recall_count_as_one(method: str) -> None:
    found = Answer(200, {"results": []} if method == "search" else RECALLED)
    with serving(BUSY, Answer(drop=True), found) as server, Memory(server.url) as memory:
        getattr(memory, method)("m")
        getattr(memory, method)("m")

    *tries, other = (asked.headers["x-memory-call"] for asked in server.asked)
    assert len(set(tries)) == 1
    assert other not in tries


def test_readiness_is_told_as_it_is_now() -> None:
    with (
        serving(BUSY) as server,
        Memory(server.url) as memory,
        pytest.raises(ServiceUnavailable, match=r"busy$"),
    ):
        memory.ready()
    nobody = Memory(f"http://127.0.0.1:{free_port(set())}")
    with nobody, pytest.raises(ServiceUnavailable, match="no memory server answers"):
        nobody.ready()

    assert len(server.asked) == 1


def test_write_whose_connection_broke_is_sent_again() -> None:
    with serving(Answer(drop=True), Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store("x")

    assert len(server.asked) == 2


def test_server_that_stays_unavailable_is_asked_until_the_time_is_over() -> None:
    with (
        serving(BUSY) as server,
        Memory(server.url, timeout=1) as memory,
        pytest.raises(ServiceUnavailable, match="busy"),
    ):
        memory.stats()

    assert len(server.asked) > 3


@contextmanager
def black_hole() -> Iterator[str]:
    """An address where nothing answers, not even that nobody is there: its queue is full."""
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("client", "below"), [(Memory, httpx.Client), (AsyncMemory, httpx.AsyncClient)]
)
async def test_all_tries_together_are_given_no_more_than_the_timeout(
    monkeypatch: pytest.MonkeyPatch, client: Any, below: Any
) -> None:
    given: list[float] = []
    request = below.request

    def noting(self: Any, *args: Any, timeout: float, **fields: Any) -> Any:
        given.append(timeout)
        return request(self, *args, timeout=timeout, **fields)

    monkeypatch.setattr(below, "request", noting)
    with black_hole() as address:
        asked = client(address, timeout=0.5)
        with pytest.raises(ServiceUnavailable, match="no memory server answers"):
            await awaited(asked.stats())
        await awaited(asked.close())

    assert 0 < sum(given) <= 0.5


@pytest.mark.parametrize("asked", ["²", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_server_that_asks_for_patience_in_other_words_is_asked_again_soon(asked: str) -> None:
    busy = Answer(503, {"detail": "busy"}, {"Retry-After": asked})
    with serving(busy, Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store("tea")

    assert len(server.asked) == 2


def test_server_that_asks_for_more_patience_than_there_is_is_asked_once() -> None:
    with (
        serving(Answer(503, {"detail": "busy"}, {"Retry-After": "2"})) as server,
        Memory(server.url, timeout=1) as memory,
        pytest.raises(ServiceUnavailable, match="busy"),
    ):
        memory.stats()

    assert len(server.asked) == 1
