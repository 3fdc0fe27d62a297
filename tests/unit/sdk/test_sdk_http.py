"""The client over HTTP: what it sends, when it asks again, and what it raises."""

import inspect
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from human_memory import (
    AsyncMemory,
    HumanMemoryError,
    Memory,
    MemoryNotFound,
    ServiceUnavailable,
    ValidationError,
)
from stack.state import free_port
from tests.unit.sdk.scripted_server import Answer, serving

CREATED = {"memory_id": "m", "activation": 1.0, "created_at": "2026-01-01T00:00:00.000000Z"}
RECALLED = CREATED | {
    "content": "x",
    "memory_type": "episodic",
    "last_accessed": "t",
    "access_count": 2,
}
BUSY = Answer(503, {"detail": "busy"}, {"Retry-After": "0"})


def test_store_sends_what_was_given_and_nothing_else() -> None:
    with serving(Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store(
            "Tea is at four.",
            tags=("tea",),
            occurred_at=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
            idempotency_key="key-1",
            namespace="acme/a",
        )

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/memories")
    assert asked.body == {
        "content": "Tea is at four.",
        "memory_type": "episodic",
        "tags": ["tea"],
        "occurred_at": "2026-01-01T09:30:00Z",
    }
    assert asked.headers["idempotency-key"] == "key-1"
    assert asked.headers["x-memory-namespace"] == "acme/a"


def test_search_sends_times_and_filters_by_their_names_on_the_wire() -> None:
    found = Answer(200, {"results": [], "count": 0})
    with serving(found) as server, Memory(server.url, namespace="n", api_key="k") as memory:
        memory.search("tea", since="2026-01-01T00:00:00Z", types=["semantic"], explain=True)

    (asked,) = server.asked
    assert asked.body == {
        "query": "tea",
        "top_k": 7,
        "created_after": "2026-01-01T00:00:00Z",
        "types": ["semantic"],
        "explain": True,
    }
    assert asked.headers["x-memory-namespace"] == "n"
    assert asked.headers["authorization"] == "Bearer k"


def test_strategy_runs_in_the_namespace_that_is_named() -> None:
    report = Answer(200, {"strategy": "capacity_overflow", "memories_affected": 0})
    with serving(report) as server, Memory(server.url, namespace="mine") as memory:
        memory.forget_strategy("capacity_overflow", capacity=5, namespace="other")

    (asked,) = server.asked
    assert asked.headers["x-memory-namespace"] == "other"
    assert asked.body == {"strategy": "capacity_overflow", "params": {"capacity": 5}}


def test_names_and_ids_are_quoted_in_paths() -> None:
    concept = Answer(200, {"name": "C#", "type": "t", "activation": 0.5, "relationships": []})
    with serving(concept) as server, Memory(f"{server.url}/ns/alice") as memory:
        memory.get_concept("C# / F#")

    assert server.asked[0].path == "/ns/alice/v1/graph/concepts/C%23%20%2F%20F%23"


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


def test_forgetting_that_got_503_is_not_sent_again_as_it_may_have_been_done() -> None:
    with (
        serving(BUSY, Answer(200, {"deleted": True})) as server,
        Memory(server.url) as memory,
        pytest.raises(ServiceUnavailable),
    ):
        memory.forget("m")

    assert len(server.asked) == 1


def test_write_whose_connection_broke_is_sent_again() -> None:
    with serving(Answer(drop=True), Answer(201, CREATED)) as server, Memory(server.url) as memory:
        memory.store("x")

    assert len(server.asked) == 2


def test_recall_that_got_503_is_not_sent_again_as_it_may_have_been_counted() -> None:
    with (
        serving(BUSY, Answer(200, RECALLED)) as server,
        Memory(server.url) as memory,
        pytest.raises(ServiceUnavailable),
    ):
        memory.recall("m")

    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("arguments", "times"), [({}, 1), ({"record_access": False}, 2), ({"idempotency_key": "k"}, 2)]
)
def test_search_is_repeated_only_where_it_can_not_count_twice(
    arguments: dict[str, object], times: int
) -> None:
    with serving(BUSY, Answer(200, {"results": []})) as server, Memory(server.url) as memory:
        try:
            memory.search("x", **arguments)  # type: ignore[arg-type] # a table of keyword arguments
        except ServiceUnavailable:
            assert times == 1

    assert len(server.asked) == times


def test_server_that_stays_unavailable_is_asked_three_times() -> None:
    with (
        serving(BUSY) as server,
        Memory(server.url) as memory,
        pytest.raises(ServiceUnavailable, match="busy"),
    ):
        memory.stats()

    assert len(server.asked) == 3


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


async def awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def test_all_tries_together_take_no_longer_than_the_timeout() -> None:
    with black_hole() as address:
        for asked in (Memory(address, timeout=0.5), AsyncMemory(address, timeout=0.5)):
            began = time.monotonic()
            with pytest.raises(ServiceUnavailable, match="no memory server answers"):
                await awaited(asked.stats())
            assert time.monotonic() - began < 1.0
            await awaited(asked.close())


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


@pytest.mark.parametrize(
    ("status", "error"), [(404, MemoryNotFound), (422, ValidationError), (413, HumanMemoryError)]
)
def test_each_status_is_an_exception_with_that_status(
    status: int, error: type[HumanMemoryError]
) -> None:
    with (
        serving(Answer(status, {"detail": "why"})) as server,
        Memory(server.url) as memory,
        pytest.raises(HumanMemoryError) as raised,
    ):
        memory.inspect("m")

    assert type(raised.value) is error
    assert raised.value.status_code == status


