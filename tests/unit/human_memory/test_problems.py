"""Refusals as HTTP lists them."""

import pytest
from pydantic import ValidationError

from human_memory.operations.problems import refused
from human_memory.operations.requests import StoreRequest
from schemas import problems


def refuse() -> None:
    with pytest.raises(ValidationError) as raised:
        StoreRequest.model_validate({})
    assert refused(raised.value, StoreRequest).message == "content: is required"


def test_refusals_of_one_route_keep_one_schema() -> None:
    refuse()
    kept = problems._schema.cache_info().currsize

    for _ in range(10):
        refuse()

    assert problems._schema.cache_info().currsize == kept
