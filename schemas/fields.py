"""Field types that several messages share, and the base class that refuses unknown fields."""

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from schemas import limits

NEVER: Literal["never"] = "never"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})\Z"
)


def as_whole(value: Any) -> Any:
    """The same, as an int where it is a float without a fraction: to JSON 7.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Behind the bounds of a number: before them, these would not be in its JSON Schema.
WHOLE = BeforeValidator(as_whole)


class Message(BaseModel):
    """Base of all messages: immutable, finite numbers only, unknown fields refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@lru_cache(1_024)  # a store's moment is written in its event twice, and in its reply
def rfc3339(time_ms: int) -> str:
    """Milliseconds since the epoch as RFC 3339 in UTC.

    >>> rfc3339(1_700_000_000_123)
    '2023-11-14T22:13:20.123Z'
    """
    moment = (_EPOCH + time_ms * _MILLISECOND).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds") + "Z"


class Moment(int):
    """Milliseconds since the epoch, and how many minutes clocks were ahead of UTC where it was."""

    utc_offset: int

    def __new__(cls, time_ms: int, utc_offset: int = 0) -> Self:
        """A moment of so many milliseconds."""
        moment = super().__new__(cls, time_ms)
        moment.utc_offset = utc_offset
        return moment


def rfc3339_there(time_ms: int) -> str:
    """A time as RFC 3339: a `Moment` as clocks showed it where it was, any other in UTC.

    >>> rfc3339_there(Moment(1_700_000_000_123, 540))
    '2023-11-15T07:13:20.123+09:00'
    """
    if not isinstance(time_ms, Moment) or not time_ms.utc_offset:
        return rfc3339(int(time_ms))
    zone = timezone(timedelta(minutes=time_ms.utc_offset))
    try:
        moment = (_EPOCH + int(time_ms) * _MILLISECOND).astimezone(zone)
    except OverflowError:  # before the year 1 there, or after 9999
        return rfc3339(int(time_ms))
    return moment.isoformat(timespec="milliseconds")


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since the epoch, rounded down.

    >>> milliseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000
    """
    return (moment - _EPOCH) // _MILLISECOND


def _time_expected() -> PydanticCustomError:
    return PydanticCustomError(
        "time_type", "a time is an RFC 3339 string with its zone, such as 2026-01-31T09:30:00Z"
    )


def _parsed(text: str) -> datetime:
    if not _RFC3339.match(text):
        raise _time_expected()
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError as error:
        raise PydanticCustomError(
            "time_value", "no such time: {reason}", {"reason": str(error)}
        ) from None


def _to_milliseconds(value: Any, info: ValidationInfo) -> int:
    if isinstance(value, str):
        time_ms = milliseconds(_parsed(value))
    elif isinstance(value, datetime) and value.tzinfo is not None:
        time_ms = milliseconds(value)
    # Integers are how our own code writes a time. On the wire nobody can tell 1700000000 s from ms.
    elif isinstance(value, int) and not isinstance(value, bool) and info.mode != "json":
        time_ms = value
    else:
        raise _time_expected()
    if not limits.TIME_MS_MIN <= time_ms <= limits.TIME_MS_MAX:
        raise PydanticCustomError(
            "time_range", "a time must be between the years 1 and 9999, in UTC"
        )
    return time_ms


def _to_expiry(value: Any, info: ValidationInfo) -> int | str:
    if value == NEVER:
        return NEVER
    try:
        return _to_milliseconds(value, info)
    except PydanticCustomError as error:
        words = f"{error.message_template}; or give never"
        raise PydanticCustomError(error.type, words, error.context) from None


def _shown_expiry(value: int | str) -> str:
    return value if isinstance(value, str) else rfc3339(value)


def _to_moment(value: Any, info: ValidationInfo) -> int:
    time_ms = _to_milliseconds(value, info)
    if isinstance(value, int):
        return value
    offset = (_parsed(value) if isinstance(value, str) else value).utcoffset() or timedelta()
    return Moment(time_ms, offset // timedelta(minutes=1)) if offset else time_ms


def _check_json(value: JsonValue, depth: int = 1) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("not_finite", "numbers must be finite: no NaN, no infinity")
    if not isinstance(value, dict | list):
        return
    if depth > limits.METADATA_DEPTH_MAX:
        raise PydanticCustomError(
            "too_deep",
            "nested at most {allowed} deep; flatten it, or send it as a string of JSON",
            {"allowed": limits.METADATA_DEPTH_MAX},
        )
    for item in value.values() if isinstance(value, dict) else value:
        _check_json(item, depth + 1)


def bounded_json(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Refuse what not every reader of JSON could read, or what is too large or nested too deep."""
    _check_json(value)
    try:
        sent = len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        # Integers beyond 64 bits and lone surrogates: most readers of JSON would change them.
        raise PydanticCustomError(
            "not_portable",
            "not every reader of JSON can read this ({reason}); send it as a string",
            {"reason": str(error)},
        ) from None
    if sent > limits.METADATA_BYTES_MAX:
        raise PydanticCustomError(
            "too_many_bytes",
            "at most {allowed} bytes as JSON, {sent} sent; keep large values elsewhere, link them",
            {"allowed": limits.METADATA_BYTES_MAX, "sent": sent},
        )
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
Milliseconds = Annotated[
    int,
    PlainValidator(_to_milliseconds),
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# Keeps the offset that it is given with: an int that may be a `Moment`.
LocalMilliseconds = Annotated[
    int,
    PlainValidator(_to_moment),
    PlainSerializer(rfc3339_there, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# A moment of expiry, or the word for there being none: null says that it stays as it is.
Expiry = Annotated[
    int | Literal["never"],
    PlainValidator(_to_expiry),
    PlainSerializer(_shown_expiry, return_type=str, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"const": NEVER}]}),
]
Namespace = Annotated[
    str,
    StringConstraints(pattern=limits.NAMESPACE_PATTERN),
    Field(description="Whose memory: a tenant or an agent, such as `acme/agent-7` or `user:42`."),
]
Content = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=limits.CONTENT_CHARACTERS_MAX, pattern=limits.NOT_BLANK_PATTERN
    ),
    Field(description="What to remember, as text."),
    _SENDABLE,
]
QueryText = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=limits.QUERY_CHARACTERS_MAX, pattern=limits.NOT_BLANK_PATTERN
    ),
    Field(description="What to look for, as text."),
    _SENDABLE,
]
Context = Annotated[
    str,
    StringConstraints(max_length=limits.CONTEXT_CHARACTERS_MAX),
    Field(description="The situation, kept with the access; free text."),
    _SENDABLE,
]
Reason = Annotated[
    str,
    StringConstraints(max_length=limits.REASON_CHARACTERS_MAX),
    Field(description="Why, for people who read the log."),
    _SENDABLE,
]
MemoryType = Annotated[
    str,
    StringConstraints(max_length=limits.MEMORY_TYPE_CHARACTERS_MAX, pattern=limits.TAG_PATTERN),
    Field(description="`episodic`, `semantic`, `procedural`, `working`, `emotional`, or your own."),
    _SENDABLE,
]
Label = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.LABEL_CHARACTERS_MAX),
    _SENDABLE,
]
Session = Annotated[Label, Field(description="The conversation it belongs to.")]
Speaker = Annotated[Label, Field(description="Who said it.")]
Tag = Annotated[
    str,
    StringConstraints(max_length=limits.TAG_CHARACTERS_MAX, pattern=limits.TAG_PATTERN),
    _SENDABLE,
]
Tags = Annotated[
    list[Tag], Field(max_length=limits.TAGS_MAX, description="Labels to filter by; case counts.")
]
Metadata = Annotated[
    dict[str, JsonValue],
    AfterValidator(bounded_json),
    Field(description="Anything you want back, at most 8 KiB as JSON and 32 levels deep."),
]
ConceptType = Annotated[
    str, StringConstraints(min_length=1, max_length=limits.CONCEPT_TYPE_CHARACTERS_MAX), _SENDABLE
]
ConceptName = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=limits.CONCEPT_NAME_CHARACTERS_MAX,
        pattern=limits.NOT_BLANK_PATTERN,
    ),
    _SENDABLE,
    AfterValidator(_path_safe),
]
Concepts = Annotated[
    list[ConceptName],
    Field(max_length=limits.CONCEPTS_MAX, description="Names of concepts of the graph."),
]
RelationType = Annotated[
    str,
    StringConstraints(
        max_length=limits.RELATION_TYPE_CHARACTERS_MAX, pattern=limits.RELATION_TYPE_PATTERN
    ),
    Field(description="How the one is related to the other, such as LIVES_IN or `gehört zu`."),
    _SENDABLE,
]
IdempotencyKey = Annotated[
    str,
    StringConstraints(
        max_length=limits.IDEMPOTENCY_KEY_CHARACTERS_MAX, pattern=limits.IDEMPOTENCY_KEY_PATTERN
    ),
    Field(description="Your name for this request: sent again, it changes nothing."),
]
Position = Annotated[
    str,
    StringConstraints(pattern=limits.POSITION_PATTERN),
    Field(description="Partition and offset of a write, as a reply gives it."),
]
Fraction = Annotated[float, Field(ge=0, le=1)]
# Also where a strict model reads Python values: JSON has no other form of an id than text.
MemoryId = Annotated[UUID, Strict(False)]


class Emotion(Message):
    """A memory's feeling: valence -1 to 1, arousal 0 to 1, salience 0 to 1 (0.5 is neutral)."""

    valence: Annotated[float, Field(ge=-1, le=1)] = 0.0
    arousal: Fraction = 0.0
    salience: Fraction = 0.5


class Source(Message):
    """A memory this one was made from, and how much it contributed."""

    memory_id: MemoryId
    weight: Fraction = 1.0


class QueryBase(Message):
    """Fields of every query. `after`: the position of a write that the answer must have seen.

    A retry keeps its `query_id`, so that the accesses it causes are counted once.
    """

    namespace: Namespace
    after: Position | None = Field(
        None, description="The answer has seen this write, or is `unavailable`."
    )
    query_id: UUID | None = Field(
        None, description="Names the query; a retry keeps it, so its accesses count once."
    )
