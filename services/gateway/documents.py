"""The OpenAPI document: what FastAPI can't know, as requests are read by the bus's own models."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.responses import Response

from human_memory import __version__, routes
from human_memory.operations import replies
from human_memory.operations.service import OPERATIONS
from human_memory.routes import IDEMPOTENCY_HEADER, NAMESPACE_HEADER, TIMEOUT_HEADER, Route
from schemas import limits
from services.gateway.benchmark import BenchmarkRequest
from services.gateway.examples import ANSWERS, FAILURES, PARAMETERS

DESCRIPTION = """\
Human-like memory for AI agents. Every write is answered when reads show it.

`X-Memory-Namespace` (absent: `default`), or `/ns/{namespace}` before any path, says whose memory.
`Idempotency-Key` on a POST: the same request again within 24 hours gets the first reply.
"""
_SECURITY: dict[str, Any] = {
    "Bearer": {"type": "http", "scheme": "bearer"},
    "Basic": {"type": "http", "scheme": "basic", "description": "The key is the password."},
}
_NAMESPACE = (NAMESPACE_HEADER, {"type": "string", "pattern": limits.NAMESPACE_PATTERN})
_TIMEOUT = (TIMEOUT_HEADER, {"type": "integer", "minimum": 1, "maximum": limits.TIMEOUT_MS_MAX})
_KEY = (
    IDEMPOTENCY_HEADER,
    {
        "type": "string",
        "minLength": 1,
        "maxLength": limits.IDEMPOTENCY_KEY_CHARACTERS_MAX,
        "pattern": limits.IDEMPOTENCY_KEY_PATTERN,
    },
)
_REF = "#/components/schemas/{model}"
_TAGS = {"memories": "Memories", "graph": "Graph"}
_ERRORS = {
    401: "A valid API key is needed",
    403: "The key does not open this",
    404: "Not found",
    413: "The body is too large",
    422: "A value is out of bounds; `msg` names the field",
    503: "A part that is needed does not answer; see `Retry-After`",
    504: "The deadline passed; the outcome of a write is unknown",
}
_NOT_FOUND = {
    *(routes.RECALL, routes.INSPECT, routes.FORGET, routes.RESTORE, routes.FORGET_STRATEGY),
    *(routes.GET_CONCEPT, routes.GET_CONCEPT_BY_QUERY, routes.ADD_RELATION),
}


def described(route: Route, request: type[BaseModel]) -> dict[str, Any]:
    """Arguments of FastAPI for a route."""
    doc = (OPERATIONS[route].perform.__doc__ or "").strip()
    return {
        "name": route.name,
        "operation_id": route.name,
        "status_code": route.status,
        "summary": doc.partition("\n")[0].rstrip("."),
        "tags": [_TAGS.get(route.path.split("/")[2], "System")],
        "openapi_extra": {
            "parameters": [*_parameters(route, request), *_headers(route)],
            **_request_body(route, request),
        },
        "responses": _responses(route),
    }


def described_readiness() -> dict[str, Any]:
    """Arguments of FastAPI for the route that says what works."""
    schema = {"$ref": _REF.format(model=replies.Readiness.__name__)}
    content = {"application/json": {"schema": schema, "example": ANSWERS[routes.READY]}}
    return {
        "operation_id": routes.READY.name,
        "summary": "What works, asked of the real parts",
        "tags": ["System"],
        "response_class": Response,
        "responses": {
            200: {"description": "`ready`, or `degraded`: only the graph is down"},
            503: {"description": "`unavailable`: a part that is needed is down"},
        },
        "openapi_extra": {
            "security": [],
            "responses": {"200": {"content": content}, "503": {"content": content}},
        },
    }


def described_stream(
    name: str, summary: str, *, example: str, request: type[BaseModel] | None = None
) -> dict[str, Any]:
    """Arguments of FastAPI for a route that answers with server-sent events."""
    extra: dict[str, Any] = {"parameters": _as_headers([_NAMESPACE])}
    if request is not None:
        schema = {"$ref": _REF.format(model=request.__name__)}
        extra["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    stream = {"text/event-stream": {"schema": {"type": "string"}, "example": example}}
    return {
        "operation_id": name,
        "summary": summary,
        "tags": ["System"],
        "response_class": Response,
        "openapi_extra": extra,
        "responses": {
            **{status: _failure(status) for status in (401, 403, 422, 503)},
            200: {"description": "It has begun", "content": stream},
        },
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, with the schemas that the routes refer to."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="human-memory",
            version=__version__,
            description=DESCRIPTION,
            routes=app.routes,
        )
        made["components"] = {"schemas": _schemas(), "securitySchemes": _SECURITY}
        # Where access is not controlled, none is needed.
        made["security"] = [{}, *({name: []} for name in _SECURITY)]
        # FastAPI writes path parameters itself, without what we know of them.
        for operations in made["paths"].values():
            for operation in operations.values():
                operation["parameters"] = _distinct(operation.get("parameters", []))
        app.openapi_schema = made
    return app.openapi_schema


def _distinct(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(each["in"], each["name"]): each for each in parameters}.values())


def _schemas() -> dict[str, Any]:
    kinds: list[type[BaseModel]] = [operation.request for operation in OPERATIONS.values()]
    kinds += [*replies.REPLIES.values(), replies.Readiness, replies.Failure, BenchmarkRequest]
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in dict.fromkeys(kinds)],
        ref_template=_REF,
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _parameters(route: Route, request: type[BaseModel]) -> list[dict[str, Any]]:
    schema = request.model_json_schema(ref_template=_REF)
    parameters = []
    for name, node in schema.get("properties", {}).items():
        in_path = name in route.path_parameters
        if route.has_body and not in_path:
            continue
        parameters.append(
            {
                "name": name,
                "in": "path" if in_path else "query",
                "required": in_path or name in schema.get("required", ()),
                "schema": _not_null(node),
                **_example_of(name),
            }
        )
    return parameters


def _example_of(parameter: str) -> dict[str, Any]:
    return {"example": PARAMETERS[parameter]} if parameter in PARAMETERS else {}


def _not_null(node: dict[str, Any]) -> dict[str, Any]:
    """In a query string there is no null: the parameter is there, or not."""
    if "anyOf" not in node:
        return node
    (kind,) = [each for each in node["anyOf"] if each.get("type") != "null"]
    rest = {k: v for k, v in node.items() if k != "anyOf" and v is not None}
    return {**kind, **rest}


def _headers(route: Route) -> list[dict[str, Any]]:
    return _as_headers([_NAMESPACE, _TIMEOUT, *([_KEY] if route.method == "POST" else [])])


def _as_headers(named: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "schema": schema}
        for name, schema in named
    ]


def _request_body(route: Route, request: type[BaseModel]) -> dict[str, Any]:
    if not route.has_body:
        return {}
    schema = {"$ref": _REF.format(model=request.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _responses(route: Route) -> dict[int | str, dict[str, Any]]:
    statuses = [status for status in _ERRORS if status != 404 or route in _NOT_FOUND]
    answers: dict[int | str, dict[str, Any]] = {status: _failure(status) for status in statuses}
    reply: dict[str, Any] = {"$ref": _REF.format(model=replies.REPLIES[route].__name__)}
    if route is routes.SPREAD:
        reply = {"type": "array", "items": reply}
    content = {"application/json": {"schema": reply, "example": ANSWERS[route]}}
    answers[route.status] = {"description": "Done", "content": content}
    return answers


def _failure(status: int) -> dict[str, Any]:
    schema = {"$ref": _REF.format(model="Failure")}
    example = {"detail": FAILURES[status]}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": _ERRORS[status], "content": content}
