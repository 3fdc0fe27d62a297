"""The OpenAPI document: what FastAPI can't know, as requests are read by the bus's own models."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from human_memory import __version__, routes
from human_memory.api import replies
from human_memory.api.service import OPERATIONS
from human_memory.routes import IDEMPOTENCY_HEADER, NAMESPACE_HEADER, TIMEOUT_HEADER, Route
from schemas import limits

DESCRIPTION = """\
Human-like memory for AI agents. Every write is answered when reads show it.

`X-Memory-Namespace` (absent: `default`), or `/ns/{namespace}` before any path, says whose memory.
`Idempotency-Key` on a POST: the same request again within 24 hours gets the first reply.
"""
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


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, with the schemas that the routes refer to."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="human-memory",
            version=__version__,
            description=DESCRIPTION,
            routes=app.routes,
        )
        made.setdefault("components", {})["schemas"] = _schemas()
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
    kinds += [*replies.REPLIES.values(), replies.Failure]
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
            }
        )
    return parameters


def _not_null(node: dict[str, Any]) -> dict[str, Any]:
    """In a query string there is no null: the parameter is there, or not."""
    if "anyOf" not in node:
        return node
    (kind,) = [each for each in node["anyOf"] if each.get("type") != "null"]
    rest = {k: v for k, v in node.items() if k != "anyOf" and v is not None}
    return {**kind, **rest}


def _headers(route: Route) -> list[dict[str, Any]]:
    described = [
        (NAMESPACE_HEADER, {"type": "string", "pattern": limits.NAMESPACE_PATTERN}),
        (TIMEOUT_HEADER, {"type": "integer", "minimum": 1, "maximum": limits.TIMEOUT_MS_MAX}),
    ]
    if route.method == "POST":
        key = {
            "type": "string",
            "minLength": 1,
            "maxLength": limits.IDEMPOTENCY_KEY_CHARACTERS_MAX,
            "pattern": limits.IDEMPOTENCY_KEY_PATTERN,
        }
        described.append((IDEMPOTENCY_HEADER, key))
    return [
        {"name": name, "in": "header", "required": False, "schema": schema}
        for name, schema in described
    ]


def _request_body(route: Route, request: type[BaseModel]) -> dict[str, Any]:
    if not route.has_body:
        return {}
    schema = {"$ref": _REF.format(model=request.__name__)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _responses(route: Route) -> dict[int | str, dict[str, Any]]:
    failure = {"schema": {"$ref": _REF.format(model="Failure")}}
    statuses = [status for status in _ERRORS if status != 404 or route in _NOT_FOUND]
    answers: dict[int | str, dict[str, Any]] = {
        status: {"description": _ERRORS[status], "content": {"application/json": failure}}
        for status in statuses
    }
    reply: dict[str, Any] = {"$ref": _REF.format(model=replies.REPLIES[route].__name__)}
    if route is routes.SPREAD:
        reply = {"type": "array", "items": reply}
    answers[route.status] = {
        "description": "Done",
        "content": {"application/json": {"schema": reply}},
    }
    return answers
