"""The steps of every request before its route: id, deadline, origin, namespace, access, room,
clock.

Plain ASGI: a layer of the framework's own would cost each request more than all of this.
"""

import re
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from human_memory.deadline import Deadline
from human_memory.operations.problems import problem
from human_memory.routes import (
    NAMESPACE_DEFAULT,
    NAMESPACE_HEADER,
    REQUEST_ID_HEADER,
    TIMEOUT_HEADER,
    WARNINGS_HEADER,
)
from schemas.limits import NAMESPACE_PATTERN, TIMEOUT_MS_MAX
from schemas.problems import NAMESPACE_RULE
from services.gateway.access import Access, ApiKey
from services.gateway.ignored import as_header
from services.gateway.responses import json_response

REQUESTS = Counter("human_memory_http_requests_total", "HTTP requests", ["route", "status"])
SECONDS = Histogram(
    "human_memory_http_request_seconds",
    "From the first byte of a request to the last of its answer",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5, 30),
)
IN_FLIGHT = Gauge("human_memory_http_requests_in_flight", "HTTP requests being served")

OPEN_PATHS = frozenset({"/health", "/ready", "/"})
# The files of the console: a browser asks for them before anybody can give it a key.
OPEN_FOLDER = "/console/"
# Requests here last as long as the client likes, and have a limit of their own.
LASTING_PATHS = frozenset({"/v1/events", "/v1/benchmark/run", "/ws/stats"})
WRITING_METHODS = frozenset({"POST", "DELETE"})
RETRY_AFTER_SECONDS = "1"
BUG = "internal error; the gateway's log says more"
_PREFIX = b"/ns/"
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
log = structlog.get_logger(__name__)


@dataclass
class Visitor:
    """Facts about a request before its route: in `request.state.visitor`."""

    namespace: str
    request_id: str
    deadline: Deadline
    key: ApiKey | None = None
    route: str = "unmatched"
    named: bool = False  # by header or path; else it is the default namespace
    warnings: list[str] = field(default_factory=list)  # about what the request says in vain


class Refused(Exception):
    """The request gets no further."""

    def __init__(self, status: int, detail: Any, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Doors:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        in_flight_max: int,
        seconds_max: float,
        origins: Collection[str] = (),
    ) -> None:
        """`origins`: whose pages may write and hold sockets, other than our own; `*` is all."""
        self._app = app
        self._seconds_max = seconds_max
        self._access = access
        self._origins = origins
        self._in_flight_max = in_flight_max
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or whatever else the server says."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        longest = Deadline.after(self._seconds_max)
        visitor = Visitor(NAMESPACE_DEFAULT, _request_id(headers), longest)
        scope.setdefault("state", {})["visitor"] = visitor
        structlog.contextvars.bind_contextvars(request_id=visitor.request_id)
        answer = _Answer(send, visitor)
        try:
            self._check_origin(scope, headers)
            visitor.deadline = self._deadline(headers)
            named = _namespace(scope, headers)
            visitor.namespace, visitor.named = named or NAMESPACE_DEFAULT, named is not None
            visitor.key = self._admitted(scope, headers)
            await self._within_room(scope, receive, answer)
        except Refused as refused:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            response = json_response({"detail": refused.detail}, refused.status, refused.headers)
            await response(scope, receive, answer)
        except ClientDisconnect:
            pass  # nobody is there to hear of it
        except Exception:
            if scope["type"] == "websocket" or answer.has_begun:
                raise  # the server logs it, and cuts the connection
            log.exception("request failed", route=scope["path"])
            response = json_response({"detail": BUG}, 500)
            await response(scope, receive, answer)
        finally:
            answer.done()

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """Browsers name a page's origin, and let it post a form or connect without asking first."""
        if scope.get("method", "POST") not in WRITING_METHODS:
            return
        origin = headers.get("origin")
        own = headers.get("host")
        if origin is None or origin.partition("://")[2] == own:
            return
        if origin not in self._origins and "*" not in self._origins:
            raise Refused(403, f"pages of {origin[:80]!r} are not in HUMAN_MEMORY_CORS_ORIGINS")

    def _deadline(self, headers: Headers) -> Deadline:
        asked = headers.get(TIMEOUT_HEADER)
        if asked is None:
            return Deadline.after(self._seconds_max)
        if not re.fullmatch(r"[0-9]{1,9}", asked) or not 1 <= int(asked) <= TIMEOUT_MS_MAX:
            words = f"{TIMEOUT_HEADER}: must be whole milliseconds, 1 to {TIMEOUT_MS_MAX:,}"
            raise Refused(422, problem(words, place="header", field=TIMEOUT_HEADER))
        return Deadline.after(min(self._seconds_max, int(asked) / 1000))

    def _admitted(self, scope: Scope, headers: Headers) -> ApiKey | None:
        if self._access.keys is None or _is_open(scope):
            return None
        key = self._access.key_of(headers.get("authorization"))
        if key is None:
            raise Refused(
                401,
                "a valid API key is needed, as bearer token or as password of HTTP Basic",
                WWW_Authenticate=_challenge(headers),
            )
        return key

    async def _within_room(self, scope: Scope, receive: Receive, send: Send) -> None:
        lasting = scope["type"] == "websocket" or scope["path"] in LASTING_PATHS
        if lasting or _is_open(scope):
            await self._app(scope, receive, send)
            return
        if self._in_flight >= self._in_flight_max:
            raise Refused(
                503,
                f"{self._in_flight_max} requests are being served already; try again",
                Retry_After=RETRY_AFTER_SECONDS,
            )
        self._in_flight += 1
        try:
            with IN_FLIGHT.track_inprogress():
                await self._app(scope, receive, send)
        finally:
            self._in_flight -= 1


