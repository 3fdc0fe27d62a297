"""The OpenAPI document: every route has examples, which are what they are examples of."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from human_memory.operations.table import OPERATIONS, Operation
from services.gateway.app import app

DOCUMENT = app.openapi()
HTTP = ("get", "post", "delete")
JSON = "application/json"


def operations() -> dict[str, dict[str, Any]]:
    """By their ids."""
    return {
        operation["operationId"]: operation
        for path in DOCUMENT["paths"].values()
        for method, operation in path.items()
        if method in HTTP
    }


def problems(value: Any, schema: dict[str, Any]) -> list[str]:
    """How a value differs from a schema of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_every_route_is_in_the_document() -> None:
    named = {route.name for route in OPERATIONS}

    assert set(operations()) == named | {"health", "events", "benchmark"}


@pytest.mark.parametrize("name", sorted(operations().keys() - {"health"}))
def test_every_answer_has_an_example_that_fits_its_schema(name: str) -> None:
    for status, answer in operations()[name]["responses"].items():
        (content,) = answer["content"].values()

        assert problems(content["example"], content["schema"]) == [], (name, status)


@pytest.mark.parametrize(
    "operation",
    [operation for operation in OPERATIONS.values() if operation.has_body],
    ids=lambda operation: operation.route.name,
)
def test_every_body_has_an_example_that_is_accepted(operation: Operation) -> None:
    schema = operations()[operation.route.name]["requestBody"]["content"][JSON]["schema"]
    model = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]

    assert model["examples"]
    for example in model["examples"]:
        assert problems(example, schema) == []
        assert operation.request.model_validate_json(json.dumps(example), strict=True)


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_parameter_of_a_path_has_an_example(name: str) -> None:
    parameters = operations()[name].get("parameters", [])

    assert all(each["schema"]["examples"] for each in parameters if each["in"] == "path")


def test_keys_are_described_and_not_needed_where_all_is_open() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"Bearer", "Basic"}
    assert {} in DOCUMENT["security"]
    assert operations()["health"]["security"] == operations()["ready"]["security"] == []
