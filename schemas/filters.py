"""Filters by metadata: what a memory's metadata must say, as JSON.

`{"kind": "invoice", "total": {"$gte": 100}, "from": {"city": "Bern"}, "from.zip": 3011}`

A key is a field of the metadata, or with dots a path into it; an object without operators is a
filter of what lies within. All conditions must hold.
"""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue
from pydantic_core import PydanticCustomError

from schemas.fields import bounded_json

_MISSING = object()


def matches(filter_: dict[str, JsonValue], metadata: dict[str, Any]) -> bool:
    """True if metadata pass a filter.

    A field that is missing is not equal to anything, and neither more nor less. Numbers are
    compared with numbers and texts with texts; a list is compared as a whole.

    >>> matches({"total": {"$gte": 100}, "from.city": "Bern"}, {"total": 120, "from": {}})
    False
    """
    return all(_holds(wanted, _at(metadata, path)) for path, wanted in filter_.items())


def _at(metadata: Any, path: str) -> Any:
    """The value at a path; a key that has the dots itself comes first."""
    if not isinstance(metadata, dict):
        return _MISSING
    if path in metadata:
        return metadata[path]
    first, dot, rest = path.partition(".")
    return _at(metadata.get(first), rest) if dot else _MISSING


def _holds(wanted: Any, value: Any) -> bool:
    if not isinstance(wanted, dict):
        return _equal(value, wanted)
    if any(name.startswith("$") for name in wanted):
        return all(_OPERATORS[name](value, bound) for name, bound in wanted.items())
    return isinstance(value, dict) and matches(wanted, value)


def _equal(one: Any, other: Any) -> bool:
    """Equality in JSON: 1 is 1.0, and true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[name], other[name]) for name in one)
    return bool(one == other)


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(value: Any, bound: Any) -> bool:
        return _kind(value) is not None and _kind(value) is _kind(bound) and compare(value, bound)

    return holds


def _kind(value: Any) -> type | None:
    """The kind of what has an order."""
    if isinstance(value, bool):
        return None
    return str if isinstance(value, str) else float if isinstance(value, int | float) else None


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$ne": lambda value, bound: not _equal(value, bound),
    "$gt": _comparing(lambda value, bound: value > bound),
    "$gte": _comparing(lambda value, bound: value >= bound),
    "$lt": _comparing(lambda value, bound: value < bound),
    "$lte": _comparing(lambda value, bound: value <= bound),
    "$in": lambda value, bound: any(_equal(value, each) for each in bound),
    "$exists": lambda value, bound: (value is not _MISSING) is bound,
}


def _checked(filter_: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _check(bounded_json(filter_), "")
    return filter_


def _check(filter_: dict[str, Any], within: str) -> None:
    for path, wanted in filter_.items():
        if path.startswith("$"):
            raise _unknown(path, "a filter begins with fields of the metadata")
        if not isinstance(wanted, dict):
            continue
        place = f"{within}{path}"
        if not any(name.startswith("$") for name in wanted):
            if not wanted:
                raise PydanticCustomError(
                    "filter", "{place}: say what it must be, or exist", {"place": place}
                )
            _check(wanted, f"{place}.")
            continue
        for name, bound in wanted.items():
            _check_operator(place, name, bound)


def _check_operator(place: str, name: str, bound: Any) -> None:
    if name not in _OPERATORS:
        raise _unknown(name, f"{place} has no such condition")
    if name == "$in" and not isinstance(bound, list):
        raise PydanticCustomError("filter", "{place}: $in takes a list", {"place": place})
    if name == "$exists" and not isinstance(bound, bool):
        raise PydanticCustomError(
            "filter", "{place}: $exists takes true or false", {"place": place}
        )
    if name in ("$gt", "$gte", "$lt", "$lte") and _kind(bound) is None:
        raise PydanticCustomError(
            "filter", "{place}: {name} takes a number or a text", {"place": place, "name": name}
        )


def _unknown(name: str, why: str) -> PydanticCustomError:
    return PydanticCustomError(
        "filter_operator",
        "{name} is no operator: {why}; known: {known}",
        {"name": name, "why": why, "known": ", ".join(_OPERATORS)},
    )


MetadataFilter = Annotated[
    dict[str, JsonValue],
    AfterValidator(_checked),
    Field(
        description="Only memories whose metadata say so: `{field: value}`, or "
        "`{field: {operator: value}}` with `$eq`, `$ne`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, "
        "`$exists`; `a.b` is a field within one.",
    ),
]
