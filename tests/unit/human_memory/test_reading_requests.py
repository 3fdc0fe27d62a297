"""A request from JSON: as strict over the bus as over HTTP, where only the unknown is forgiven."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from human_memory.operations.reading import request_of
from human_memory.operations.requests import ForgetStrategyRequest, StoreRequest
from human_memory.operations.table import OPERATIONS, Operation
from schemas.errors import Rejected
from schemas.problems import Problem


def test_unknown_field_is_refused_where_nobody_would_hear_of_it() -> None:
    with pytest.raises(Rejected, match="occured_at: is not a field here; did you mean occurred_at"):
        request_of(StoreRequest, b'{"content": "a", "occured_at": "2026-01-01T00:00:00Z"}')


def test_parameter_of_a_strategy_is_noted_by_its_place() -> None:
    ignored: list[Problem] = []

    request_of(
        ForgetStrategyRequest, b'{"strategy": "rif", "params": {"retreived": []}}', ignored=ignored
    )

    assert [each["field"] for each in ignored] == ["params.retreived"]


def least(model: type[BaseModel]) -> dict[str, Any]:
    """A request with as little as it needs."""
    needed = {name for name, info in model.model_fields.items() if info.is_required()}
    extra: Any = model.model_config.get("json_schema_extra") or {"examples": [{}]}
    example: dict[str, Any] = dict.fromkeys(needed, "x") | extra["examples"][0]
    least = {name: value for name, value in example.items() if name in needed}
    try:
        model.model_validate(least)
    except ValidationError:  # one of several is needed, as its example shows
        return example
    return least


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda each: each.route.name)
def test_null_is_not_given_for_any_optional_field_of_any_operation(operation: Operation) -> None:
    model = operation.request
    given = least(model)
    nulls = dict.fromkeys(model.model_fields.keys() - given.keys())

    read = request_of(model, json.dumps(nulls | given).encode())

    assert read == request_of(model, json.dumps(given).encode())
