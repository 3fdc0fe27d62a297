"""JSON answers."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from human_memory.operations.problems import http_error
from schemas.errors import MemoryServiceError

RETRY_AFTER = {"Retry-After": "1"}


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`content` as JSON."""
    return Response(
        orjson.dumps(content), status, dict(headers or {}), media_type="application/json"
    )


def error_response(error: MemoryServiceError) -> Response:
    """An error as the contract has it; what may work later says when."""
    status, detail = http_error(error)
    return json_response({"detail": detail}, status, RETRY_AFTER if status == 503 else None)
