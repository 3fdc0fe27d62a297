"""The gateway in the running system: what the conformance suite can't see through a client."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.asyncio.client import connect as connect_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from tests.integration.services_fixture import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

KEYS = {name: f"{name} of this test" for name in ("reader", "writer", "elsewhere")}


@pytest.fixture
async def http(gateway: str, namespace: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the gateway, about the test's namespace."""
    headers = {"X-Memory-Namespace": namespace}
    async with httpx.AsyncClient(base_url=gateway, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
async def guarded(system: System, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a gateway with access control, benchmarks, and little room and time."""
    rights = {
        "reader": (["test/*"], ["read"]),
        "writer": (["test/*"], ["read", "write", "admin"]),
        "elsewhere": (["other"], ["read", "write", "admin"]),
    }
    file = tmp_path_factory.mktemp("keys") / "keys.json"
    keys = [
        {
            "name": name,
            "sha256": hashlib.sha256(KEYS[name].encode()).hexdigest(),
            "namespaces": namespaces,
            "rights": allowed,
        }
        for name, (namespaces, allowed) in rights.items()
    ]
    file.write_text(json.dumps(keys))
    system.environment |= {
        "HUMAN_MEMORY_API_KEYS_FILE": str(file),
        "HUMAN_MEMORY_BENCHMARK_ENABLED": "true",
        "HUMAN_MEMORY_CORS_ORIGINS": '["https://app.example"]',
        "HUMAN_MEMORY_FOLLOWERS_MAX": "1",
    }
    process = system.start("gateway")
    system.environment.clear()
    await process.ready()
    yield f"http://127.0.0.1:{process.ports['gateway']}"
    await process.stop()


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


async def store(http: httpx.AsyncClient, content: str = "Tea is at four.", **more: Any) -> Any:
    answer = await http.post("/v1/memories", json={"content": content}, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_namespaces_do_not_see_each_other(http: httpx.AsyncClient) -> None:
    await store(http)

    other = await http.get("/v1/stats", headers={"X-Memory-Namespace": f"test/{uuid4()}"})
    own = await http.get("/v1/stats")

    assert other.json()["total"] == 0
    assert own.json()["total"] == 1


async def test_same_request_under_the_same_key_gets_the_first_reply(
    http: httpx.AsyncClient,
) -> None:
    key = {"Idempotency-Key": "once"}
    first = await http.post("/v1/memories", json={"content": "a", "tags": []}, headers=key)

    again = await http.post("/v1/memories", content=b'{"tags":[], "content":"a"}', headers=key)

    assert again.json() == first.json()
    assert again.status_code == 201
    assert (await http.get("/v1/stats")).json()["total"] == 1


async def test_another_request_under_the_same_key_is_refused(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    await store(http, "a", headers=key)

    other_body = await http.post("/v1/memories", json={"content": "b"}, headers=key)
    other_route = await http.post("/v1/memories/search", json={"query": "a"}, headers=key)

    assert (other_body.status_code, other_route.status_code) == (422, 422)
    assert "was used before" in other_body.text
    assert (await http.get("/v1/stats")).json()["total"] == 1


async def test_requests_at_once_under_one_key_store_one_memory(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "at-once"}

    stored = await asyncio.gather(*(store(http, "a", headers=key) for _ in range(8)))

    assert len({row["memory_id"] for row in stored}) == 1
    assert (await http.get("/v1/stats")).json()["total"] == 1


async def test_batch_is_stored_in_order_and_a_bad_item_stores_none(
    http: httpx.AsyncClient,
) -> None:
    items = [{"content": f"Item {n}"} for n in range(20)]
    bad = await http.post("/v1/memories/batch", json={"items": [*items, {"content": ""}]})
    none = await http.get("/v1/stats")

    good = await http.post("/v1/memories/batch", json={"items": items})

    assert bad.status_code == 422
    assert bad.json()["detail"][0]["loc"] == ["body", "items", 20, "content"]
    assert none.json()["total"] == 0
    ids = [row["memory_id"] for row in good.json()["results"]]
    texts = [(await http.get(f"/v1/memories/{memory_id}/inspect")).json() for memory_id in ids]
    assert [row["content"] for row in texts] == [item["content"] for item in items]


async def test_batch_with_an_item_of_the_future_stores_none(http: httpx.AsyncClient) -> None:
    items = [{"content": "now"}, {"content": "then", "occurred_at": "3000-01-01T00:00:00Z"}]

    answer = await http.post("/v1/memories/batch", json={"items": items})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"].startswith("items.1.occurred_at: ")
    assert (await http.get("/v1/stats")).json()["total"] == 0


async def test_reported_use_counts_as_an_access(http: httpx.AsyncClient) -> None:
    memory_id = (await store(http))["memory_id"]

    answer = await http.post("/v1/memories/used", json={"memory_ids": [memory_id]})

    assert answer.json() == {"accepted": True}
    inspected = (await http.get(f"/v1/memories/{memory_id}/inspect")).json()
    assert (inspected["access_count"], inspected["access_history"][0]["kind"]) == (2, "used")


async def test_batch_under_a_key_is_stored_once(http: httpx.AsyncClient) -> None:
    body = {"items": [{"content": "same"}, {"content": "same"}]}

    first, again = [
        await http.post("/v1/memories/batch", json=body, headers={"Idempotency-Key": "b"})
        for _ in range(2)
    ]

    assert again.json() == first.json()
    assert len({row["memory_id"] for row in first.json()["results"]}) == 2


async def test_cursor_pages_without_repeats_or_gaps(http: httpx.AsyncClient) -> None:
    stored = {(await store(http, f"Guest {n}"))["memory_id"] for n in range(7)}
    page = (await http.get("/v1/memories", params={"limit": 3})).json()
    seen = [row["memory_id"] for row in page["memories"]]
    while page["next_cursor"]:
        # What happens meanwhile does not move the pages.
        await http.get(f"/v1/memories/{seen[-1]}")
        params = {"limit": 3, "cursor": page["next_cursor"]}
        page = (await http.get("/v1/memories", params=params)).json()
        seen += [row["memory_id"] for row in page["memories"]]

    assert len(seen) == len(set(seen)) == 7
    assert set(seen) == stored


async def test_restore_brings_back_what_was_forgotten(http: httpx.AsyncClient) -> None:
    memory_id = (await store(http))["memory_id"]
    await http.delete(f"/v1/memories/{memory_id}")

    restored = await http.post(f"/v1/memories/{memory_id}/restore")
    again = await http.post(f"/v1/memories/{memory_id}/restore")

    assert restored.json()["status"] == "active"
    assert restored.json()["access_count"] == again.json()["access_count"] == 2
    assert (await http.get(f"/v1/memories/{memory_id}")).status_code == 200


async def test_looking_without_recording_changes_nothing(http: httpx.AsyncClient) -> None:
    memory_id = (await store(http))["memory_id"]

    found = await http.post(
        "/v1/memories/search", json={"query": "tea", "record_access": False, "explain": True}
    )

    (row,) = found.json()["results"]
    assert sum(row["explanation"].values()) == pytest.approx(row["activation"])
    inspected = await http.get(f"/v1/memories/{memory_id}/inspect")
    assert inspected.json()["access_count"] == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/memories/", 404),
        ("GET", "/v1/stats/", 404),
        ("GET", "/v1/graph/concepts/", 404),
        ("GET", "/v1/nothing", 404),
        ("PUT", "/v1/memories", 405),
        ("GET", "/", 200),
        ("GET", "/docs", 200),
        ("GET", "/redoc", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/health", 200),
        ("GET", "/metrics", 200),
    ],
)
async def test_paths_answer_without_redirects(
    http: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await http.request(method, path)).status_code == status


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/v1/memories", 1_048_577, 413),
        ("/v1/memories", 1_048_000, 422),
        ("/v1/memories/batch", 1_048_577, 422),
        ("/v1/memories/batch", 16_777_217, 413),
    ],
)
async def test_bodies_are_bounded_by_route(
    http: httpx.AsyncClient, path: str, size: int, status: int
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b" " * min(65_536, size - start)

    announced = await http.post(path, content=b" " * size)
    chunked = await http.post(path, content=parts())

    assert (announced.status_code, chunked.status_code) == (status, status)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b'"x"', b"\xff", b'{"content": NaN}', b'{"content": 1}']
)
async def test_body_that_is_no_such_object_is_422(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/v1/memories", content=body)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"]


async def test_deadline_of_the_client_is_kept(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/memories/search", json={"query": "x"}, headers={"X-Timeout-Ms": "1"}
    )

    assert answer.status_code in (503, 504)


async def test_large_answers_are_compressed(http: httpx.AsyncClient) -> None:
    memory_id = (await store(http, "long " * 1_000))["memory_id"]

    answer = await http.get(f"/v1/memories/{memory_id}/inspect")

    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 2_000


async def test_ready_names_all_parts(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/ready")).json()

    assert answer["status"] == "ready"
    assert answer["checks"] == dict.fromkeys(
        ("postgres", "qdrant", "neo4j", "kafka", "redis", "projection"), "ok"
    )


async def test_followers_see_what_happens_in_their_namespace_only(
    http: httpx.AsyncClient,
) -> None:
    events: list[dict[str, Any]] = []
    async with http.stream("GET", "/v1/events", params={"types": "memory.stored.v1"}) as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == ": following"
        await store(http, "elsewhere", headers={"X-Memory-Namespace": f"test/{uuid4()}"})
        memory_id = (await store(http))["memory_id"]
        await http.get(f"/v1/memories/{memory_id}")
        await store(http, "Coffee is at five.")
        async for line in lines:
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
            if len(events) == 2:
                break

    assert [event["data"]["content"] for event in events] == [
        "Tea is at four.",
        "Coffee is at five.",
    ]
    assert events[0]["subject"] == memory_id
    assert "embedding" not in events[0]["data"]


async def test_stats_come_over_a_websocket_at_once_and_again(
    http: httpx.AsyncClient, gateway: str, namespace: str
) -> None:
    address = f"{gateway.replace('http', 'ws')}/ws/stats?namespace={namespace}"
    async with connect_websocket(address) as socket:
        first = json.loads(await socket.recv())
        await store(http)
        totals = [json.loads(await socket.recv())["total"] for _ in range(2)]

    assert first["total"] == 0
    assert totals[-1] == 1


async def test_stats_of_what_can_be_no_namespace_are_refused(gateway: str) -> None:
    address = f"{gateway.replace('http', 'ws')}/ws/stats?namespace=no%20spaces"

    with pytest.raises(ConnectionClosed) as closed:
        async with connect_websocket(address) as socket:
            await socket.recv()

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize(
    ("key", "namespace_of_key", "status"),
    [("reader", True, 403), ("writer", True, 201), ("elsewhere", True, 403)],
)
async def test_key_opens_its_namespaces_with_its_rights(
    guarded: str, namespace: str, key: str, namespace_of_key: bool, status: int
) -> None:
    headers = {"X-Memory-Namespace": namespace, **bearer(key)}
    async with httpx.AsyncClient(base_url=guarded, headers=headers) as http:
        answer = await http.post("/v1/memories", json={"content": "x"})

    assert answer.status_code == status


async def test_without_a_key_only_health_and_readiness_are_open(guarded: str) -> None:
    async with httpx.AsyncClient(base_url=guarded) as http:
        statuses = {
            path: (await http.get(path)).status_code
            for path in ("/health", "/ready", "/v1/stats", "/metrics", "/docs", "/v1/events")
        }

    closed = dict.fromkeys(("/v1/stats", "/metrics", "/docs", "/v1/events"), 401)
    assert statuses == {"/health": 200, "/ready": 200, **closed}


async def test_benchmark_is_off_by_default(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/benchmark/run", json={})).status_code == 403


async def test_benchmark_tells_how_long_it_takes(guarded: str, namespace: str) -> None:
    headers = {"X-Memory-Namespace": namespace, **bearer("writer")}
    asked = {"count": 20, "batch_size": 10, "search_count": 10}
    async with httpx.AsyncClient(base_url=guarded, headers=headers, timeout=60) as http:
        answer = await http.post("/v1/benchmark/run", json=asked)
        total = (await http.get("/v1/stats")).json()["total"]

    events = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: ")
    ]
    assert [event["phase"] for event in events] == ["store", "store", "retrieve", "complete"]
    assert events[0]["progress"] == 0.5
    assert events[-1]["total_memories"] == total == 20
    assert events[-1]["retrieve"]["count"] == 10
    assert events[-1]["store"]["p50"] <= events[-1]["store"]["p99"]


async def test_body_of_a_benchmark_is_bounded_too(guarded: str) -> None:
    async with httpx.AsyncClient(base_url=guarded, headers=bearer("writer")) as http:
        headers = {"X-Memory-Namespace": "test/a"}
        answer = await http.post("/v1/benchmark/run", content=b" " * 1_048_577, headers=headers)

    assert answer.status_code == 413


async def test_more_followers_than_there_are_places_are_refused(
    guarded: str, namespace: str
) -> None:
    headers = {"X-Memory-Namespace": namespace, **bearer("reader")}
    async with (
        httpx.AsyncClient(base_url=guarded, headers=headers) as http,
        http.stream("GET", "/v1/events") as stream,
    ):
        assert await anext(stream.aiter_lines()) == ": following"
        second = await http.get("/v1/events")

    assert second.status_code == 503


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://app.example", True), ("https://evil.example", False)]
)
async def test_pages_of_other_origins_need_to_be_allowed(
    guarded: str, namespace: str, origin: str, allowed: bool
) -> None:
    async with httpx.AsyncClient(base_url=guarded) as http:
        answer = await http.get("/health", headers={"Origin": origin})
    address = f"{guarded.replace('http', 'ws')}/ws/stats?namespace={namespace}"
    try:
        async with connect_websocket(
            address, origin=Origin(origin), additional_headers=bearer("reader")
        ) as socket:
            connected = bool(await socket.recv())
    except (InvalidStatus, ConnectionClosed):
        connected = False

    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
    assert connected is allowed


async def test_stopping_serves_what_is_in_hand_and_ends_what_would_last(
    system: System, namespace: str
) -> None:
    process = system.start("gateway")
    await process.ready()
    address = f"http://127.0.0.1:{process.ports['gateway']}"
    headers = {"X-Memory-Namespace": namespace}
    async with (
        httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as http,
        http.stream("GET", "/v1/events") as stream,
    ):
        lines = stream.aiter_lines()
        assert await anext(lines) == ": following"
        stores = [asyncio.create_task(store(http, f"Item {n}")) for n in range(20)]
        await asyncio.wait(stores, return_when=asyncio.FIRST_COMPLETED)

        await process.stop()

        left = [line async for line in lines]
        outcomes = await asyncio.gather(*stores, return_exceptions=True)

    assert sum(line.startswith("data: ") for line in left) >= 1
    # Accepted requests are answered; one whose connection was not yet open may be refused.
    assert all(isinstance(each, dict | httpx.ConnectError) for each in outcomes), outcomes
