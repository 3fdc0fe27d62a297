"""What a service says of itself at /ready."""

from typing import Any

import orjson
import pytest

from services.common import health


async def asked(check: str, note: str) -> tuple[int, dict[str, Any]]:
    """Status and body of /ready of a service with one check and one note."""

    async def checked() -> str:
        return check

    routes = dict(health.routes("one", {"part": checked}, {"upgrade": lambda: note}))
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/ready", "headers": [], "query_string": b""}
    await routes["/ready"](scope, receive, send)
    return sent[0]["status"], orjson.loads(sent[1]["body"])


@pytest.mark.parametrize(("check", "status"), [("ok", 200), ("loading", 503)])
async def test_notes_are_shown_and_make_no_difference_to_readiness(check: str, status: int) -> None:
    answered, body = await asked(check, "5 of 9 events")

    assert answered == status
    assert body["notes"] == {"upgrade": "5 of 9 events"}


async def test_where_there_is_nothing_to_note_nothing_is_said() -> None:
    _, body = await asked("ok", "")

    assert "notes" not in body
