"""The OpenAPI document, beyond what FastAPI reads from the endpoints, and the pages that show it.

Their scripts come from here: there may be no internet.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.responses import HTMLResponse

from human_memory.operations.table import Operation
from human_memory.routes import IDEMPOTENCY_HEADER, NAMESPACE_HEADER, TIMEOUT_HEADER
from schemas import limits
from schemas.errors import NotFound

DESCRIPTION = """\
Human-like memory for AI agents. Every write is answered when reads show it.

`X-Memory-Namespace` (absent: `default`), or `/ns/{namespace}` before any path, says whose memory.
`Idempotency-Key` on a POST: the same request again within 24 hours gets the first reply.
"""
_SECURITY: dict[str, Any] = {
    "Bearer": {"type": "http", "scheme": "bearer"},
    "Basic": {"type": "http", "scheme": "basic", "description": "The key is the password."},
}
# What every route reads from headers, before FastAPI does anything: it is no part of a signature.
_HEADERS: dict[str, dict[str, Any]] = {
    NAMESPACE_HEADER: {"type": "string", "pattern": limits.NAMESPACE_PATTERN},
    TIMEOUT_HEADER: {"type": "integer", "minimum": 1, "maximum": limits.TIMEOUT_MS_MAX},
}
_KEY = {
    IDEMPOTENCY_HEADER: {
        "type": "string",
        "minLength": 1,
        "maxLength": limits.IDEMPOTENCY_KEY_CHARACTERS_MAX,
        "pattern": limits.IDEMPOTENCY_KEY_PATTERN,
    }
}
_TAGS = {"memories": "Memories", "graph": "Graph"}
_PROBLEM = {"loc": ["body", "content"], "msg": "content: Field required", "type": "missing"}
# By status: what it means, and an example of its `detail`.
_FAILURES: dict[int, tuple[str, Any]] = {
    401: (
        "A valid API key is needed",
        "a valid API key is needed, as bearer token or as password of HTTP Basic",
    ),
    403: ("The key does not open this", "the key 'agent-7' has no right to write"),
    404: ("Not found", "no memory has the id 'nonexistent-id'"),
    413: ("The body is too large", "the body has more than 1,048,576 bytes"),
    422: ("A value is out of bounds; `msg` names the field", [_PROBLEM]),
    503: (
        "A part that is needed does not answer; see `Retry-After`",
        "256 requests are being served already; try again",
    ),
    504: (
        "The deadline passed; the outcome of a write is unknown",
        "no reply within 25 s; the outcome is unknown",
    ),
}
EVENTS = """\
: following

event: memory.stored.v1
data: {"id":"…","type":"memory.stored.v1","subject":"…","data":{"content":"Tea is at four."}}
id: 3:1042

"""
BENCHMARK = """\
data: {"phase":"store","progress":0.5,"total_stored":500,"batch_avg_ms":9.1,"p50":8.7,…}

data: {"phase":"retrieve","progress":0.1,"total_searched":10,"p50":11.2,…}

data: {"phase":"complete","total_memories":1000,"total_time_ms":5120.4,…}

"""


class Failure(BaseModel):
    """An error: a text, or for 422 a list of problems with `loc`, `msg` and `type`."""

    detail: str | list[dict[str, Any]]


def described(operation: Operation) -> dict[str, Any]:
    """Arguments of FastAPI for an operation: names, texts and examples."""
    route, said = operation.route, operation.perform.__doc__ or ""
    may_miss = "{" in route.path or NotFound.__name__ in said
    return {
        "operation_id": route.name,
        "summary": said.strip().partition("\n")[0].rstrip("."),
        "tags": [_TAGS.get(route.path.split("/")[2], "System")],
        "openapi_extra": _headers(_HEADERS | (_KEY if route.method == "POST" else {})),
        "responses": {
            **failures(*(status for status in _FAILURES if status != 404 or may_miss)),
            route.status: {"content": {"application/json": {"example": operation.example}}},
        },
    }


def described_stream(name: str, example: str) -> dict[str, Any]:
    """The same for what answers with server-sent events."""
    stream = {"text/event-stream": {"example": example, "schema": {"type": "string"}}}
    errors = failures(401, 403, 422, 503)
    for error in errors.values():
        # FastAPI takes a model for one more kind of event.
        schema = {"$ref": f"#/components/schemas/{error.pop('model').__name__}"}
        error["content"]["application/json"]["schema"] = schema
    return {
        "operation_id": name,
        "tags": ["System"],
        "openapi_extra": _headers(_HEADERS),
        "responses": {**errors, 200: {"content": stream}},
    }


def failures(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that are errors."""
    return {status: _failure(*_FAILURES[status]) for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, with how keys are sent, which the middleware reads."""
    if app.openapi_schema is None:
        made = FastAPI.openapi(app)
        made["components"]["securitySchemes"] = _SECURITY
        _allow_nulls(made)
        # Where access is not controlled, none is needed.
        made["security"] = [{}, *({name: []} for name in _SECURITY)]
    return FastAPI.openapi(app)


def _allow_nulls(document: dict[str, Any]) -> None:
    """In what a request carries, null for an optional field is the same as leaving it out."""
    schemas = document["components"]["schemas"]
    left = [
        operation["requestBody"]
        for path in document["paths"].values()
        for operation in path.values()
        if "requestBody" in operation
    ]
    seen = set[str]()
    while left:
        for name in _references(left.pop()) - seen:
            seen.add(name)
            left.append(schemas[name])
            required = schemas[name].get("required", ())
            for field, schema in schemas[name].get("properties", {}).items():
                if field not in required and {"type": "null"} not in schema.get("anyOf", ()):
                    schemas[name]["properties"][field] = _or_null(schema)


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(_references, node.values()))


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    words = ("title", "description", "default")
    about: dict[str, Any] = {key: schema[key] for key in words if key in schema}
    bare = {key: value for key, value in schema.items() if key not in about}
    return {"anyOf": [bare, {"type": "null"}], **about}


def _headers(named: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found = [{"name": k, "in": "header", "required": False, "schema": v} for k, v in named.items()]
    return {"parameters": found}


def _failure(description: str, detail: Any) -> dict[str, Any]:
    content = {"application/json": {"example": {"detail": detail}}}
    return {"model": Failure, "description": description, "content": content}


# Redoc asks for its maker's logo, and both would for more if a description named it.
_PAGE_HEADERS = {"Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:"}
# Relative, so that they hold behind a proxy that puts a path before ours.
_FILES = "docs/files"


def add_pages(app: FastAPI) -> None:
    """Add `/docs` and `/redoc`."""
    files = Path(fastapi_offline.__file__).with_name("static")
    app.mount(f"/{_FILES}", StaticFiles(directory=files), name="docs_files")
    swagger = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{app.title}: the API",
        swagger_js_url=f"{_FILES}/swagger-ui-bundle.js",
        swagger_css_url=f"{_FILES}/swagger-ui.css",
        swagger_favicon_url=f"{_FILES}/favicon.png",
    )
    redoc = get_redoc_html(
        openapi_url="openapi.json",
        title=f"{app.title}: the API",
        redoc_js_url=f"{_FILES}/redoc.standalone.js",
        redoc_favicon_url=f"{_FILES}/favicon.png",
        with_google_fonts=False,
    )
    for path, page in (("/docs", swagger), ("/redoc", redoc)):
        app.add_api_route(path, _answering(bytes(page.body)), include_in_schema=False)


def _answering(page: bytes) -> Callable[[], Awaitable[HTMLResponse]]:
    async def answer() -> HTMLResponse:
        return HTMLResponse(page, headers=_PAGE_HEADERS)

    return answer
