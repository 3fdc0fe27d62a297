"""Errors as HTTP shows them: a status, and a `detail` that is a text or a list of problems."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import MemoryServiceError, Rejected, Unavailable
from schemas.problems import rejection

Detail = str | list[dict[str, Any]]


def refused(error: ValidationError, model: Any, *, place: str = "body") -> Rejected:
    """A pydantic error as ours, with the problems as HTTP lists them in its details.

    Each has `loc` (`["body", "tags", 3]`), `msg`, which names the field too, and `type`.
    """
    return _refusal([(place, each) for each in error.errors(include_url=False)], model)


def refused_parameters(found: Sequence[ErrorDetails]) -> Rejected:
    """As `refused`, for problems whose `loc` begins with their place, as a framework lists them."""
    return _refusal(
        [(str(each["loc"][0]), {**each, "loc": each["loc"][1:] or each["loc"]}) for each in found],
        Any,
    )


def _refusal(found: Sequence[tuple[str, ErrorDetails]], model: Any) -> Rejected:
    ours = rejection([each for _, each in found], adapter_of(model))
    ours.details["detail"] = [
        {
            "loc": [place, *each["loc"]],
            "msg": f"{problem['field']}: {problem['problem']}".removeprefix(": "),
            "type": each["type"],
        }
        for (place, each), problem in zip(found, ours.details["problems"], strict=False)
    ]
    return ours


@cache  # what is worked out from an adapter is kept by adapter: a new one each time would pile up
def adapter_of(model: Any) -> TypeAdapter[Any]:
    """The adapter of a model, always the same one."""
    return TypeAdapter(model)


def problem(message: str, *, place: str, field: str | None = None) -> list[dict[str, Any]]:
    """A detail with one problem."""
    return [{"loc": [place, field] if field else [place], "msg": message, "type": "value_error"}]


def http_error(error: MemoryServiceError) -> tuple[int, Detail]:
    """Status and detail of an error. What a backend fails at is 503: the gateway itself is well."""
    if isinstance(error, Rejected):
        return error.http_status, error.details.get("detail") or _listed(error)
    status = Unavailable.http_status if error.code == "internal" else error.http_status
    return status, error.message


def _listed(error: Rejected) -> list[dict[str, Any]]:
    problems = error.details.get("problems")
    if not isinstance(problems, list):
        field = error.message.partition(":")[0]
        return problem(error.message, place="body", field=field if field.isidentifier() else None)
    return [
        {
            "loc": ["body", *str(each["field"]).split(".")],
            "msg": f"{each['field']}: {each['problem']}",
            "type": "value_error",
        }
        for each in problems
    ]
