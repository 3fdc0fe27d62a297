"""The endpoints behind their doors, with a bus and kept replies of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from schemas.errors import Rejected
from schemas.replies import Reply
from services.gateway.access import Access, ApiKey
from services.gateway.app import _add_errors
from services.gateway.endpoints import add_endpoints
from services.gateway.idempotency_cache import Request as KeptRequest
from services.gateway.middleware import Doors

MEMORY = UUID("4c57c2a7-31f2-4fab-9b1d-e015b3424cf5")


class Bus:
    """Answers everything with one result, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.settings: Any = None

    async def request(self, message: Any, **_: Any) -> Reply:
        self.asked.append(message)
        moment = "2026-01-01T00:00:00.000Z"
        memory = {"memory_id": str(MEMORY), "content": "a", "memory_type": "episodic"}
        numbers = {"activation": 1.0, "access_count": 2}
        times = {"created_at": moment, "last_accessed": moment}
        concept = {"name": "Python", "type": "language"}
        every = {**memory, **numbers, **times, **concept, "results": [], "report": {}}
        return Reply(result=every)

    async def ask(self, message: Any, **more: Any) -> Any:
        return (await self.request(message, **more)).result


class Kept:
    """Keeps replies in memory; one key stands for another request."""

    async def find(self, request: KeptRequest) -> bytes | None:
        if request.key == "taken":
            raise Rejected("Idempotency-Key: was used before, for another request")
        return None

    async def keep(self, request: KeptRequest, body: bytes) -> bytes:
        return await self.find(request) or body


@asynccontextmanager
async def client(bus: Bus, *keys: ApiKey, kept: Any = None) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the endpoints, with the keys there are: none, and all is open."""
    app = FastAPI()
    app.state.parts = SimpleNamespace(bus=bus, kept=kept or Kept())
    add_endpoints(app.router)
    _add_errors(app)
    doors = Doors(app, access=Access(keys or None), in_flight_max=10, seconds_max=5)
    transport = httpx.ASGITransport(doors)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as speaking:
        yield speaking
