"""Responses that stay open: events and benchmarks as server-sent events, stats over a websocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, WebSocket
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.websockets import WebSocketDisconnect

from schemas.errors import MemoryServiceError, Rejected
from schemas.limits import HTTP_BODY_BYTES_MAX
from services.gateway import openapi
from services.gateway.benchmark import Benchmark, BenchmarkRequest
from services.gateway.endpoints import BodyRoute, admitted, json_body
from services.gateway.event_feed import Follower
from services.gateway.middleware import Visitor
from services.gateway.parts import Parts, parts_of

STATS_SECONDS = 2.0
_POLICY_VIOLATION, _TRY_AGAIN_LATER = 1008, 1013
router = APIRouter(redirect_slashes=False, route_class=BodyRoute)


def enabled(parts: Annotated[Parts, Depends(parts_of)]) -> None:
    """Nothing, where benchmarks are allowed.

    Raises:
        HTTPException: 403, they are not.
    """
    if not parts.settings.benchmark_enabled:
        raise HTTPException(403, "benchmarks are off: HUMAN_MEMORY_BENCHMARK_ENABLED is not set")


async def place(parts: Annotated[Parts, Depends(parts_of)]) -> AsyncIterator[None]:
    """One of the places for those who stay, until they go."""
    with parts.followers.place():
        yield


async def following(
    request: Request,
    parts: Annotated[Parts, Depends(parts_of)],
    _: Annotated[None, Depends(place)],
) -> AsyncIterator[Follower]:
    """A follower of the visitor's namespace, who misses no event from now on."""
    async with parts.followers.following(request.state.visitor.namespace) as follower:
        yield follower


@router.get(
    "/v1/events",
    response_class=EventSourceResponse,
    name="events",
    dependencies=[Depends(admitted("read"))],
    max_body_size=HTTP_BODY_BYTES_MAX,
    **openapi.described_stream("events", openapi.EVENTS),
)
async def events(
    follower: Annotated[Follower, Depends(following)],
    types: Annotated[list[str], Query()] = [],  # noqa: B006 # FastAPI copies it
) -> AsyncIterator[ServerSentEvent]:
    """Follow what happens in the namespace, as server-sent events."""
    yield ServerSentEvent(comment="following")
    async for position, kind, event in follower:
        if not types or kind in types:
            yield ServerSentEvent(event=kind, id=position, data=event)


@router.post(
    "/v1/benchmark/run",
    response_class=EventSourceResponse,
    name="benchmark",
    dependencies=[Depends(enabled), Depends(admitted("admin")), Depends(place)],
    max_body_size=HTTP_BODY_BYTES_MAX,
    **openapi.described_stream("benchmark", openapi.BENCHMARK),
)
async def benchmark(
    request: Request,
    parts: Annotated[Parts, Depends(parts_of)],
    asked: json_body(BenchmarkRequest) = BenchmarkRequest(),  # type: ignore[valid-type] # noqa: B008
) -> AsyncIterator[ServerSentEvent]:
    """Store and search, and tell how long it takes, as server-sent events."""
    seconds = parts.settings.request_seconds_max
    run = Benchmark(parts.bus, request.state.visitor.namespace, asked, seconds=seconds)
    try:
        async for event in run.events():
            if parts.followers.closing.is_set():
                return
            yield ServerSentEvent(data=event)
    except MemoryServiceError as error:
        yield ServerSentEvent(data={"phase": "error", "detail": error.message})


@router.websocket("/ws/stats")
async def watch_stats(
    socket: WebSocket,
    parts: Annotated[Parts, Depends(parts_of)],
    namespace: str | None = None,
) -> None:
    """The stats of a namespace, at once and every two seconds."""
    visitor: Visitor = socket.state.visitor
    visitor.route = "stats_socket"
    wanted = namespace or visitor.namespace
    key = visitor.key
    foreign = visitor.named and wanted != visitor.namespace
    if foreign or (key is not None and not ("read" in key.rights and key.covers(wanted))):
        await socket.close(_POLICY_VIOLATION)
        return
    with contextlib.suppress(WebSocketDisconnect):  # the client was faster
        try:
            with parts.followers.place():
                await socket.accept()
                await _send_stats(socket, parts, wanted)
        except Rejected:  # no namespace can be called that
            await socket.close(_POLICY_VIOLATION)
        except MemoryServiceError:
            await socket.close(_TRY_AGAIN_LATER)


async def _send_stats(socket: WebSocket, parts: Parts, namespace: str) -> None:
    """Until the client goes, or we do."""
    gone = asyncio.create_task(_until_closed(socket))
    closing = asyncio.create_task(parts.followers.closing.wait())
    try:
        while not gone.done() and not closing.done():
            stats: Any = await parts.stats.of(namespace)
            await socket.send_text(stats.model_dump_json())
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


async def _until_closed(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
