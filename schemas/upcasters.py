"""Upcasters: pure functions that turn an event of version N into version N + 1, on reading.

The log is never rewritten. When an event type gets a new version, its model changes, its old
golden file stays, and one function here bridges the two.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from schemas.errors import UnknownEventVersion

JsonObject = dict[str, Any]
Upcaster = Callable[[JsonObject], JsonObject]

# {"memory.stored.v1": a function that returns the same event as memory.stored.v2}
UPCASTERS: Mapping[str, Upcaster] = {}

_VERSIONED = re.compile(r"([a-z][a-z.]*)\.v([1-9][0-9]{0,8})\Z")


def split_version(event_type: str) -> tuple[str, int] | None:
    """Name and version of an event type, or None if it has not that form.

    >>> split_version("memory.stored.v2")
    ('memory.stored', 2)
    """
    found = _VERSIONED.match(event_type)
    return (found[1], int(found[2])) if found else None


def upcast(
    event: JsonObject, known: frozenset[str], upcasters: Mapping[str, Upcaster] = UPCASTERS
) -> JsonObject:
    """Raise `event` to the newest version, step by step.

    Args:
        event: the decoded record; its `type` names name and version.
        known: the event types that have a model, at their newest version.
        upcasters: by the type they read.

    Raises:
        UnknownEventVersion: a type we know, in a version newer than we know.
    """
    while (upcaster := upcasters.get(event_type := str(event.get("type")))) is not None:
        event = upcaster(event)
        # Each step must climb, or the loop would not end.
        assert _follows(event_type, str(event["type"])), f"{event_type} became {event['type']}"
    parts = split_version(event_type)
    newest = _newest(known)
    if parts is not None and parts[1] > newest.get(parts[0], parts[1]):
        raise UnknownEventVersion(
            f"{event_type}: this service knows {parts[0]} up to v{newest[parts[0]]}; "
            "upgrade it, then restart it",
            event_type=event_type,
        )
    return event


@cache
def _newest(known: frozenset[str]) -> dict[str, int]:
    return dict(filter(None, map(split_version, known)))


def _follows(before: str, after: str) -> bool:
    old, new = split_version(before), split_version(after)
    return old is not None and new == (old[0], old[1] + 1)
