"""The endpoints behind their doors."""

import asyncio
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest

from human_memory import routes
from human_memory.bus.settings import KafkaSettings
from human_memory.models import Readiness
from human_memory.operations import maintenance as upkeep
from human_memory.operations.table import OPERATIONS
from services.gateway.app import app as whole
from services.gateway.idempotency_cache import Request as KeptRequest
from tests.unit.gateway.endpoints_client import MEMORY, Bus, Kept, client
from tests.unit.sdk.slow_server import never, slow


class Waiting(Kept):
    """Kept replies that Redis does not hand out."""

    async def find(self, request: KeptRequest) -> bytes | None:
        await asyncio.Event().wait()
        raise AssertionError


async def test_redis_that_does_not_answer_is_waited_for_until_the_deadline() -> None:
    headers = {"X-Timeout-Ms": "20", "Idempotency-Key": "any"}
    async with client(Bus(), kept=Waiting()) as speaking:
        answer = await speaking.post("/v1/memories", json={"content": "a"}, headers=headers)

    assert answer.status_code == 504
    assert "no answer in time" in answer.json()["detail"]


async def test_kafka_that_does_not_answer_is_waited_for_until_the_deadline() -> None:
    bus = Bus()
    with slow(never) as address:
        bus.settings = KafkaSettings(kafka=address)
        async with client(bus) as speaking:
            answer = await speaking.get("/v1/dead-letters", headers={"X-Timeout-Ms": "20"})

    assert answer.status_code == 504


async def test_store_under_the_key_of_another_request_stores_nothing() -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post(
            "/v1/memories", json={"content": "a"}, headers={"Idempotency-Key": "taken"}
        )

    assert (answer.status_code, bus.asked) == (422, [])


async def test_key_on_a_recall_makes_it_no_repeat_of_another() -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.get(f"/v1/memories/{MEMORY}", headers={"Idempotency-Key": "k"})

    assert answer.status_code == 200
    assert bus.asked[0].query_id is None


@pytest.mark.parametrize(
    "params",
    [
        {"strategy": "interference", "params": {"memory_id": "no-id"}},
        {"strategy": "rif", "params": {"retrieved": [str(MEMORY), "no-id"]}},
    ],
)
async def test_strategy_about_what_is_no_id_is_not_found(params: dict[str, Any]) -> None:
    async with client(Bus()) as speaking:
        answer = await speaking.post("/v1/memories/forget-strategy", json=params)

    assert answer.status_code == 404


async def test_body_that_comes_too_slowly_gets_504() -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b'{"content": '
        await asyncio.sleep(5)
        yield b'"a"}'

    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post("/v1/memories", content=slow(), headers={"X-Timeout-Ms": "20"})

    assert (answer.status_code, bus.asked) == (504, [])


@pytest.mark.parametrize(
    "path", ["/v1/memories/decay", "/v1/graph/consolidate", f"/v1/memories/{UUID(int=1)}/restore"]
)
async def test_body_is_bounded_where_none_is_read(path: str) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(17):
            yield b" " * 65_536

    bus = Bus()
    async with client(bus) as speaking:
        announced = await speaking.post(path, content=b" " * (1024 * 1024 + 1))
        in_chunks = await speaking.post(path, content=chunks())

    assert (announced.status_code, in_chunks.status_code, bus.asked) == (413, 413, [])