class _Answer:
    """Passes an answer on, with its request's id, and counts it."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], visitor: Visitor) -> None:
        self._send = send
        self._visitor = visitor
        self._began = time.perf_counter()
        self._status: int | None = None

    @property
    def has_begun(self) -> bool:
        """True once its status is sent."""
        return self._status is not None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._visitor.request_id
            if self._visitor.warnings:
                headers[WARNINGS_HEADER] = as_header(self._visitor.warnings)
        await self._send(message)

    def done(self) -> None:
        """The answer is sent, or the client has gone."""
        route = self._visitor.route
        REQUESTS.labels(route, str(self._status or "none")).inc()
        SECONDS.labels(route).observe(time.perf_counter() - self._began)


def _is_open(scope: Scope) -> bool:
    """True for what needs no key."""
    path: str = scope["path"]
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _challenge(headers: Headers) -> str:
    """Ways to send a key. A browser asks for a password where Basic is one of them, so a page that
    wants JSON or a stream, and asks for the key itself, is told of the other alone."""
    is_asked_by_a_program = headers.get("accept") in ("application/json", "text/event-stream")
    return "Bearer" if is_asked_by_a_program else 'Basic realm="human-memory", Bearer'


def _request_id(headers: Headers) -> str:
    sent = headers.get(REQUEST_ID_HEADER, "")
    return sent if _REQUEST_ID.fullmatch(sent) else uuid4().hex


def _namespace(scope: Scope, headers: Headers) -> str | None:
    """That of the path, which is taken out of it, or of the header."""
    by_header = headers.get(NAMESPACE_HEADER)
    by_path = _take_prefix(scope)
    for name, value in (("header", by_header), ("path", by_path)):
        if value is not None and not re.fullmatch(NAMESPACE_PATTERN, value):
            field = NAMESPACE_HEADER if name == "header" else "namespace"
            words = f"{field}: {NAMESPACE_RULE}"
            raise Refused(422, problem(words, place=name, field=field))
    if by_header is not None and by_path is not None and by_header != by_path:
        words = f"{NAMESPACE_HEADER}: names {by_header!r}, but the path {by_path!r}"
        raise Refused(422, problem(words, place="header", field=NAMESPACE_HEADER))
    return by_path or by_header


def _take_prefix(scope: Scope) -> str | None:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    name = None
    if raw.startswith(_PREFIX):
        first, slash, rest = raw.removeprefix(_PREFIX).partition(b"/")
        name = unquote(first.decode("ascii", "replace"))
        scope["raw_path"] = raw = slash + rest
        scope["path"] = unquote(raw.decode("ascii", "replace"))
    if b"%2f" in raw.lower():
        # A slash within a segment makes no two of it: `a/inspect` is an id like any other.
        decoded = (unquote(each) for each in raw.decode("ascii", "replace").split("/"))
        scope["path"] = "/".join(each.replace("/", "%2F") for each in decoded)
    return name
