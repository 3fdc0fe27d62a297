"""What stays open: events and benchmarks as server-sent events, stats over a websocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse

from human_memory.bus.bus import Bus
from human_memory.deadline import Deadline
from human_memory.operations.problems import refused
from schemas.errors import MemoryServiceError, Rejected
from services.gateway import examples
from services.gateway.benchmark import Benchmark, BenchmarkRequest
from services.gateway.documents import described_stream
from services.gateway.endpoints import admitted, body_of
from services.gateway.event_feed import Follower, Followers
from services.gateway.middleware import Visitor
from services.gateway.settings import GatewaySettings
from services.gateway.shared_stats import SharedStats

HEARTBEAT_SECONDS = 15.0
STATS_SECONDS = 2.0
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013
_NO_BUFFERING = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Streams:
    """Their routes; `bus` and `followers` come with the start."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.bus: Bus
        self.followers: Followers
        self.stats: SharedStats
        self._settings = settings

    def router(self) -> APIRouter:
        """All of them."""
        router = APIRouter(redirect_slashes=False)
        router.add_api_route(
            "/v1/events",
            self._events,
            **described_stream(
                "events",
                "Follow what happens in the namespace, as server-sent events",
                example=examples.EVENTS,
            ),
        )
        router.add_api_route(
            "/v1/benchmark/run",
            self._benchmark,
            methods=["POST"],
            **described_stream(
                "benchmark",
                "Store and search, and tell how long it takes, as server-sent events",
                example=examples.BENCHMARK,
                request=BenchmarkRequest,
            ),
        )
        router.add_api_websocket_route("/ws/stats", self._watch_stats)
        return router

    async def _events(
        self, request: Request, types: Annotated[list[str] | None, Query()] = None
    ) -> Response:
        visitor = admitted(request, "read", "events")
        with self.followers.place():
            pass  # refused here, with a status; what follows has begun to answer
        return _stream(self._followed(visitor.namespace, frozenset(types or ())))

    async def _followed(self, namespace: str, types: frozenset[str]) -> AsyncIterator[bytes]:
        try:
            with self.followers.place():
                async with self.followers.following(namespace) as follower:
                    yield b": following\n\n"
                    async for part in _parts(follower, types):
                        yield part
        except MemoryServiceError as error:
            yield _event({"detail": error.message}, name="error")

    async def _benchmark(self, request: Request) -> Response:
        if not self._settings.benchmark_enabled:
            raise HTTPException(
                403, "benchmarks are off: HUMAN_MEMORY_BENCHMARK_ENABLED is not set"
            )
        visitor = admitted(request, "admin", "benchmark")
        try:
            body = await body_of(request, Deadline.after(self._settings.request_seconds_max))
            asked = BenchmarkRequest.model_validate_json(body or b"{}", strict=True)
        except ValidationError as error:
            raise refused(error, BenchmarkRequest) from None
        with self.followers.place():
            pass  # as above
        seconds = self._settings.request_seconds_max
        benchmark = Benchmark(self.bus, visitor.namespace, asked, seconds=seconds)
        return _stream(self._told(benchmark))

    async def _told(self, benchmark: Benchmark) -> AsyncIterator[bytes]:
        try:
            with self.followers.place():
                async for event in benchmark.events():
                    if self.followers.closing.is_set():
                        return
                    yield _event(event)
        except MemoryServiceError as error:
            yield _event({"phase": "error", "detail": error.message})

    async def _watch_stats(self, socket: WebSocket, namespace: str | None = None) -> None:
        visitor: Visitor = socket.state.visitor
        visitor.route = "stats_socket"
        wanted = namespace or visitor.namespace
        key = visitor.key
        if visitor.named and wanted != visitor.namespace:
            await socket.close(_POLICY_VIOLATION)
            return
        if key is not None and not ("read" in key.rights and key.covers(wanted)):
            await socket.close(_POLICY_VIOLATION)
            return
        with contextlib.suppress(WebSocketDisconnect):  # the client was faster
            await self._serve_stats(socket, wanted)

    async def _serve_stats(self, socket: WebSocket, wanted: str) -> None:
        try:
            with self.followers.place():
                await socket.accept()
                await self._send_stats(socket, wanted)
        except Rejected:  # no namespace can be called that
            await socket.close(_POLICY_VIOLATION)
        except MemoryServiceError:
            await socket.close(_TRY_AGAIN_LATER)

    async def _send_stats(self, socket: WebSocket, namespace: str) -> None:
        """Until the client goes, or we do."""
        gone = asyncio.create_task(_until_closed(socket))
        closing = asyncio.create_task(self.followers.closing.wait())
        try:
            while not gone.done() and not closing.done():
                await socket.send_text(orjson.dumps(await self.stats.of(namespace)).decode())
                await asyncio.wait(
                    {gone, closing},
                    timeout=STATS_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            if not gone.done():
                await socket.close()
        finally:
            gone.cancel()
            closing.cancel()


async def _parts(follower: Follower, types: frozenset[str]) -> AsyncIterator[bytes]:
    while True:
        try:
            found = await follower.next(HEARTBEAT_SECONDS)
        except StopAsyncIteration:
            return
        if found is None:
            yield b": still there\n\n"
            continue
        position, kind, event = found
        if not types or kind in types:
            yield _event(event, name=kind, position=position)


def _stream(parts: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(parts, media_type="text/event-stream", headers=_NO_BUFFERING)


def _event(data: Any, *, name: str | None = None, position: str | None = None) -> bytes:
    head = (f"event: {name}\n" if name else "") + (f"id: {position}\n" if position else "")
    return head.encode() + b"data: " + orjson.dumps(data) + b"\n\n"


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
