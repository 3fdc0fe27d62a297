"""Field types that several messages share, and the base class that refuses unknown fields."""

import math
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from schemas import limits

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_AWARE = TypeAdapter(AwareDatetime)


class Message(BaseModel):
    """Base of all messages: immutable, finite numbers only, unknown fields refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def rfc3339(time_ms: int) -> str:
    """Milliseconds since the epoch as RFC 3339 in UTC.

    >>> rfc3339(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    moment = (_EPOCH + time_ms * _MILLISECOND).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    return (moment - _EPOCH) // _MILLISECOND


def _to_milliseconds(value: Any, _: Any) -> int:
    # Integers are how our own code writes a time; on the wire it is a string with a zone.
    if isinstance(value, int) and not isinstance(value, bool):
        if limits.TIME_MS_MIN <= value <= limits.TIME_MS_MAX:
            return value
        raise PydanticCustomError("time_range", "a time must be between the years 1 and 9999")
    if not isinstance(value, str | datetime):
        raise PydanticCustomError(
            "time_type", "a time is an RFC 3339 string, such as 2026-01-31T09:30:00Z"
        )
    return milliseconds(_AWARE.validate_python(value))


def _finite(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    return all(map(_finite, value)) if isinstance(value, list) else True


def _bounded_metadata(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if not _finite(value):
        raise PydanticCustomError("not_finite", "numbers must be finite: no NaN, no infinity")
    sent = len(orjson.dumps(value))
    if sent > limits.METADATA_BYTES_MAX:
        raise PydanticCustomError(
            "too_large",
            "at most {allowed} bytes as JSON ({sent} sent); keep large values elsewhere, link them",
            {"allowed": limits.METADATA_BYTES_MAX, "sent": sent},
        )
    return value


def _not_blank(value: str) -> str:
    if value.isspace():
        raise PydanticCustomError("blank", "must not be only white space")
    return value


def _sendable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("not_unicode", "must be valid Unicode") from None
    return value


def _path_safe(value: str) -> str:
    if any(part in {".", ".."} for part in value.split("/")):
        raise PydanticCustomError("dot_segment", "must not have . or .. between slashes")
    return value


_SENDABLE = AfterValidator(_sendable)
_NOT_BLANK = AfterValidator(_not_blank)
Milliseconds = Annotated[
    int,
    WrapValidator(_to_milliseconds),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Namespace = Annotated[str, StringConstraints(pattern=limits.NAMESPACE_PATTERN)]
Content = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.CONTENT_CHARACTERS_MAX),
    _SENDABLE,
    _NOT_BLANK,
]
QueryText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.QUERY_CHARACTERS_MAX),
    _SENDABLE,
    _NOT_BLANK,
]
Context = Annotated[str, StringConstraints(max_length=limits.CONTEXT_CHARACTERS_MAX), _SENDABLE]
Reason = Annotated[str, StringConstraints(max_length=limits.REASON_CHARACTERS_MAX), _SENDABLE]
# RediSearch trims tags and separates them with U+001F; neither may change what was sent.
_LABEL_PATTERN = r"^[^\s\x00-\x1f]([^\x00-\x1f]*[^\s\x00-\x1f])?$"
MemoryType = Annotated[
    str,
    StringConstraints(max_length=limits.MEMORY_TYPE_CHARACTERS_MAX, pattern=_LABEL_PATTERN),
    _SENDABLE,
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.LABEL_CHARACTERS_MAX),
    _SENDABLE,
]
Tag = Annotated[
    str, StringConstraints(max_length=limits.TAG_CHARACTERS_MAX, pattern=_LABEL_PATTERN), _SENDABLE
]
Tags = Annotated[list[Tag], Field(max_length=limits.TAGS_MAX)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_bounded_metadata)]
ConceptType = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.CONCEPT_TYPE_CHARACTERS_MAX), _SENDABLE
]
ConceptName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.CONCEPT_NAME_CHARACTERS_MAX),
    _SENDABLE,
    _NOT_BLANK,
    AfterValidator(_path_safe),
]
Concepts = Annotated[list[ConceptName], Field(max_length=limits.CONCEPTS_MAX)]
IdempotencyKey = Annotated[
    str,
    StringConstraints(max_length=limits.IDEMPOTENCY_KEY_CHARACTERS_MAX, pattern=r"^[\x21-\x7e]+$"),
]
Position = Annotated[str, StringConstraints(pattern=limits.POSITION_PATTERN)]
Fraction = Annotated[float, Field(ge=0, le=1)]
MemoryId = UUID


class Emotion(Message):
    """How a memory feels: valence -1 to 1, arousal 0 to 1, salience 0 to 1 (0.5 is neutral)."""

    valence: Annotated[float, Field(ge=-1, le=1)] = 0.0
    arousal: Fraction = 0.0
    salience: Fraction = 0.5


class Source(Message):
    """A memory this one was made from, and how much it contributed."""

    memory_id: MemoryId
    weight: Fraction = 1.0
