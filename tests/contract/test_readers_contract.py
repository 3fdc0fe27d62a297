"""The contracts of the readers on the fakes and on Redis, and that both read the same."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from schemas.events import MemoryEvent
from services.common.redis import RedisClient, connect
from services.projection.pause import unlink
from services.readside.columns import Memories
from services.readside.layout import (
    STATUSES,
    hash64,
)
from services.retrieval.adapters.redis_graph import RedisGraphReader
from services.retrieval.adapters.redis_installation import RedisInstallationReader
from services.retrieval.adapters.redis_memories import RedisMemoryReader
from services.retrieval.adapters.redis_search import RedisSearchReader
from services.retrieval.ports import (
    GraphReader,
    InstallationReader,
    Known,
    MemoryReader,
    SearchReader,
)
from tests.builders import memory_id
from tests.contract.deleted_reads_contract import DeletedReadsContract
from tests.contract.readers_contract import (
    BOUNDS,
    NAMESPACE,
    GraphReaderContract,
    InstallationReaderContract,
    MemoryReaderContract,
    ReadSide,
    SearchReaderContract,
    planned,
)
from tests.contract.redis_side import RedisSide, new_prefix
from tests.engines import Engines
from tests.fakes.folded_side import FoldedSide
from tests.fakes.graph_reader import FoldedGraphReader
from tests.fakes.installation_reader import FoldedInstallationReader
from tests.fakes.memory_reader import FoldedMemoryReader
from tests.fakes.search_reader import FoldedSearchReader
from tests.sequences import CONCEPTS, NAMES, logs

EXAMPLES = count()


class FoldedReadSide:
    """The fakes."""

    def __init__(self) -> None:
        self._side = FoldedSide()
        self.search: SearchReader = FoldedSearchReader(self._side)
        self.memories: MemoryReader = FoldedMemoryReader(self._side)
        self.graph: GraphReader = FoldedGraphReader(self._side)
        self.installation: InstallationReader = FoldedInstallationReader(self._side)

    async def take(self, *events: MemoryEvent) -> None:
        self._side.take(*events)

    async def rebuild_beside(self, events: int) -> None:
        self._side.beside = 3, events

    async def lose(self, target: int) -> None:
        self._side.target = target


class RedisReadSide(RedisSide):
    """The adapters."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        super().__init__(redis, prefix)
        self.search: SearchReader = RedisSearchReader(self.build)
        self.memories: MemoryReader = RedisMemoryReader(self.build)
        self.graph: GraphReader = RedisGraphReader(self.build)
        self.installation: InstallationReader = RedisInstallationReader(self.build, partitions=1)


class OnFakes:
    @pytest.fixture
    def side(self) -> FoldedReadSide:
        return FoldedReadSide()


class OnRedis:
    @pytest.fixture
    async def side(self, stack: Engines) -> AsyncIterator[RedisReadSide]:
        async with RedisReadSide.at(stack.redis) as side:
            yield side


class TestFoldedSearchReader(OnFakes, SearchReaderContract):
    """Without Redis."""


class TestFoldedMemoryReader(OnFakes, MemoryReaderContract):
    """Without Redis."""


class TestFoldedGraphReader(OnFakes, GraphReaderContract):
    """Without Redis."""


class TestFoldedInstallationReader(OnFakes, InstallationReaderContract):
    """Without Redis."""


class TestFoldedReadersAfterADeletion(OnFakes, DeletedReadsContract):
    """Without Redis."""


@pytest.mark.integration
class TestRedisReadersAfterADeletion(OnRedis, DeletedReadsContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisSearchReader(OnRedis, SearchReaderContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisMemoryReader(OnRedis, MemoryReaderContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisGraphReader(OnRedis, GraphReaderContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisInstallationReader(OnRedis, InstallationReaderContract):
    """On Redis."""


def shown(memories: Memories) -> list[Any]:
    """Content of some columns."""
    columns = [memories.states.tobytes(), memories.traces.tobytes()]
    return [memories.ids, *columns, memories.changes, memories.concepts]


async def all_reads(side: ReadSide) -> list[Any]:
    """Replies of every method, in a form that can be compared."""
    every = [str(memory_id(name)) for name in NAMES]
    keys = [(name, status) for name in every for status in STATUSES]
    plan = planned("four cups of tea", include_decayed=True)
    first = await side.search.first(plan, Known(None, every, 99), BOUNDS)
    changes = await side.graph.changes(NAMESPACE, 0, None, most=99)
    whole, recent = await side.memories.whole(NAMESPACE), await side.memories.recent(NAMESPACE, 3)
    return [
        (first.cursor, first.changed, dict(first.records), first.records_at),
        (first.recent, first.frequent, first.parameters, first.memories, first.length),
        (first.frequencies, sorted(first.nearest), sorted(first.matching)),
        await side.search.records(NAMESPACE, every, 0),
        await side.search.attributes(NAMESPACE, keys),
        await side.search.fans(NAMESPACE, [hash64(name) for name in CONCEPTS], linked=9),
        (*whole[:2], shown(whole[2])),
        (*recent[:2], shown(recent[2])),
        await side.memories.documents(NAMESPACE, keys),
        await side.memories.counts(NAMESPACE, 0),
        await side.memories.runs(NAMESPACE, 9),
        changes,
        await side.graph.values(NAMESPACE, changes),
        [await side.graph.concept(NAMESPACE, name) for name in CONCEPTS],
    ]


async def entries(side: ReadSide) -> list[Any]:
    found = [await side.memories.entry(NAMESPACE, memory_id(name)) for name in NAMES]
    return [
        (at, entry and (entry.state, entry.document, entry.contexts, shown(entry.memories)))
        for at, entry in found
    ]


@pytest.fixture
async def prefix(stack: Engines) -> AsyncIterator[str]:
    """The beginning of keys that are gone after the test."""
    name = new_prefix()
    yield name
    redis = connect(stack.redis)
    await unlink(redis, f"{name}*")
    await redis.aclose()


async def both_reads(
    redis_url: str, prefix: str, events: list[MemoryEvent]
) -> tuple[list[Any], list[Any]]:
    """All that is read from Redis, and from the fakes, after the same events."""
    redis = connect(redis_url)
    real, fake = RedisReadSide(redis, prefix), FoldedReadSide()
    try:
        for side in (real, fake):
            await side.take(*events)
        return (
            [*await all_reads(real), *await entries(real)],
            [*await all_reads(fake), *await entries(fake)],
        )
    finally:
        await real.clear()
        await redis.aclose()


@pytest.mark.integration
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=logs())
def test_fakes_read_what_redis_reads_whatever_the_log_holds(
    stack: Engines, prefix: str, events: list[MemoryEvent]
) -> None:
    own = f"{prefix}{next(EXAMPLES)}:"

    from_redis, from_fakes = asyncio.run(both_reads(stack.redis, own, events))

    assert from_redis == from_fakes
