"""Bytes to messages and back. Whatever is wrong with the bytes becomes one clear `Rejected`."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from schemas.errors import LimitExceeded, Rejected
from schemas.events import MEMORY_EVENT, MemoryEvent
from schemas.fields import Message
from schemas.inbox import INBOX_MESSAGE, InboxMessage
from schemas.limits import VALUE_BYTES_MAX
from schemas.maintenance import MAINTENANCE_COMMAND, MaintenanceCommand
from schemas.problems import known_types, rejected
from schemas.queries import QUERY, Query
from schemas.reading import read
from schemas.replies import REPLY, Reply
from schemas.upcasters import UPCASTERS, Upcaster, upcast

T = TypeVar("T")


def decode_inbox(value: bytes | None) -> InboxMessage:
    """An inbox command.

    Raises:
        Rejected: not JSON, unknown type, unknown field, a field out of bounds: all are named.
    """
    return _decoded(INBOX_MESSAGE, value, read)


def decode_query(value: bytes | None) -> Query:
    """A query; raises like `decode_inbox`."""
    return _decoded(QUERY, value, read)


def decode_maintenance(value: bytes | None) -> MaintenanceCommand:
    """A maintenance command; raises like `decode_inbox`."""
    return _decoded(MAINTENANCE_COMMAND, value, read)


def decode_reply(value: bytes | None) -> Reply:
    """A reply; raises like `decode_inbox`."""
    return _decoded(REPLY, value)


def decode_event(value: bytes | None) -> MemoryEvent:
    """An event of the log, raised to its newest version.

    Raises:
        Rejected: this is no event of ours.
        UnknownEventVersion: it is one, but newer than this service.
    """
    return decode_versioned(MEMORY_EVENT, value, UPCASTERS)


def decode_versioned(
    adapter: TypeAdapter[T], value: bytes | None, upcasters: Mapping[str, Upcaster]
) -> T:
    """As `decode_event`, for any union of events with any upcasters."""
    try:
        return _decoded(adapter, value)
    except Rejected:
        # Only what the newest models can't read is looked at twice; the rest costs one pass.
        raised = _raised(value, known_types(adapter), upcasters)
        if raised is None:
            raise
    return _decoded(adapter, raised)


def encode(message: Message) -> bytes:
    """A message as JSON bytes.

    Raises:
        LimitExceeded: larger than a record may be.
    """
    value = message.model_dump_json(exclude_none=True).encode()
    if len(value) > VALUE_BYTES_MAX:
        raise LimitExceeded(
            "value_bytes", allowed=VALUE_BYTES_MAX, sent=len(value), remedy="send less at a time"
        )
    return value


def _strictly(adapter: TypeAdapter[T], value: bytes) -> T:
    return adapter.validate_json(value, strict=True)


def _decoded(
    adapter: TypeAdapter[T],
    value: bytes | None,
    reader: Callable[[TypeAdapter[T], bytes], T] = _strictly,
) -> T:
    if value is None:
        raise Rejected("the record has no value; a message is a JSON object")
    try:
        # Strict: what the published JSON Schemas refuse ("7" for 7) is refused here too.
        return reader(adapter, value)
    except ValidationError as error:
        raise rejected(error, adapter) from None


def _raised(
    value: bytes | None, known: frozenset[str], upcasters: Mapping[str, Upcaster]
) -> bytes | None:
    """The event in its newest version, or None if it is that already, or no event at all."""
    try:
        event = from_json(value or b"")
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    raised = upcast(event, known, upcasters)
    return None if raised is event else to_json(raised, inf_nan_mode="constants")
