"""Parts of a request that nobody reads, told in its reply: the contract ignores them."""

import re
from collections.abc import Iterable

import orjson
from fastapi import Request
from pydantic_core import from_json
from starlette.responses import Response, StreamingResponse

from human_memory import routes
from human_memory.operations.table import Operation
from human_memory.routes import IDEMPOTENCY_HEADER, NAMESPACE_HEADER
from schemas.errors import Rejected
from schemas.problems import Problem, did_you_mean

HEADER_CHARACTERS_MAX = 1_500
_PROBLEMS_MAX = 10
# What is elsewhere over HTTP than on the bus, or has another name in the clients.
_PLACES = {
    "namespace": f"goes in the header {NAMESPACE_HEADER}",
    "idempotency_key": f"goes in the header {IDEMPOTENCY_HEADER}",
}
_RENAMED = {"since": "created_after", "until": "created_before", "memory_type": "type"}


def warnings_of(problems: Iterable[Problem]) -> list[str]:
    """Lines about fields that were left out."""
    return [
        f"{each['field']}: was ignored: it {_hint(each['field'], each['problem'])}"
        for each in problems
    ]


async def misplaced(operation: Operation, request: Request) -> list[str]:
    """Lines about fields in a place that is not read: the query beside a body, and the reverse."""
    if not request.url.query and not await request.body():
        return []
    own = set(operation.request.model_fields)
    found = []
    # There the rest of the address is the name of a concept.
    if operation.route is not routes.GET_CONCEPT:
        read = set() if operation.has_body else own
        found = [(name, "body", "query") for name in request.query_params if name not in read]
    if not operation.has_body:
        found += [(name, "query", "body") for name in _names(await request.body())]
    hints = [
        (name, _hint(name, _words(name, own, here, there)))
        for name, here, there in found[:_PROBLEMS_MAX]
    ]
    if hints and operation.request.chooses_many:
        raise Rejected("; ".join(f"{name}: {hint}" for name, hint in hints))
    return [f"{name}: was ignored: it {hint}" for name, hint in hints]


def _hint(name: str, words: str) -> str:
    """The place or the name that the request has for a field; without one, the words."""
    other = _RENAMED.get(name, "")
    if other and re.search(rf"\b{other}\b", words):
        return f"is called {other} here"
    return _PLACES.get(name, words)


def _words(name: str, own: set[str], right: str, sent: str) -> str:
    if name in own:
        return f"goes in the {right}, not in the {sent}"
    known = f" known: {', '.join(sorted(own))}" if own else " there are none"
    return f"is not a field here{did_you_mean(name, own) or ';'}{known}"


def _names(body: bytes) -> list[str]:
    try:
        sent = from_json(body or b"{}")
    except ValueError:
        return []
    return list(sent) if isinstance(sent, dict) else []


def told(response: Response, warnings: list[str]) -> Response:
    """The answer with the warnings in its JSON, where that is an object; a stream has no end."""
    body = b"" if isinstance(response, StreamingResponse) else bytes(response.body)
    if warnings and body.startswith(b"{") and response.status_code < 400:
        more = b'"warnings":' + orjson.dumps(warnings) + b"}"
        response.body = body[:-1] + (b"," if body != b"{}" else b"") + more
        response.headers["Content-Length"] = str(len(response.body))
    return response


def as_header(warnings: Iterable[str]) -> str:
    """The same in a line that any header can hold."""
    text = " | ".join(warnings).encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else "?" for c in text)[:HEADER_CHARACTERS_MAX]