@pytest.mark.parametrize(
    ("route", "fields"),
    [
        (routes.ADD_CONCEPT, {"name", "type", "activation", "aliases"}),
        (routes.ADD_RELATION, {"source", "target", "relation_type", "weight"}),
        (routes.USED, {"memory_ids", "kind", "context", "occurred_at"}),
        (routes.SPREAD, {"active_concepts", "depth", "limit"}),
        (routes.EXPORT_GRAPH, {"limit"}),
        (routes.RECALL, {"memory_id", "context", "as_of", "record_access", "explain"}),
        (
            routes.LIST,
            {
                *("offset", "limit", "cursor", "status", "type", "tag", "filter", "session"),
                *("speaker", "as_of", "include_metadata"),
            },
        ),
        (
            routes.SEARCH,
            {
                *("query", "top_k", "min_activation", "types", "tags", "filter", "session"),
                *("speaker", "created_after", "created_before", "context", "active_concepts"),
                *("as_of", "record_access", "include_decayed", "include_metadata", "noise"),
                *("seed", "explain", "collapse", "parameters", "utc_offset"),
            },
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_request_has_these_fields_and_no_inner_ones(route: routes.Route, fields: set[str]) -> None:
    assert set(OPERATIONS[route].request.model_fields) == fields


@pytest.mark.parametrize(("seed", "asked"), [(-1, 2**63 - 1), (7, 7), (2**64 + 7, 7), (None, None)])
async def test_any_whole_number_is_a_seed(seed: int | None, asked: int | None) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        await speaking.post("/v1/memories/search", json={"query": "a", "seed": seed})

    assert bus.asked[0].seed == asked


@pytest.mark.parametrize(
    ("method", "path", "content", "field"),
    [
        ("POST", "/v1/memories", b"", "body"),
        ("POST", "/v1/memories", b'{"content": "a", "pinned": "true"}', "pinned"),
        ("POST", "/v1/memories", b'{"content": "a", "emotion": {"valence": "0"}}', "valence"),
        ("POST", "/v1/memories/search", b'{"query": "a", "top_k": 5.5}', "top_k"),
        ("POST", "/v1/memories/search", b'{"query": "a", "top_k": "5"}', "top_k"),
        ("POST", "/v1/memories/search", b'{"query": "a", "parameters": {"x": 1}}', "parameters.x"),
        ("POST", "/v1/memories", b"\xff", "JSON"),
        ("POST", "/v1/memories", b"[" * 100_000, "JSON"),
        ("GET", "/v1/memories?limit=201", b"", "limit"),
        ("GET", "/v1/memories?limit=five", b"", "limit"),
    ],
)
async def test_value_that_the_schema_forbids_is_422_and_named(
    method: str, path: str, content: bytes, field: str
) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.request(method, path, content=content)

    assert (answer.status_code, bus.asked) == (422, [])
    assert field in answer.json()["detail"][0]["msg"]


NAMES = [
    *("a\nb", "a\x00b", "a/b", "/a/", "a//b", "50%20off", "100%", "C#", "a?b", "a?", "ä ö", "住在"),
    *("❤️", "a+b", "a&b=c", "\\", "..", ".", "a/../b", "%2F", ";x", "a\u2028b", "'", '"', "a\r\n"),
]


@pytest.mark.parametrize("name", NAMES)
async def test_every_name_comes_through_its_path(name: str) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        await speaking.get(routes.GET_CONCEPT.url({"name": name}))

    asked = [each.name for each in bus.asked]
    # No concept can be called `..`; what was sent for it is looked for as it came.
    assert asked[:1] == [name] or (name in {".", "..", "a/../b"} and name not in asked)


@pytest.mark.parametrize(
    "memory_id", ["a/inspect", f"{MEMORY}/inspect", "..", ".", "a\nb", "a?b", "a%2Fb", "ä", "a/"]
)
async def test_id_that_is_none_leads_to_no_other_route(memory_id: str) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.get(routes.RECALL.url({"memory_id": memory_id}))

    assert (answer.status_code, bus.asked) == (404, [])
    assert "has the id" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "warning"),
    [
        (
            "POST",
            "/v1/memories",
            {"content": "a", "occured_at": "2026-01-01T00:00:00Z"},
            "occured_at: was ignored: it is not a field here; did you mean occurred_at?",
        ),
        (
            "POST",
            "/v1/memories",
            {"content": "a", "namespace": "b", "tags": None},
            "namespace: was ignored: it goes in the header X-Memory-Namespace",
        ),
        (
            "POST",
            "/v1/memories/batch",
            {"items": [{"content": "a"}, {"content": "b", "tag": "x"}]},
            "items.1.tag: was ignored: it is not a field here; did you mean tags?",
        ),
        (
            "POST",
            "/v1/memories/search",
            {"query": "a", "since": "2026-01-01T00:00:00Z"},
            "since: was ignored: it is called created_after here",
        ),
        (
            "POST",
            "/v1/memories?tag=x",
            {"content": "a"},
            "tag: was ignored: it is not a field here; did you mean tags?",
        ),
        (
            "GET",
            f"/v1/memories/{MEMORY}?contxt=x",
            None,
            "contxt: was ignored: it is not a field here; did you mean context?",
        ),
        (
            "GET",
            f"/v1/memories/{MEMORY}",
            {"context": "x"},
            "context: was ignored: it goes in the query, not in the body",
        ),
    ],
)
async def test_field_that_the_contract_ignores_is_named_in_the_reply(
    method: str, path: str, body: Any, warning: str
) -> None:
    async with client(Bus()) as speaking:
        answer = await speaking.request(method, path, json=body)

    (told,) = answer.json()["warnings"]
    assert answer.status_code in (200, 201)
    assert told.startswith(warning)
    assert answer.headers["X-Memory-Warnings"] == told


async def test_reply_to_a_request_without_faults_has_no_warnings() -> None:
    nothing = {"tags": None, "memory_type": None, "emotion": {"valence": None}, "pinned": None}
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post("/v1/memories", json={"content": "a", **nothing})
        await speaking.post("/v1/memories", json={"content": "a", "emotion": {}})

    assert answer.status_code == 201
    assert "warnings" not in answer.json()
    assert "X-Memory-Warnings" not in answer.headers
    assert bus.asked[0] == bus.asked[1]


@pytest.mark.parametrize(
    ("params", "warning"),
    [
        ({"capcity": 1}, "params.capcity: was ignored: it is not a field here; did you mean cap"),
        ({"goals": ["a"]}, "params.goals: was ignored: it is no parameter of capacity_overflow"),
    ],
)
async def test_parameter_that_a_strategy_does_not_read_is_named_in_the_reply(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], warning: str
) -> None:
    async def there(*_: Any) -> None: ...

    monkeypatch.setattr(upkeep, "require_service", there)
    asked = {"strategy": "capacity_overflow", "params": params}
    async with client(Bus()) as speaking:
        answer = await speaking.post("/v1/memories/forget-strategy", json=asked)

    (told,) = answer.json()["warnings"]
    assert told.startswith(warning)


