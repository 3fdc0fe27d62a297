"""The endpoints of the contract, one for each operation: FastAPI reads, checks and documents."""

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Annotated, Any, get_args
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Body, Depends, HTTPException, Path, Query, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, WrapValidator
from pydantic_core import to_jsonable_python
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response

from human_memory import routes
from human_memory.deadline import Deadline
from human_memory.operations.context import RequestContext
from human_memory.operations.reading import request_of
from human_memory.operations.requests import ApiRequest
from human_memory.operations.table import OPERATIONS, Operation, Right
from human_memory.routes import CALL_HEADER, IDEMPOTENCY_HEADER, Route
from schemas import limits
from schemas.errors import DeadlineExceeded, NotFound
from schemas.problems import Problem
from services.gateway.idempotency_cache import Request as KeptRequest
from services.gateway.ignored import misplaced, told, warnings_of
from services.gateway.middleware import Visitor
from services.gateway.openapi import described
from services.gateway.parts import Parts

# The bus's own limits know what was waited for, so they come first.
GRACE_SECONDS = 0.2
# By name, wherever it is in a path.
_EXAMPLES = {
    "memory_id": "1b8c8c95-c312-59f9-aea0-47bf740dd29e",
    "name": "Python",
    "run_id": "8b0f5a3e-2c0a-5c39-9d52-6a7d3a1a9f10",
    "place": "3:17",
}


class _Rest(PathConvertor):
    """The rest of a path, whatever is in it: Starlette's own ends at a line break."""

    regex = r"[\s\S]*"


register_url_convertor("rest", _Rest())
# FastAPI gives the reader of a body nothing but its bytes.
_ignored: ContextVar[list[Problem]] = ContextVar("ignored")


class BodyRequest(Request):
    """A request whose JSON is left as bytes: the endpoint's model parses and checks it at once."""

    async def json(self) -> bytes:
        """The body, whatever its type says."""
        return await self.body()


class BodyRoute(APIRoute):
    """A route that has the whole body before it begins, in time, and within its bound."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, given the body."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            visitor: Visitor = request.state.visitor
            visitor.route = self.name
            whole = BodyRequest(request.scope, request.receive)
            try:
                async with asyncio.timeout(visitor.deadline.remaining_seconds()):
                    await whole.body()
            except TimeoutError:
                raise DeadlineExceeded("the body came too slowly; nothing was done") from None
            except HTTPException as error:
                words = f"the body has more than {self.max_body_size:,} bytes"
                raise HTTPException(error.status_code, words) from None
            _ignored.set([])
            response = await handler(whole)
            return told(response, visitor.warnings)

        return handle


def json_body(model: type[ApiRequest]) -> Any:
    """The type of a body: JSON that is parsed and checked in one pass, strictly.

    The published schema is kept to the letter: "7" is not 7, though a time is text.
    """

    def read(value: bytes, _: Any) -> BaseModel:
        return request_of(model, value, ignored=None if model.chooses_many else _ignored.get())

    return Annotated[model, WrapValidator(read), Body()]


def add_endpoints(router: APIRouter) -> None:
    """Add the endpoints of all operations to a router.

    It should be the application's own: one that is included is searched once more.
    """
    for operation in OPERATIONS.values():
        route = operation.route
        if route is routes.READY:
            continue  # the gateway has more to say than the bus
        router.add_api_route(
            "/v1/graph/concepts/{name:rest}" if route is routes.GET_CONCEPT else route.path,
            _endpoint(operation),
            name=route.name,
            methods=[route.method],
            status_code=route.status,
            response_model=operation.response,
            response_model_exclude_unset=True,
            dependencies=[Depends(admitted(operation.right, everywhere=operation.everywhere))],
            max_body_size=_body_bytes_max(route),
            route_class_override=BodyRoute,
            **described(operation),
        )


def admitted(right: Right, *, everywhere: bool = False) -> Callable[[Request], Awaitable[Visitor]]:
    """A dependency: the visitor, if their key has a right to their namespace.

    It raises HTTPException, 403, if not.
    """

    async def visitor_of(request: Request) -> Visitor:
        visitor: Visitor = request.state.visitor
        key = visitor.key
        if key is not None and right not in key.rights:
            raise HTTPException(403, f"the key {key.name!r} has no right to {right}")
        if key is not None and not key.covers(visitor.namespace):
            raise HTTPException(403, f"the key {key.name!r} does not open {visitor.namespace!r}")
        if key is not None and everywhere and not key.covers_all:
            raise HTTPException(403, f"the key {key.name!r} does not open all namespaces: '*'")
        return visitor

    return visitor_of


def _body_bytes_max(route: Route) -> int:
    batch = route is routes.STORE_BATCH
    return limits.HTTP_BATCH_BYTES_MAX if batch else limits.HTTP_BODY_BYTES_MAX


def _endpoint(operation: Operation) -> Callable[..., Any]:
    """A function that takes what the operation asks for, as FastAPI reads a signature."""

    async def endpoint(request: Request, **given: Any) -> Any:
        asked = given.get("asked")
        if asked is None:
            fields = {name: given[name] for name in operation.request.model_fields}
            asked = operation.request(**fields)
        parts: Parts = request.app.state.parts
        visitor: Visitor = request.state.visitor
        visitor.warnings += warnings_of(_ignored.get())
        visitor.warnings += await misplaced(operation, request)
        # What only looks is never a repeat: each recall counts.
        key = request.headers.get(IDEMPOTENCY_HEADER) if request.method == "POST" else None
        context = RequestContext(
            parts.bus,
            namespace=visitor.namespace,
            deadline=visitor.deadline,
            idempotency_key=key,
            warnings=visitor.warnings,
            call=request.headers.get(CALL_HEADER),
        )
        async with _until(visitor.deadline):
            if context.idempotency_key is not None:
                return await _once(operation, request, asked, context)
            if operation.route is routes.GET_CONCEPT:
                return await _concept(operation, request, context)
            return await operation.perform(asked, context)

    signature = inspect.Signature(_parameters(operation))
    endpoint.__signature__ = signature  # type: ignore[attr-defined] # functions take it
    return endpoint


@asynccontextmanager
async def _until(deadline: Deadline) -> AsyncIterator[None]:
    """An end to waits that know no deadline of the caller's: for Redis, and for topics of Kafka."""
    try:
        async with asyncio.timeout(deadline.remaining_seconds() + GRACE_SECONDS) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise DeadlineExceeded("no answer in time; the outcome is unknown") from None
        raise


