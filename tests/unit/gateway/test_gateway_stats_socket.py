"""The websocket with stats, behind its doors."""

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from schemas.errors import Unavailable
from services.gateway.access import Access
from services.gateway.event_feed import Followers
from services.gateway.middleware import Doors
from services.gateway.settings import GatewaySettings
from services.gateway.streams import router


class Stats:
    """Tells whose stats were asked for, once."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def of(self, namespace: str) -> Any:
        self.asked.append(namespace)
        raise Unavailable("enough")


async def connect(
    path: str, *, query: str = "", headers: dict[str, str] | None = None, gone: bool = False
) -> tuple[list[str], list[Any]]:
    """Whose stats are asked for by a socket, and what is sent over it."""
    stats, sent = Stats(), []
    app = FastAPI()
    app.state.parts = SimpleNamespace(followers=Followers(GatewaySettings()), stats=stats)
    app.include_router(router)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        if gone and message["type"] == "websocket.close":
            raise OSError("the client is gone")
        sent.append(message)

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "subprotocols": [],
    }
    doors = Doors(app, access=Access(None), in_flight_max=1, seconds_max=5, origins=("*",))
    await doors(scope, receive, send)
    return stats.asked, sent


@pytest.mark.parametrize(
    ("path", "query", "headers", "asked"),
    [
        ("/ws/stats", "", {}, ["default"]),
        ("/ws/stats", "namespace=bob", {}, ["bob"]),
        ("/ns/alice/ws/stats", "", {}, ["alice"]),
        ("/ns/alice/ws/stats", "namespace=alice", {}, ["alice"]),
        ("/ns/alice/ws/stats", "namespace=bob", {}, []),
        ("/ws/stats", "namespace=bob", {"X-Memory-Namespace": "alice"}, []),
    ],
)
async def test_namespaces_of_the_path_and_the_query_must_agree(
    path: str, query: str, headers: dict[str, str], asked: list[str]
) -> None:
    found, sent = await connect(path, query=query, headers=headers)

    assert found == asked
    assert sent[-1]["code"] == (1013 if asked else 1008)


async def test_every_origin_is_let_in_where_all_are_allowed() -> None:
    found, _ = await connect("/ws/stats", headers={"Origin": "https://any.example"})

    assert found == ["default"]


async def test_client_that_goes_before_it_is_told_why_is_no_error() -> None:
    found, _ = await connect("/ws/stats", gone=True)

    assert found == ["default"]