def test_nobody_at_the_address_is_said_so_with_the_address() -> None:
    address = f"http://127.0.0.1:{free_port(set())}"

    with Memory(address) as memory, pytest.raises(ServiceUnavailable, match=address):
        memory.stats()


@pytest.mark.parametrize(
    "answer", [Answer(200, {"hello": "world"}), Answer(drop=True)], ids=["other", "dropped"]
)
def test_no_failure_tells_the_key_that_is_in_the_address(answer: Answer) -> None:
    with (
        serving(answer) as server,
        Memory(server.url.replace("http://", "http://any:secret@")) as memory,
        pytest.raises(HumanMemoryError, match=server.url) as raised,
    ):
        memory.recall("m")

    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "address",
    [
        "htp://any:secret@host",
        "any:secret@host:8000",
        "kafka://any:secret@host/path",
        "http://any:secret/1@host",
    ],
)
def test_refused_address_is_told_without_its_key(address: str) -> None:
    with pytest.raises(HumanMemoryError, match="is no address") as raised:
        Memory(address)

    assert "secret" not in str(raised.value)


async def test_nobody_at_the_address_is_said_so_by_the_async_client_too() -> None:
    address = f"http://127.0.0.1:{free_port(set())}"

    async with AsyncMemory(address) as memory:
        with pytest.raises(ServiceUnavailable, match=address):
            await memory.stats()


async def test_async_client_repeats_like_the_other() -> None:
    with serving(BUSY, Answer(201, CREATED)) as server:
        async with AsyncMemory(server.url) as memory:
            await memory.store("x")

    assert len(server.asked) == 2


def test_server_of_something_else_is_named_as_such() -> None:
    with (
        serving(Answer(200, {"hello": "world"})) as server,
        Memory(server.url) as memory,
        pytest.raises(HumanMemoryError, match="is it the right address"),
    ):
        memory.stats()


def test_batches_are_sent_in_turn_and_progress_is_told() -> None:
    progress: list[int] = []
    answers = [Answer(201, {"results": [CREATED] * size}) for size in (2, 2, 1)]
    with serving(*answers) as server, Memory(server.url) as memory:
        stored = memory.store_batch(
            ({"content": str(n)} for n in range(5)), batch_size=2, progress=progress.append
        )

    assert len(stored) == 5
    assert progress == [2, 4, 5]
    assert [len(asked.body["items"]) for asked in server.asked] == [2, 2, 1]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("namespace", "itself"),
        ("idempotency_key", "itself"),
        ("tag", "'tag'$"),
        ("type", "'type'$"),
    ],
)
def test_item_of_a_batch_with_what_would_be_ignored_is_refused(key: str, why: str) -> None:
    with Memory() as memory, pytest.raises(TypeError, match=why) as raised:
        memory.store_batch(
            [{"content": "x", "memory_type": "semantic"}, {"content": "x", key: "y"}]
        )

    assert repr(key) in str(raised.value)


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://host", "", "kafka://"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(HumanMemoryError, match="address"):
        Memory(address)


@pytest.mark.parametrize(
    "arguments",
    [{"namespace": "Zürich"}, {"idempotency_key": "schlüssel"}, {"namespace": "a\r\nb: c"}],
)
def test_what_no_header_can_hold_is_refused_with_our_error(arguments: dict[str, str]) -> None:
    with Memory() as memory, pytest.raises(ValidationError, match=next(iter(arguments))):
        memory.store("x", **arguments)  # type: ignore[arg-type] # a table of keyword arguments


@pytest.mark.parametrize("argument", ["namespace", "api_key"])
def test_client_whose_headers_can_not_be_sent_is_refused_without_telling_them(
    argument: str,
) -> None:
    with pytest.raises(ValidationError, match=argument) as raised:
        Memory(**{argument: "gehe\u0131m"})  # type: ignore[arg-type] # a table of arguments

    assert "gehe" not in str(raised.value)


@pytest.mark.parametrize("memory_id", ["\ud800", "x" * 100_000])
async def test_what_no_url_can_hold_is_refused_with_our_error(memory_id: str) -> None:
    with Memory() as memory, pytest.raises(ValidationError, match="URL"):
        memory.recall(memory_id)
    async with AsyncMemory() as other:
        with pytest.raises(ValidationError, match="URL"):
            await other.list(tag=memory_id)


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (httpx.PoolTimeout("x"), "connections of this client"),
        (
            httpx.LocalProtocolError("Illegal header value b'Bearer secret'"),
            "can't be sent over HTTP",
        ),
    ],
)
def test_failures_of_the_client_itself_are_told_apart_from_no_server(
    monkeypatch: pytest.MonkeyPatch, failure: httpx.HTTPError, text: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(httpx.Client, "request", fail)

    with Memory() as memory, pytest.raises(HumanMemoryError, match=text) as raised:
        memory.stats()

    assert "secret" not in str(raised.value)


def test_batch_size_that_is_none_is_refused_with_our_error() -> None:
    with Memory() as memory, pytest.raises(ValidationError, match="batch_size"):
        memory.store_batch([{"content": "x"}], batch_size=0)


def test_unknown_argument_is_refused_by_name() -> None:
    with Memory() as memory, pytest.raises(TypeError, match="tag'"):
        memory.store("x", tag="y")  # type: ignore[call-arg] # that is the point


def test_time_without_a_zone_is_refused() -> None:
    with Memory() as memory, pytest.raises(TypeError, match="zone"):
        memory.store("x", occurred_at=datetime(2026, 1, 1))
