"""Bytes to messages and back. Whatever is wrong with the bytes becomes one clear `Rejected`."""

from functools import cache
from typing import Any, TypeVar, get_args

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.errors import LimitExceeded, Rejected
from schemas.events import MEMORY_EVENT, MemoryEvent
from schemas.fields import Message
from schemas.inbox import INBOX_MESSAGE, InboxMessage
from schemas.limits import RECORD_BYTES_MAX
from schemas.queries import QUERY, Query
from schemas.upcasters import upcast

T = TypeVar("T")
_PROBLEMS_MAX = 10


def decode_inbox(value: bytes | None) -> InboxMessage:
    """An inbox command.

    Raises:
        Rejected: not JSON, unknown type, unknown field, a field out of bounds: all are named.
    """
    return validated(INBOX_MESSAGE, _json_object(value))


def decode_query(value: bytes | None) -> Query:
    """A query; raises like `decode_inbox`."""
    return validated(QUERY, _json_object(value))


def decode_event(value: bytes | None) -> MemoryEvent:
    """An event of the log, raised to its newest version.

    Raises:
        Rejected: this is no event of ours.
        UnknownEventVersion: it is one, but newer than this service.
    """
    return validated(MEMORY_EVENT, upcast(_json_object(value), event_types()))


def encode(message: Message) -> bytes:
    """A message as JSON bytes.

    Raises:
        LimitExceeded: larger than a record may be.
    """
    value = message.model_dump_json(exclude_none=True, exclude_unset=False).encode()
    if len(value) > RECORD_BYTES_MAX:
        raise LimitExceeded(
            "record_bytes", allowed=RECORD_BYTES_MAX, sent=len(value), remedy="send less at a time"
        )
    return value


@cache
def event_types() -> frozenset[str]:
    """The event types that have a model."""
    union = get_args(MemoryEvent)[0]
    return frozenset(model.model_fields["type"].default for model in get_args(union))


def validated(adapter: TypeAdapter[T], data: Any) -> T:
    """`data` as the adapter's type; raises `Rejected` with every problem by field."""
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise rejected(error) from None


def rejected(error: ValidationError) -> Rejected:
    """A pydantic error as ours: one line for people, a list of problems for programs."""
    problems = [
        {"field": _field(problem["loc"]), "problem": problem["msg"]}
        for problem in error.errors(include_url=False, include_input=False)
    ]
    listed = "; ".join(f"{p['field']}: {p['problem']}" for p in problems[:_PROBLEMS_MAX])
    more = len(problems) - _PROBLEMS_MAX
    return Rejected(
        listed + (f"; and {more} more" if more > 0 else ""), problems=problems[:_PROBLEMS_MAX]
    )


def _field(location: tuple[int | str, ...]) -> str:
    # A tagged union puts its tag first; the sender knows the type it sent.
    return ".".join(map(str, location[1:])) or "type"


def _json_object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise Rejected("the record has no value; a message is a JSON object")
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Rejected(f"not JSON (RFC 8259, UTF-8, finite numbers): {error}") from None
    if not isinstance(data, dict):
        raise Rejected(f"a message is a JSON object, not {type(data).__name__}")
    return data


def json_schema(model: type[BaseModel] | TypeAdapter[Any]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a message or a union of them."""
    if isinstance(model, TypeAdapter):
        return model.json_schema()
    return model.model_json_schema()