@pytest.mark.parametrize(
    "body",
    [
        {"content": "a", "occured_at": 1, "pinned": "yes"},
        {"content": None, "occured_at": 1},
        {"content": "a", "emotion": {"mood": 1}},
    ],
)
async def test_ignored_field_hides_no_other_fault(body: dict[str, Any]) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post("/v1/memories", json=body)

    assert (answer.status_code, bus.asked) == (422, [])


@pytest.mark.parametrize("name", ["a\nb", "ü" * 2_000, "\x00", "🙂"])
async def test_warning_fits_a_header_whatever_the_field_is_called(name: str) -> None:
    async with client(Bus()) as speaking:
        answer = await speaking.post("/v1/memories", json={"content": "a", name: 1})

    header = answer.headers["X-Memory-Warnings"]
    assert answer.status_code == 201
    assert header.isascii()
    assert header.isprintable()


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", "", None]
)
async def test_body_is_read_as_json_whatever_its_type_says(kind: str | None) -> None:
    bus = Bus()
    headers = {} if kind is None else {"Content-Type": kind}
    async with client(bus) as speaking:
        answer = await speaking.post(
            "/v1/memories/search", content=b'{"query": "a", "top_k": 5.0}', headers=headers
        )

    assert (answer.status_code, bus.asked[0].top_k) == (200, 5)


NOON = {"content": "a", "occurred_at": "2026-01-01T12:00:00.5Z"}


@pytest.mark.parametrize(
    ("path", "bodies", "requests"),
    [
        ("/search", [{"query": "a", "seed": 2**70}, {"top_k": 7, "seed": 2**70, "query": "a"}], 1),
        ("", [NOON, NOON | {"occurred_at": "2026-01-01T21:00:00.500+09:00"}], 1),
        ("", [NOON, NOON | {"occurred_at": "2026-01-01T12:00:00.5+09:00"}], 2),
        # As from a version that does not know the field.
        ("", [NOON, NOON | {"pinned": False, "expires_at": None}], 1),
        ("", [NOON, NOON | {"pinned": True}], 2),
    ],
)
async def test_what_means_the_same_is_one_request_under_a_key(
    path: str, bodies: list[dict[str, Any]], requests: int
) -> None:
    noted: list[str] = []

    async def find(request: KeptRequest) -> bytes:
        noted.append(request.fingerprint)
        return b"{}"

    async with client(Bus(), kept=SimpleNamespace(find=find)) as speaking:
        for body in bodies:
            await speaking.post(
                f"/v1/memories{path}", content=json.dumps(body), headers={"Idempotency-Key": "k"}
            )

    assert (len(noted), len(set(noted))) == (2, requests)


async def test_what_is_not_ready_says_when_to_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unready:
        async def state(self) -> Readiness:
            return Readiness(status="unavailable", checks={"kafka": "error"})

    monkeypatch.setattr(whole.state, "parts", SimpleNamespace(probes=Unready()), raising=False)
    transport = httpx.ASGITransport(whole)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as speaking:
        answer = await speaking.get("/ready")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


async def test_key_of_a_decay_reaches_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def there(*_: Any) -> None: ...

    monkeypatch.setattr(upkeep, "require_service", there)
    bus = Bus()
    async with client(bus) as speaking:
        await speaking.post("/v1/memories/decay", headers={"Idempotency-Key": "k"})

    assert bus.asked[0].idempotency_key == "k"
