"""Concepts over HTTP, whose relations may not fit one record of the bus."""

from typing import Any

import pytest

from human_memory.deadline import Deadline
from human_memory.operations import graph
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import ConceptByName
from schemas.errors import LimitExceeded, Rejected
from schemas.queries import ConceptQuery
from schemas.replies import Reply, error_reply


class Hub:
    """A bus that knows one concept; so many of its relations fit a record."""

    def __init__(self, relations: int, *, fit: int) -> None:
        self.asked = 0
        self._fit = fit
        self._relations = [
            {"source": "hub", "target": str(n), "relation_type": "NEAR", "direction": "out"}
            | {"weight": 1.0}
            for n in range(relations)
        ]

    async def request(self, query: ConceptQuery, **_: Any) -> Reply:
        self.asked += 1
        end = None if query.limit is None else query.offset + query.limit
        page = self._relations[query.offset : end]
        if len(page) > self._fit:
            return error_reply(
                LimitExceeded("value_bytes", allowed=self._fit, sent=len(page), remedy="page")
            )
        fields = {"name": "hub", "type": "concept", "activation": 0.8, "aliases": []}
        return Reply(result={**fields, "relationships": page, "total": len(self._relations)})


async def targets(hub: Hub) -> list[str]:
    """What the hub is seen to relate to."""
    context = RequestContext(hub, "n", Deadline.after(5))  # type: ignore[arg-type] # has what is used
    found = await graph.get_concept(ConceptByName(name="hub"), context)
    return [each.target for each in found.relationships]


@pytest.mark.parametrize("relations", [0, 1, 49, 50, 51, 20_000])
async def test_concept_is_shown_with_all_its_relations_in_order(relations: int) -> None:
    assert await targets(Hub(relations, fit=10_000)) == [str(n) for n in range(relations)]
    assert await targets(Hub(min(relations, 100), fit=1)) == [
        str(n) for n in range(min(relations, 100))
    ]


async def test_what_fits_is_asked_for_once() -> None:
    hub = Hub(10_000, fit=10_000)
    await targets(hub)

    assert hub.asked == 1


async def test_relation_that_fits_no_record_is_refused() -> None:
    with pytest.raises(Rejected, match="value_bytes"):
        await targets(Hub(3, fit=0))
