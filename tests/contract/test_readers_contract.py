"""The contracts of the readers on the fakes and on Redis, and that both read the same."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from schemas.events import MemoryEvent
from services.common.redis import RedisClient, connect
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.pause import unlink
from services.readside.columns import Memories
from services.readside.layout import STATUSES, hash64
from services.readside.live_build import LiveBuild
from services.retrieval.adapters.redis_graph import RedisGraphReader
from services.retrieval.adapters.redis_memories import RedisMemoryReader
from services.retrieval.adapters.redis_search import RedisSearchReader
from services.retrieval.ports import GraphReader, Known, MemoryReader, SearchReader
from tests.builders import memory_id
from tests.contract.folding import fold_all
from tests.contract.readers_contract import (
    BOUNDS,
    NAMESPACE,
    GraphReaderContract,
    MemoryReaderContract,
    ReadSide,
    SearchReaderContract,
    planned,
)
from tests.engines import Engines
from tests.fakes.folded_side import FoldedSide
from tests.fakes.graph_reader import FoldedGraphReader
from tests.fakes.memory_reader import FoldedMemoryReader
from tests.fakes.search_reader import FoldedSearchReader
from tests.sequences import CONCEPTS, DIMENSION, NAMES, at_offsets, logs


class FoldedReadSide:
    """The fakes."""

    def __init__(self) -> None:
        self._side = FoldedSide()
        self.search: SearchReader = FoldedSearchReader(self._side)
        self.memories: MemoryReader = FoldedMemoryReader(self._side)
        self.graph: GraphReader = FoldedGraphReader(self._side)

    async def take(self, *events: MemoryEvent) -> None:
        self._side.take(*events)


class RedisReadSide:
    """The adapters, under keys of their own."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._prefix = f"hm:readers-{secrets.token_hex(4)}:"
        self._store = RedisProjection(redis, self._prefix, dimension=DIMENSION)
        self._folded = 0
        build = LiveBuild(redis, self._prefix, partitions=1)
        self.search: SearchReader = RedisSearchReader(build)
        self.memories: MemoryReader = RedisMemoryReader(build)
        self.graph: GraphReader = RedisGraphReader(build)

    async def take(self, *events: MemoryEvent) -> None:
        await self._store.live_version(0)
        await fold_all(self._store, [at_offsets(list(events), self._folded)], partition=0)
        self._folded += len(events)

    async def clear(self) -> None:
        for name in await self._redis.execute_command("FT._LIST"):
            if name.decode().startswith(self._prefix):
                await self._redis.execute_command("FT.DROPINDEX", name)
        await unlink(self._redis, f"{self._prefix}*")


class OnFakes:
    @pytest.fixture
    def side(self) -> FoldedReadSide:
        return FoldedReadSide()


class OnRedis:
    @pytest.fixture
    async def side(self, stack: Engines) -> AsyncIterator[RedisReadSide]:
        redis = connect(stack.redis)
        side = RedisReadSide(redis)
        yield side
        await side.clear()
        await redis.aclose()


class TestFoldedSearchReader(OnFakes, SearchReaderContract):
    """Without Redis."""


class TestFoldedMemoryReader(OnFakes, MemoryReaderContract):
    """Without Redis."""


class TestFoldedGraphReader(OnFakes, GraphReaderContract):
    """Without Redis."""


@pytest.mark.integration
class TestRedisSearchReader(OnRedis, SearchReaderContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisMemoryReader(OnRedis, MemoryReaderContract):
    """On Redis."""


@pytest.mark.integration
class TestRedisGraphReader(OnRedis, GraphReaderContract):
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
        await side.memories.counts(NAMESPACE),
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


@pytest.mark.integration
@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=logs())
def test_fakes_read_what_redis_reads_whatever_the_log_holds(
    stack: Engines, events: list[MemoryEvent]
) -> None:
    async def read() -> tuple[list[Any], list[Any]]:
        redis = connect(stack.redis)
        real, fake = RedisReadSide(redis), FoldedReadSide()
        try:
            sides: tuple[ReadSide, ReadSide] = (real, fake)
            for side in sides:
                await side.take(*events)
            both = [[*await all_reads(side), *await entries(side)] for side in sides]
        finally:
            await real.clear()
            await redis.aclose()
        return both[0], both[1]

    from_redis, from_fakes = asyncio.run(read())

    assert from_redis == from_fakes
