"""The client over HTTP: what it sends, and what it raises."""

import inspect
import math
from datetime import UTC, datetime
from pathlib import Path
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
from tests.unit.sdk.scripted_server import Answer, awaited, serving

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


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            Answer(404, {"detail": "concept 'Nope': not in namespace default"}),
            "Not found: concept 'Nope': not in namespace default",
        ),
        (
            Answer(422, {"detail": [{"loc": ["body", "a"], "msg": "a: is required"}]}),
            "Validation error: a: is required",
        ),
        (
            Answer(422, {"detail": [{"loc": ["body", "a"], "msg": "Field required"}]}),
            "Validation error: a: Field required",
        ),
        (Answer(503, {"detail": "Redis does not answer"}), "Service unavailable: Redis does not"),
        (Answer(401, {"detail": "a valid API key is needed"}), "HTTP 401: a valid API key"),
    ],
)
async def test_words_of_the_server_reach_the_caller(answer: Answer, text: str) -> None:
    with serving(answer) as server:
        for memory in (Memory(server.url, timeout=1), AsyncMemory(server.url, timeout=1)):
            with pytest.raises(HumanMemoryError) as raised:
                await awaited(memory.store("x"))
            await awaited(memory.close())
            assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, {"detail": "Not Found"}),
        Answer(404, {"detail": "no route POST /api/v1/memories; those there are: GET /docs"}),
        Answer(404, {"error": "nothing here"}),
        Answer(405, {"detail": "no route POST /api/v1/memories; those there are: GET /docs"}),
        Answer(501, {"message": "Unsupported method"}),
        Answer(502, "Bad gateway"),
    ],
    ids=lambda answer: str(answer.status),
)
def test_address_of_something_else_is_no_missing_memory(answer: Answer) -> None:
    with (
        serving(answer) as server,
        Memory(f"{server.url}/api", timeout=3) as memory,
        pytest.raises(HumanMemoryError, match="is that the address of a memory") as raised,
    ):
        memory.store("x")

    assert type(raised.value) is HumanMemoryError
    assert raised.value.status_code == answer.status
    assert f"{server.url}/api" in str(raised.value)


def test_empty_id_is_no_memory_though_the_server_has_no_such_route() -> None:
    with (
        serving(Answer(404, {"detail": "Not Found"})) as server,
        Memory(server.url) as memory,
        pytest.raises(MemoryNotFound),
    ):
        memory.recall("")


def test_nobody_at_the_address_is_said_so_with_the_address() -> None:
    address = f"http://127.0.0.1:{free_port(set())}"

    with Memory(address, timeout=1) as memory, pytest.raises(ServiceUnavailable, match=address):
        memory.stats()


@pytest.mark.parametrize(
    "answer", [Answer(200, {"hello": "world"}), Answer(drop=True)], ids=["other", "dropped"]
)
def test_no_failure_tells_the_key_that_is_in_the_address(answer: Answer) -> None:
    with (
        serving(answer) as server,
        Memory(server.url.replace("http://", "http://any:secret@"), timeout=1) as memory,
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

    async with AsyncMemory(address, timeout=1) as memory:
        with pytest.raises(ServiceUnavailable, match=address):
            await memory.stats()


async def test_async_client_repeats_like_the_other() -> None:
    with serving(BUSY, Answer(201, CREATED)) as server:
        async with AsyncMemory(server.url) as memory:
            await memory.store("x")

    assert len(server.asked) == 2


def test_certificates_are_read_for_https_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with serving(Answer(201, CREATED)) as server, Memory(server.url) as memory:
        stored = memory.store("x")
    with (
        Memory("https://127.0.0.1:9") as other,
        pytest.raises(
            HumanMemoryError, match="certificates that the environment names can't be used"
        ),
    ):
        other.store("x")

    assert stored.memory_id == CREATED["memory_id"]


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
        ("tag", "did you mean 'tags'"),
        ("occured_at", "did you mean 'occurred_at'"),
    ],
)
def test_item_of_a_batch_with_what_would_be_ignored_is_refused(key: str, why: str) -> None:
    with Memory() as memory, pytest.raises(TypeError, match=why) as raised:
        memory.store_batch(
            [{"content": "x", "memory_type": "semantic"}, {"content": "x", key: "y"}]
        )

    assert repr(key) in str(raised.value)


