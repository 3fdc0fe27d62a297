"""Answers that are errors, as the client's exceptions, in the server's own words."""

import json
from typing import Any

from human_memory._client.calls import Call
from human_memory.exceptions import (
    HumanMemoryError,
    MemoryNotFound,
    ServiceUnavailable,
    ValidationError,
)

# Of a server on its way back, or of whatever stands before it.
STATUSES_AGAIN = (502, 503, 504)
NOT_REPEATED = (
    "it may have been done, and a second time would be another one, so it was not sent again: look "
    "whether it was, then call again"
)
_TEXT_CHARACTERS_MAX = 200
# Of a server that has no such route: ours, and any other that is made with the same framework.
_NO_ROUTE = ("no route ", "Not Found", "Method Not Allowed")


def error_of(call: Call[Any], address: str, *, status: int, body: str) -> HumanMemoryError:
    """The exception that stands for an answer with a status of 400 or more."""
    error = _error(call, address, status=status, body=body)
    if status in STATUSES_AGAIN and call.repeated == "unsent":
        error.args = (f"{error}; {NOT_REPEATED}",)
    return error


def _error(call: Call[Any], address: str, *, status: int, body: str) -> HumanMemoryError:
    words = _words(body)
    if words is None or words.startswith(_NO_ROUTE):
        if status == 404 and call.names_nothing:
            return MemoryNotFound(call.resource)
        return _no_memory(call, address, status=status, body=body)
    if status == 404:
        return MemoryNotFound(words)
    if status == 503:
        return ServiceUnavailable(words)
    if status == 422:
        return ValidationError(words)
    return HumanMemoryError(f"HTTP {status}: {words}", status)


def _no_memory(call: Call[Any], address: str, *, status: int, body: str) -> HumanMemoryError:
    said = f" ({_line(body)})" if body.strip() else ""
    if status == 503:  # of whatever stands before the server, which may be on its way back
        return ServiceUnavailable(f"{address} answered HTTP 503{said}")
    return HumanMemoryError(
        f"HTTP {status}: {address} has no answer to {call.route.method} {call.resource}{said}; "
        "is that the address of a memory, and its server as new as this client?",
        status,
    )


def _words(body: str) -> str | None:
    """The server's own words, in one line; None if these are no words of a memory."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    if isinstance(detail, str):
        return detail
    if isinstance(detail, list) and all(isinstance(each, dict) for each in detail):
        return "; ".join(map(_problem, detail)) or None
    return None


def _problem(problem: dict[str, Any]) -> str:
    """Ours name their field; those of other servers may have it beside the text alone."""
    text, place = str(problem.get("msg", problem)), problem.get("loc")
    field = str(place[-1]) if isinstance(place, list) and place else ""
    return text if field in text else f"{field}: {text}"


def _line(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= _TEXT_CHARACTERS_MAX else line[: _TEXT_CHARACTERS_MAX - 1] + "…"
