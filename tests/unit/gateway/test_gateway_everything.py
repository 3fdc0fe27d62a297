"""Requests that are about all that is there: who may make them, and what is no reason to."""

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

from human_memory import routes
from human_memory.deadline import Deadline
from human_memory.operations.table import OPERATIONS
from services.gateway.access import ApiKey
from services.gateway.endpoints import admitted
from services.gateway.middleware import Visitor
from tests.unit.gateway.endpoints_client import Bus, client


@pytest.mark.parametrize(
    "route",
    [operation.route for operation in OPERATIONS.values() if operation.everywhere],
    ids=lambda route: route.name,
)
async def test_what_is_about_all_namespaces_needs_a_key_for_all(route: routes.Route) -> None:
    secret = "an open secret"
    digest = hashlib.sha256(secret.encode()).hexdigest()
    key = ApiKey(name="k", sha256=digest, namespaces=["acme/*"], rights=["admin"])
    headers = {"Authorization": f"Bearer {secret}", "X-Memory-Namespace": "acme/a"}
    bus = Bus()
    async with client(bus, key) as speaking:
        answer = await speaking.request(route.method, route.url({"place": "0:0"}), headers=headers)

    assert (answer.status_code, bus.asked) == (403, [])
    assert "all namespaces" in answer.json()["detail"]


async def test_key_for_all_namespaces_opens_what_is_about_all() -> None:
    key = ApiKey(name="k", sha256="0" * 64, namespaces=["*"], rights=["admin"])
    visitor = Visitor("acme/a", "request-1", Deadline.after(5), key)
    request: Any = SimpleNamespace(state=SimpleNamespace(visitor=visitor))

    assert await admitted("admin", everywhere=True)(request) is visitor


async def test_namespace_whose_name_is_not_repeated_is_not_deleted() -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post("/v1/namespaces/delete", json={"confirm": "acme/another"})

    assert (answer.status_code, bus.asked) == (422, [])
    assert "confirm: must be the name of the namespace once more, default" in answer.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/memories/forget-matching", {"types": ["episodic"], "sesion": "s1"}),
        ("/v1/memories/forget-matching?session=s1", {"types": ["episodic"]}),
        ("/v1/memories/forget-matching", {"filter": {}}),
        ("/v1/dead-letters/discard", {"all": True, "cod": "internal"}),
        ("/v1/dead-letters/discard?code=internal", {"all": True}),
        ("/v1/dead-letters/replay", {"all": True, "cod": "internal"}),
    ],
)
async def test_condition_that_would_not_count_is_no_reason_to_take_all(
    path: str, body: dict[str, Any]
) -> None:
    bus = Bus()
    async with client(bus) as speaking:
        answer = await speaking.post(path, json=body)

    assert (answer.status_code, bus.asked) == (422, [])
