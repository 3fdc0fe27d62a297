"""The contract of maintenance's read side on the fake and on Redis, and that both read the same."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.common.redis import RedisClient
from services.maintenance.adapters.redis_side import RedisReadSide
from services.maintenance.ports import Page, ReadSide
from services.readside.layout import STATUSES
from tests.builders import memory_id
from tests.contract.maintenance_contract import NEVER, MaintenanceSide, ReadSideContract
from tests.contract.redis_side import RedisSide
from tests.engines import Engines
from tests.fakes.maintenance_side import DueSide, FoldedReadSide
from tests.sequences import CONCEPTS, NAMES, NAMESPACES, logs


class FoldedMaintenanceSide:
    """The fake."""

    def __init__(self) -> None:
        self._side = DueSide()
        self.reads: ReadSide = FoldedReadSide(self._side)

    async def take(self, *events: MemoryEvent) -> None:
        self._side.take(*events)


class RedisMaintenanceSide(RedisSide):
    """The adapter."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        super().__init__(redis, prefix)
        self.reads: ReadSide = RedisReadSide(redis, self.build, prefix)


class TestFoldedReadSide(ReadSideContract):
    @pytest.fixture
    def side(self) -> FoldedMaintenanceSide:
        return FoldedMaintenanceSide()


@pytest.mark.integration
class TestRedisReadSide(ReadSideContract):
    @pytest.fixture
    async def side(self, stack: Engines) -> AsyncIterator[RedisMaintenanceSide]:
        async with RedisMaintenanceSide.at(stack.redis) as side:
            yield side


def shown(page: Page) -> list[Any]:
    """A page in a form that can be compared."""
    columns = [page.memories.states.tobytes(), page.memories.traces.tobytes()]
    terms = [each.tolist() for each in page.terms]
    return [
        page.memories.ids,
        *columns,
        page.changed_at,
        page.vectors.tolist(),
        terms,
        page.missing,
    ]


async def all_reads(side: MaintenanceSide) -> list[Any]:
    """Replies of every method."""
    every = [str(memory_id(name)) for name in NAMES]
    reads, found = side.reads, []
    for name in NAMESPACES:
        keys = [(each, status) for each in every for status in STATUSES]
        found += [
            await reads.upkeep(name),
            await reads.due(name, NEVER),
            shown(await reads.page(name, every)),
            [shown(page) async for page in reads.pages(name)],
            [shown(page) async for page in reads.pages(name, newest=2)],
            await reads.concepts(name, list(CONCEPTS)),
            [await reads.run(name, derive("run", number)) for number in (1, 2)],
            await reads.documents(name, [each for each, _ in keys], [each for _, each in keys]),
        ]
    return [await reads.namespaces(0), *found]


@pytest.mark.integration
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=logs())
def test_fake_reads_what_redis_reads_whatever_the_log_holds(
    stack: Engines, events: list[MemoryEvent]
) -> None:
    async def both() -> tuple[list[Any], list[Any]]:
        async with RedisMaintenanceSide.at(stack.redis) as real:
            fake = FoldedMaintenanceSide()
            for event in events:  # what is due depends on what came together
                await real.take(event)
                await fake.take(event)
            return await all_reads(real), await all_reads(fake)

    from_redis, from_fake = asyncio.run(both())

    assert from_redis == from_fake
