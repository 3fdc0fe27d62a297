"""A request from the JSON that was sent: over HTTP, and over the bus by the client."""

from typing import Any, TypeVar, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from human_memory.operations.problems import adapter_of, refused
from human_memory.operations.requests import ApiRequest
from schemas.problems import Path, Problem, rejection
from schemas.reading import read, without

T = TypeVar("T", bound=BaseModel)


def request_of(model: type[T], body: bytes, *, ignored: list[Problem] | None = None) -> T:
    """The request that `body` is, strictly.

    Unknown fields are refused, or, where there is a list for them, left out and noted there.

    Raises:
        Rejected: it is none.
    """
    adapter: TypeAdapter[T] = adapter_of(model)
    try:
        return read(adapter, body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        unknown = [
            each
            for each in found
            if each["type"] == "extra_forbidden" and _in_request(model, each["loc"][:-1])
        ]
        if ignored is None or not unknown:
            raise refused(error, model) from None
    try:
        request = read(adapter, without(body, [each["loc"] for each in unknown]))
    except ValidationError as error:
        raise refused(error, model) from None
    ignored += rejection(unknown, adapter).details["problems"]
    return request


def _in_request(model: Any, path: Path) -> bool:
    """True for a request and its parts that are requests; a message has no unknown fields at all.

    Nobody's older server ignores what is in a message: those parts are new.
    """
    for step in path:
        if isinstance(step, str):
            kinds = _classes(model.model_fields[step].annotation)
            model = next((kind for kind in kinds if issubclass(kind, ApiRequest)), None)
        if model is None:
            return False
    return True


def _classes(annotation: Any) -> list[type]:
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [found for each in get_args(annotation) for found in _classes(each)]