def _parameters(operation: Operation) -> list[inspect.Parameter]:
    route = operation.route
    wanted: dict[str, tuple[Any, Any]] = {"request": (Request, inspect.Parameter.empty)}
    if operation.has_body:
        wanted["asked"] = (json_body(operation.request), inspect.Parameter.empty)
    else:
        for name, info in operation.request.model_fields.items():
            place = Path if f"{{{name}}}" in route.path else Query
            said = place(description=info.description, **_example(name))
            kind = (_not_null(info.annotation), *info.metadata, said)
            default = inspect.Parameter.empty if info.is_required() else info.default
            wanted[name] = (Annotated[kind], default)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in wanted.items()
    ]


def _example(name: str) -> dict[str, Any]:
    return {"examples": [_EXAMPLES[name]]} if name in _EXAMPLES else {}


def _not_null(kind: Any) -> Any:
    """In a query string there is no null: the parameter is there, or not."""
    kinds = [each for each in get_args(kind) if each is not type(None)]
    return kinds[0] if type(None) in get_args(kind) else kind


async def _once(
    operation: Operation, request: Request, asked: BaseModel, context: RequestContext
) -> Response:
    """The first reply to this key within a day, from whichever instance."""
    assert context.idempotency_key is not None
    parts: Parts = request.app.state.parts
    # Times as numbers: one instant is one, in whatever zone it is written. Without what is not
    # given: a version that knows more fields takes the same request for the same.
    given = to_jsonable_python(asked.model_dump(exclude_defaults=True))
    meant = json.dumps(given, sort_keys=True).encode()
    kept = KeptRequest.of(
        context.namespace, context.idempotency_key, path=request.url.path, body=meant
    )
    reply = await parts.kept.find(kept)
    if reply is None:
        answer = await operation.perform(asked, context)
        reply = await parts.kept.keep(kept, operation.json.dump_json(answer, exclude_unset=True))
    return Response(reply, operation.route.status, media_type="application/json")


async def _concept(operation: Operation, request: Request, context: RequestContext) -> Any:
    """The rest of the path is the name: as decoded, then as it came."""
    for name in _names(request):
        try:
            return await operation.perform(
                operation.request.model_validate({"name": name}), context
            )
        except NotFound as error:
            missing = error
    raise missing


def _names(request: Request) -> list[str]:
    """The names that the client may have meant: it puts names into the path as they are."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    rest = raw.partition(b"/v1/graph/concepts/")[2]
    if query := request.scope["query_string"]:
        rest += b"?" + query
    # Servers hide whether an empty query had its question mark.
    meant = (unquote_to_bytes(rest), rest, *(() if query else (unquote_to_bytes(rest) + b"?",)))
    return list(dict.fromkeys(name.decode("utf-8", "replace") for name in meant))
