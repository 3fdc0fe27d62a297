"""JSON as a message: `null` for an optional field is the same as leaving the field out."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from schemas.problems import Path, path_of

T = TypeVar("T")


def read(adapter: TypeAdapter[T], value: bytes) -> T:
    """The message that `value` is, strictly: what the published schema refuses is refused.

    Raises:
        ValidationError: it is none, also without the nulls.
    """
    try:
        return adapter.validate_json(value, strict=True)
    except ValidationError as error:
        # Looked for here alone: a message without such nulls costs one pass.
        nulls = _nulls(error.errors(include_url=False), adapter)
        if not nulls:
            raise
    return adapter.validate_json(without(value, nulls), strict=True)


def without(value: bytes, paths: Iterable[Path]) -> bytes:
    """JSON without the fields at some paths, all of which are there.

    >>> without(b'{"a": [{"b": 1, "c": 2}]}', [("a", 0, "b")])
    b'{"a":[{"c":2}]}'
    """
    tree: Any = from_json(value)
    for path in paths:
        node = tree
        for step in path[:-1]:
            node = node[step]
        del node[path[-1]]
    return to_json(tree, inf_nan_mode="constants")


def _nulls(found: Sequence[ErrorDetails], adapter: TypeAdapter[Any]) -> list[Path]:
    """The fields that were refused as they are null. An item of a list is no field."""
    paths = dict.fromkeys(
        path_of(each, adapter)
        for each in found
        if each["input"] is None and each["type"] not in {"missing", "extra_forbidden"}
    )
    return [path for path in paths if path and isinstance(path[-1], str)]
