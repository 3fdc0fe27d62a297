"""The routes of the contract: each reads its request, asks the bus, and answers."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from human_memory import routes
from human_memory.bus.bus import Bus
from human_memory.deadline import Deadline
from human_memory.operations.problems import problem
from human_memory.operations.service import (
    OPERATIONS,
    Asking,
    perform,
    request_of,
    request_of_texts,
)
from human_memory.routes import IDEMPOTENCY_HEADER, TIMEOUT_HEADER, Route
from schemas import limits
from schemas.errors import DeadlineExceeded, NotFound, Rejected
from services.gateway.access import Right, right_for
from services.gateway.documents import described
from services.gateway.idempotency_cache import KeptReplies
from services.gateway.idempotency_cache import Request as KeptRequest
from services.gateway.middleware import Visitor
from services.gateway.responses import json_response

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class Endpoints:
    """Makes the endpoints; `connect` gives them the bus once it is there."""

    def __init__(self, kept: KeptReplies, *, seconds_max: float) -> None:
        self.bus: Bus
        self._kept = kept
        self._seconds_max = seconds_max

    def router(self) -> APIRouter:
        """All of them."""
        # Redirects of trailing slashes would be taken for answers by the published client.
        router = APIRouter(redirect_slashes=False)
        for route in routes.ROUTES:
            path, endpoint = route.path, self._endpoint(route)
            if route is routes.GET_CONCEPT:
                path, endpoint = "/v1/graph/concepts/{name:path}", self._get_concept
            router.add_api_route(
                path,
                endpoint,
                methods=[route.method],
                response_class=Response,
                **described(route, OPERATIONS[route].request),
            )
        return router

    def _endpoint(self, route: Route) -> Endpoint:
        async def serve(request: Request) -> Response:
            visitor = admitted(request, right_for(route), route.name)
            deadline = Deadline.after(_seconds(request, self._seconds_max))
            body = await _fields(route, request, deadline)
            # What only looks is never a repeat: each recall counts.
            key = _idempotency_key(request) if route.method == "POST" else None
            asking = Asking(
                self.bus,
                namespace=visitor.namespace,
                deadline=deadline,
                idempotency_key=key,
            )
            if key is None:
                return json_response(await _answer(route, request, body, asking), route.status)
            return await self._once(route, request, body, asking)

        return serve

    async def _once(self, route: Route, request: Request, body: bytes, asking: Asking) -> Response:
        """The first reply to this key within a day, whoever gave it."""
        assert asking.idempotency_key is not None
        kept = KeptRequest.of(
            asking.namespace, asking.idempotency_key, path=request.url.path, body=body
        )
        reply = await self._kept.find(kept)
        if reply is None:
            answer = await _answer(route, request, body, asking)
            reply = await self._kept.keep(kept, orjson.dumps(answer))
        return Response(reply, route.status, media_type="application/json")

    async def _get_concept(self, request: Request) -> Response:
        """The rest of the path is the name: as decoded, then as it came."""
        visitor = admitted(request, "read", routes.GET_CONCEPT.name)
        deadline = Deadline.after(_seconds(request, self._seconds_max))
        asking = Asking(self.bus, namespace=visitor.namespace, deadline=deadline)
        for name in _names(request):
            try:
                fields = orjson.dumps({"name": name})
                return json_response(await perform(routes.GET_CONCEPT, fields, asking))
            except NotFound as error:
                missing = error
        raise missing


def admitted(request: Request, right: Right, name: str) -> Visitor:
    """The visitor, if their key opens this.

    Raises:
        HTTPException: 403, it does not.
    """
    visitor: Visitor = request.state.visitor
    visitor.route = name
    key = visitor.key
    if key is not None and right not in key.rights:
        raise HTTPException(403, f"the key {key.name!r} has no right to {right}")
    if key is not None and not key.covers(visitor.namespace):
        raise HTTPException(403, f"the key {key.name!r} does not open {visitor.namespace!r}")
    return visitor


async def _answer(route: Route, request: Request, body: bytes, asking: Asking) -> Any:
    operation = OPERATIONS[route]
    if route.has_body:
        return await operation.perform(request_of(route, body), asking)
    texts = {**request.query_params, **request.path_params}
    return await operation.perform(request_of_texts(route, texts), asking)


async def _fields(route: Route, request: Request, deadline: Deadline) -> bytes:
    """The body, if the route has one: others may come with an empty one, or a lying type."""
    if request.method == "GET":
        return b""
    batch = route is routes.STORE_BATCH
    allowed = limits.HTTP_BATCH_BYTES_MAX if batch else limits.HTTP_BODY_BYTES_MAX
    body = await body_of(request, deadline, allowed=allowed)
    return body if route.has_body else b""


async def body_of(
    request: Request, deadline: Deadline, *, allowed: int = limits.HTTP_BODY_BYTES_MAX
) -> bytes:
    """The whole body, announced or in chunks.

    Raises:
        HTTPException: 413, it has more bytes than allowed; they are not kept.
        DeadlineExceeded: it came too slowly.
    """
    too_large = HTTPException(413, f"the body has more than {allowed:,} bytes")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > allowed:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(deadline.remaining_seconds()):
            async for part in request.stream():
                size += len(part)
                if size > allowed:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise DeadlineExceeded("the body came too slowly; nothing was done") from None
    return b"".join(parts)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    longest = limits.IDEMPOTENCY_KEY_CHARACTERS_MAX
    if len(key) > longest or not re.fullmatch(limits.IDEMPOTENCY_KEY_PATTERN, key):
        raise _refused_header(IDEMPOTENCY_HEADER, f"1 to {longest} visible ASCII characters")
    return key


def _seconds(request: Request, longest: float) -> float:
    asked = request.headers.get(TIMEOUT_HEADER)
    if asked is None:
        return longest
    allowed = limits.TIMEOUT_MS_MAX
    if not re.fullmatch(r"[0-9]{1,9}", asked) or not 1 <= int(asked) <= allowed:
        raise _refused_header(TIMEOUT_HEADER, f"whole milliseconds, 1 to {allowed:,}")
    return min(longest, int(asked) / 1000)


def _refused_header(name: str, expected: str) -> Rejected:
    words = f"{name}: must be {expected}"
    return Rejected(words, detail=problem(words, place="header", field=name))


def _names(request: Request) -> list[str]:
    """What the client may have meant: it puts names into the path as they are."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    rest = raw.partition(b"/v1/graph/concepts/")[2]
    if query := request.scope["query_string"]:
        rest += b"?" + query
    # Servers hide whether an empty query had its question mark.
    meant = (unquote_to_bytes(rest), rest, *(() if query else (unquote_to_bytes(rest) + b"?",)))
    return list(dict.fromkeys(name.decode("utf-8", "replace") for name in meant))
