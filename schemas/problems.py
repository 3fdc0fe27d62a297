"""The faults of a message in words: the field, what it must be, what was sent, what to do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas import limits
from schemas.errors import LimitExceeded, Rejected

Problem = dict[str, Any]
Path = tuple[int | str, ...]
_PROBLEMS_MAX = 10
_MESSAGE_CHARACTERS_MAX = 1_500  # fits the header of a dead letter
_FIELD_CHARACTERS_MAX = 80
_SENT_CHARACTERS_MAX = 40
NAMESPACE_RULE = "must be 1 to 128 characters of A-Z a-z 0-9 . _ / : @ | + = ~ ' -"
_PATTERNS_IN_WORDS = {
    limits.NAMESPACE_PATTERN: NAMESPACE_RULE,
    limits.RELATION_TYPE_PATTERN: (
        "must be a letter of any script, and then letters, digits, _ or single blanks"
    ),
    limits.TAG_PATTERN: "must not be empty, have control characters, or blanks at its ends",
    limits.IDEMPOTENCY_KEY_PATTERN: "must be visible ASCII characters, without blanks",
    limits.NOT_BLANK_PATTERN: "must not be only white space",
    limits.POSITION_PATTERN: "must be a position as a reply gave it, such as 3:1042",
}
_BOUNDS_IN_WORDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_LIMIT_UNITS = {
    "string_too_long": "characters",
    "too_long": "items",
    "too_many_bytes": "bytes",
}
_KNOWN_HELPS = {
    "extra_forbidden": "is not a field here",
    "union_tag_not_found": "is required",
    "union_tag_invalid": "{tag} is unknown",
}
_NO_OBJECT = {"dict_type", "model_type", "model_attributes_type"}


def rejected(error: ValidationError, adapter: TypeAdapter[Any]) -> Rejected:
    """A pydantic error as ours: one line for people, `details["problems"]` for programs.

    It is a `LimitExceeded` where a limit is all that is wrong.
    """
    return rejection(error.errors(include_url=False), adapter)


def rejection(found: Sequence[ErrorDetails], adapter: TypeAdapter[Any]) -> Rejected:
    """As `rejected`, for problems that pydantic has listed."""
    problems = [_problem(detail, adapter) for detail in found[:_PROBLEMS_MAX]]
    first = problems[0]
    if len(found) == 1 and "limit" in first:
        exceeded = LimitExceeded(
            first["limit"], allowed=first["allowed"], sent=first["sent"], remedy="send less of it"
        )
        exceeded.details["problems"] = problems
        return exceeded
    listed = "; ".join(f"{p['field']}: {p['problem']}".removeprefix(": ") for p in problems)
    more = len(found) - len(problems)
    message = _shortened(listed, _MESSAGE_CHARACTERS_MAX)
    return Rejected(message + (f"; and {more} more" if more else ""), problems=problems)


def path_of(detail: ErrorDetails, adapter: TypeAdapter[Any]) -> Path:
    """The place of a problem in the JSON that was sent."""
    if "discriminator" in _schema(adapter):
        return detail["loc"][1:]  # the tag, which the sender knows
    return detail["loc"]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Words that name what is spelled almost like it, or none.

    >>> did_you_mean("occured_at", ["content", "occurred_at"])
    '; did you mean occurred_at?'
    """
    # What is longer than any name of ours is no misspelling of one, and comparing it takes long.
    near = get_close_matches(name, list(known), n=1) if len(name) <= _FIELD_CHARACTERS_MAX else []
    return f"; did you mean {near[0]}?" if near else ""


def _problem(detail: ErrorDetails, adapter: TypeAdapter[Any]) -> Problem:
    kind, path, context = detail["type"], path_of(detail, adapter), detail.get("ctx", {})
    if kind.startswith("union_tag_"):
        path = ("type",)
    problem: Problem = {"field": _field(path), "problem": _words(detail, adapter)}
    if (unit := _LIMIT_UNITS.get(kind)) is not None:
        problem |= {
            "limit": f"{problem['field']}_{unit}",
            "allowed": context.get("allowed", context.get("max_length")),
            "sent": context.get("sent", context.get("actual_length", len(detail["input"]))),
        }
    return problem


def _words(detail: ErrorDetails, adapter: TypeAdapter[Any]) -> str:
    kind, context, sent = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind in _KNOWN_HELPS:
        words = _KNOWN_HELPS[kind].format(tag=_quoted(context.get("tag")))
        known = _known(detail, adapter)
        said = detail["loc"][-1] if kind == "extra_forbidden" else context.get("tag")
        meant = did_you_mean(str(said), known)
        return f"{words}{meant or ';'} known: {', '.join(known)}"
    if kind == "missing":
        return "is required"
    if kind == "json_invalid":
        return f"not JSON (RFC 8259, UTF-8): {context['error']}"
    if kind in _NO_OBJECT and not detail["loc"]:
        return f"a message is a JSON object, not {type(sent).__name__}"
    if kind in {"string_too_long", "too_long"}:
        length = context.get("actual_length") or len(sent)
        return f"{_bound('at most', context['max_length'], kind)}, {length:,} sent; shorten it"
    if kind in {"string_too_short", "too_short"}:
        return f"{_bound('at least', context['min_length'], kind)}, {len(sent):,} sent"
    words = detail["msg"]
    if kind == "string_pattern_mismatch":
        words = _PATTERNS_IN_WORDS.get(context["pattern"], f"must match {context['pattern']}")
    elif kind in _BOUNDS_IN_WORDS:
        name, bound = _BOUNDS_IN_WORDS[kind]
        words = f"must be {bound} {context[name]:,.10g}"
    return words + _was_sent(sent)


def _known(detail: ErrorDetails, adapter: TypeAdapter[Any]) -> list[str]:
    if detail["type"] == "extra_forbidden":
        return _known_fields(adapter, detail["loc"][:-1])
    return sorted(known_types(adapter))


def _bound(words: str, length: int, kind: str) -> str:
    return f"{words} {length:,} {'characters' if kind.startswith('string') else 'items'}"


def _was_sent(value: Any) -> str:
    if isinstance(value, str | int | float | bool | None):
        return f", not {_quoted(value)}"
    return ""


def _quoted(value: Any) -> str:
    return _shortened(json.dumps(value), _SENT_CHARACTERS_MAX)


def _field(path: Path) -> str:
    text = ".".join(map(str, path))
    # Escaped, so that a field can't forge a line of a log.
    return _shortened(text if text.isprintable() else json.dumps(text)[1:-1], _FIELD_CHARACTERS_MAX)


def _shortened(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


@cache
def _schema(adapter: TypeAdapter[Any]) -> Mapping[str, Any]:
    return adapter.json_schema()


@cache
def known_types(adapter: TypeAdapter[Any]) -> frozenset[str]:
    """The values of `type` that tell the messages of a union apart."""
    return frozenset(_schema(adapter)["discriminator"]["mapping"])


def _known_fields(adapter: TypeAdapter[Any], location: Path) -> list[str]:
    """The fields of the object at `location`, read from the schema."""
    schema = _schema(adapter)
    node = schema
    for step in location:
        node = _resolved(node, schema)
        if "discriminator" in node:
            node = {"$ref": node["discriminator"]["mapping"][step]}
        elif isinstance(step, int):
            node = node["items"]
        else:
            node = node["properties"][step]
    return sorted(_resolved(node, schema)["properties"])


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    # An optional object is `anyOf` itself and null.
    node = node["anyOf"][0] if "anyOf" in node else node
    name = node.get("$ref", "").removeprefix("#/$defs/")
    return schema["$defs"][name] if name else node