@pytest.mark.parametrize(
    "address", ["kafka://host:abc", "kafka://host:99999", "kafka://host:0", "kafka://a b:1"]
)
@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
def test_what_is_no_server_of_kafka_is_refused_at_once(kind: Any, address: str) -> None:
    with pytest.raises(HumanMemoryError, match=r"HUMAN_MEMORY_KAFKA: .* is no host:port"):
        kind(address)


def test_wrong_setting_of_kafka_is_refused_with_our_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_PARTITIONS", "many")

    with pytest.raises(HumanMemoryError, match="HUMAN_MEMORY_PARTITIONS: "):
        Memory("kafka://127.0.0.1:1")


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

    with Memory(timeout=0.5) as memory, pytest.raises(HumanMemoryError, match=text) as raised:
        memory.stats()

    assert "secret" not in str(raised.value)


def test_batch_size_that_is_none_is_refused_with_our_error() -> None:
    with Memory() as memory, pytest.raises(ValidationError, match="batch_size"):
        memory.store_batch([{"content": "x"}], batch_size=0)


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("store", {"content": "x", "tag": "y"}, "'tag'; did you mean 'tags'"),
        ("search", {"query": "x", "sinse": "y"}, "'sinse'; did you mean 'since'"),
        ("search", {"query": "x", "topk": 3}, r"search\(\) got .* 'topk'; did you mean 'top_k'"),
        ("store", {"contnt": "x"}, "'contnt'; did you mean 'content'"),
        ("add", {"messages": [], "sesion": "x"}, "'sesion'; did you mean 'session'"),
        ("stats", {"namspace": "x"}, "'namspace'; did you mean 'namespace'"),
        ("close", {"now": True}, r"close\(\) got .* 'now'$"),
        (
            "forget_strategy",
            {"strategy": "capacity_overflow", "capcity": 1},
            "'capcity'; did you mean 'capacity'",
        ),
        ("forget_strategy", {"strategy": "rif", "capacity": 1}, "rif.*'capacity'$"),
    ],
)
async def test_unknown_argument_is_refused_by_name(
    method: str, arguments: dict[str, Any], words: str
) -> None:
    for memory in (Memory(), AsyncMemory()):
        with pytest.raises(TypeError, match=words):
            await awaited(getattr(memory, method)(**arguments))


@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
def test_unknown_argument_of_a_client_is_refused_by_name(kind: Any) -> None:
    with pytest.raises(TypeError, match=f"^{kind.__name__}.* 'timout'; did you mean 'timeout'"):
        kind(timout=1)


@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
def test_methods_show_their_own_arguments(kind: Any) -> None:
    assert "api_key" in inspect.signature(kind).parameters
    assert [*inspect.signature(kind.search).parameters][1:3] == ["query", "top_k"]
    assert inspect.iscoroutinefunction(kind.search) is (kind is AsyncMemory)


def test_warning_of_an_answer_points_to_the_line_of_the_call() -> None:
    ignoring = Answer(201, CREATED, {"X-Memory-Warnings": "tags: was ignored"})
    with serving(ignoring) as server, Memory(server.url) as memory, pytest.warns() as warned:
        memory.store("x")

    assert warned[0].filename == __file__


async def test_what_a_server_ignores_is_a_warning_in_python() -> None:
    ignoring = Answer(201, CREATED, {"X-Memory-Warnings": "tags: was ignored"})
    with serving(ignoring) as server:
        for memory in (Memory(server.url), AsyncMemory(server.url)):
            with pytest.warns(UserWarning, match="store: tags: was ignored"):
                stored = await awaited(memory.store("x", tags=["a"]))
            assert stored.memory_id == CREATED["memory_id"]
            await awaited(memory.close())


def test_number_that_is_none_is_sent_as_such_and_not_left_out() -> None:
    found = Answer(422, {"detail": [{"loc": ["body", "min_activation"], "msg": "finite"}]})
    with serving(found) as server, Memory(server.url) as memory, pytest.raises(ValidationError):
        memory.search("tea", min_activation=float("nan"))

    assert math.isnan(server.asked[0].body["min_activation"])


def test_time_without_a_zone_is_refused() -> None:
    with Memory() as memory, pytest.raises(TypeError, match="zone"):
        memory.store("x", occurred_at=datetime(2026, 1, 1))
