"""Refusals as HTTP lists them."""

import pytest

from human_memory import routes
from human_memory.operations.service import request_of
from schemas import problems
from schemas.errors import Rejected


def refuse() -> None:
    with pytest.raises(Rejected, match="content: is required"):
        request_of(routes.STORE, b"{}")


def test_refusals_of_one_route_keep_one_schema() -> None:
    refuse()
    kept = problems._schema.cache_info().currsize

    for _ in range(10):
        refuse()

    assert problems._schema.cache_info().currsize == kept
