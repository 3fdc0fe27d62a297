"""The doors before the routes, around a small application of their own."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.access import Access, ApiKey
from services.gateway.middleware import Doors
from services.gateway.responses import json_response

SECRET = "an open secret"
KEY = ApiKey(
    name="k",
    sha256=hashlib.sha256(SECRET.encode()).hexdigest(),
    namespaces=["acme/*"],
    rights=["read"],
)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it is told of a request."""
    request = Request(scope)
    visitor = request.state.visitor
    body = {
        "path": request.url.path,
        "namespace": visitor.namespace,
        "key": visitor.key.name if visitor.key else None,
    }
    await json_response(body)(scope, receive, send)


@asynccontextmanager
async def client(
    app: ASGIApp = echo,
    *,
    keys: tuple[ApiKey, ...] | None = None,
    in_flight_max: int = 10,
    origins: tuple[str, ...] = (),
) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the doors around `app`."""
    doors = Doors(
        app, access=Access(keys), in_flight_max=in_flight_max, seconds_max=5, origins=origins
    )
    transport = httpx.ASGITransport(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as speaking:
        yield speaking


@pytest.mark.parametrize(
    ("path", "headers", "seen"),
    [
        ("/v1/stats", {}, ("/v1/stats", "default")),
        ("/v1/stats", {"X-Memory-Namespace": "acme/a"}, ("/v1/stats", "acme/a")),
        ("/ns/alice/v1/stats", {}, ("/v1/stats", "alice")),
        ("/ns/acme%2Fa/v1/stats", {}, ("/v1/stats", "acme/a")),
        ("/ns/acme%2Fa/v1/x%2Fy", {"X-Memory-Namespace": "acme/a"}, ("/v1/x%2Fy", "acme/a")),
        ("/ns/ns/ns/v1", {}, ("/ns/v1", "ns")),
    ],
)
async def test_namespace_comes_from_the_header_or_the_path(
    path: str, headers: dict[str, str], seen: tuple[str, str]
) -> None:
    async with client() as speaking:
        answer = (await speaking.get(path, headers=headers)).json()

    assert (answer["path"], answer["namespace"]) == seen


@pytest.mark.parametrize(
    ("path", "headers", "field"),
    [
        ("/ns/a/v1", {"X-Memory-Namespace": "b"}, "X-Memory-Namespace"),
        ("/v1", {"X-Memory-Namespace": "no spaces"}, "X-Memory-Namespace"),
        ("/v1", {"X-Memory-Namespace": ""}, "X-Memory-Namespace"),
        ("/v1", {"X-Memory-Namespace": "x" * 129}, "X-Memory-Namespace"),
        ("/ns//v1", {}, "namespace"),
        ("/ns/a%20b/v1", {}, "namespace"),
    ],
)
async def test_bad_or_contradicting_namespace_is_refused_by_name(
    path: str, headers: dict[str, str], field: str
) -> None:
    async with client() as speaking:
        answer = await speaking.get(path, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["msg"].startswith(f"{field}: ")


async def test_request_id_is_the_clients_or_a_new_one() -> None:
    async with client() as speaking:
        given = await speaking.get("/", headers={"X-Request-ID": "abc-1"})
        made = await speaking.get("/")
        replaced = await speaking.get("/", headers={"X-Request-ID": "no\tgood"})

    assert given.headers["X-Request-ID"] == "abc-1"
    assert len(made.headers["X-Request-ID"]) == 32
    assert len(replaced.headers["X-Request-ID"]) == 32


async def test_more_requests_than_there_is_room_for_get_503_with_retry_after() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await end.wait()
        await echo(scope, receive, send)

    async with client(slow, in_flight_max=1) as speaking:
        first = asyncio.create_task(speaking.get("/v1/stats"))
        await begun.wait()
        second = await speaking.get("/v1/stats")
        end.set()
        third_after_the_first = (await first, await speaking.get("/v1/stats"))

    assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
    assert [answer.status_code for answer in third_after_the_first] == [200, 200]


async def test_health_is_answered_however_full_it_is() -> None:
    async with client(in_flight_max=0) as speaking:
        assert (await speaking.get("/health")).status_code == 200
        assert (await speaking.get("/v1/stats")).status_code == 503


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic !"},
        {"Authorization": f"Digest {SECRET}"},
    ],
)
async def test_without_a_known_key_nothing_but_health_is_open(headers: dict[str, str]) -> None:
    async with client(keys=(KEY,)) as speaking:
        refused = await speaking.get("/v1/stats", headers=headers)
        health = await speaking.get("/health", headers=headers)

    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic")
    assert health.status_code == 200


@pytest.mark.parametrize("credentials", ["bearer", "basic"])
async def test_key_is_taken_as_bearer_token_or_basic_password(credentials: str) -> None:
    given: dict[str, Any] = (
        {"headers": {"Authorization": f"Bearer {SECRET}"}}
        if credentials == "bearer"
        else {"auth": ("anyone", SECRET)}
    )
    async with client(keys=(KEY,)) as speaking:
        answer = await speaking.get("/v1/stats", **given)

    assert answer.json()["key"] == "k"


@pytest.mark.parametrize(
    ("method", "origin", "origins", "status"),
    [
        ("POST", None, (), 200),
        ("POST", "http://gateway", (), 200),
        ("POST", "https://gateway", (), 200),  # a proxy speaks TLS for it
        ("POST", "https://evil.example", (), 403),
        ("DELETE", "https://evil.example", (), 403),
        ("POST", "null", (), 403),
        ("GET", "https://evil.example", (), 200),  # its page can't read the answer
        ("POST", "https://app.example", ("https://app.example",), 200),
        ("POST", "https://evil.example", ("https://app.example",), 403),
        ("POST", "https://any.example", ("*",), 200),
    ],
)
async def test_pages_of_other_origins_write_nothing(
    method: str, origin: str | None, origins: tuple[str, ...], status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    async with client(origins=origins) as speaking:
        answer = await speaking.request(method, "/v1/memories", headers=headers)

    assert answer.status_code == status


def counted(status: str) -> float:
    return (
        REGISTRY.get_sample_value(
            "human_memory_http_requests_total", {"route": "unmatched", "status": status}
        )
        or 0.0
    )


async def test_bug_is_answered_and_counted_like_any_other_request() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("a bug")

    before = counted("500")
    async with client(broken) as speaking:
        answer = await speaking.get("/v1/stats", headers={"X-Request-ID": "abc-1"})

    assert answer.status_code == 500
    assert "internal error" in answer.json()["detail"]
    assert answer.headers["X-Request-ID"] == "abc-1"
    assert counted("500") == before + 1
