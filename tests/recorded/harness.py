"""The product as the recording sees it: the only file in this folder that names its modules.

Where modules move, the imports here change, and nothing else in this folder.
"""

import base64
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from human_memory.bus.producer import partition_of
from schemas.codec import decode_query, encode
from schemas.errors import MemoryServiceError
from schemas.events import MemoryEvent
from schemas.ids import query_cause
from schemas.queries import (
    ConceptQuery,
    GraphExport,
    Inspect,
    ListMemories,
    Query,
    Recall,
    RunQuery,
    Runs,
    Search,
    Spread,
    Stats,
    WorkingMemoryQuery,
)
from schemas.replies import Reply
from services.common.embedding.embedder import embedder_of
from services.common.redis import RedisClient, connect
from services.common.settings import EmbedderSettings
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.batch import Batch, decode
from services.projection.digest import (
    digest_of_build,
    digest_of_view,
    namespace_digest,
    rows_of_view,
)
from services.projection.fold.fold import fold
from services.projection.fold.view import View
from services.projection.pause import unlink
from services.readside.live_build import LiveBuild
from services.retrieval.adapters.graph_snapshots import FileSnapshots
from services.retrieval.adapters.redis_graph import RedisGraphReader
from services.retrieval.adapters.redis_memories import RedisMemoryReader
from services.retrieval.adapters.redis_search import RedisSearchReader
from services.retrieval.graph.cache import GraphCache
from services.retrieval.graph.queries import GraphQueries
from services.retrieval.queries.memory import MemoryQueries
from services.retrieval.queries.namespace import NamespaceQueries
from services.retrieval.queries.runs import RunQueries
from services.retrieval.search.documents import DocumentCache
from services.retrieval.search.finder import CandidateFinder
from services.retrieval.search.namespace_cache import NamespaceCache
from services.retrieval.search.plan import Bounds
from services.retrieval.search.search import Searcher

PARTITIONS = 3
DIMENSION = 384
FOLDED_AT_ONCE = 37
NOBODY = UUID(int=0)
# Of how a search finds candidates. `service`: as the service does, which takes all memories of a
# namespace as small as these. `scanned` and `indexed`: as in large ones, held whole or not.
SMALL_BOUNDS = Bounds(small=10, nearest=8, matching=6, recent=4, frequent=3, linked=8, context_of=3)
BOUNDS: Mapping[str, Bounds] = {
    "service": Bounds(),
    "scanned": SMALL_BOUNDS,
    "indexed": replace(SMALL_BOUNDS, whole=1),
}


@dataclass(frozen=True)
class Record:
    """A record of the log, as far as the fold looks at it."""

    partition: int
    offset: int
    value: bytes


def digests_of_fold(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """Digests of the pure fold, by partition and by namespace."""
    views = {number: View() for number in range(PARTITIONS)}
    for record in records:
        decoded = decode(record)
        assert decoded.event is not None, decoded.error
        fold(views[record.partition], decoded.event, record.offset)
    namespaces = {
        name: namespace_digest(rows_of_view(view, name)).hex()
        for view in views.values()
        for name in view.touched
    }
    partitions = {str(number): digest_of_view(view) for number, view in views.items()}
    return {"partitions": partitions, "namespaces": dict(sorted(namespaces.items()))}


def partition_of_namespace(namespace: str) -> int:
    """Where the log has a namespace."""
    return partition_of(namespace.encode(), PARTITIONS)


async def embedded(texts: list[str]) -> list[str]:
    """The real model's vectors of some texts, float16 in base64."""
    embedder = embedder_of(EmbedderSettings())
    await embedder.load()
    return [base64.b64encode(each.tobytes()).decode() for each in await embedder.embed(texts)]


class ReadSide:
    """A read side in the real Redis under keys of its own, and the queries that read it."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._prefix = f"hm:recorded-{secrets.token_hex(4)}:"
        self._store = RedisProjection(redis, self._prefix, dimension=DIMENSION)

    async def fold(self, records: list[Record]) -> None:
        """Fold records that follow what is folded, batch by batch, as the live projection does."""
        for number in range(PARTITIONS):
            version = await self._store.live_version(number)
            await self._store.open(number, version)
            some = [record for record in records if record.partition == number]
            for start in range(0, len(some), FOLDED_AT_ONCE):
                decoded = [decode(record) for record in some[start : start + FOLDED_AT_ONCE]]
                batch = Batch(number, version, decoded)
                await batch.load(self._store)
                outcome = await batch.apply(self._store)
                assert outcome.result == "applied", outcome

    async def digests(self) -> dict[str, str]:
        """Digests of what Redis holds, by partition."""
        return {
            str(number): await digest_of_build(self._redis, self._store.layout(number, 1))
            for number in range(PARTITIONS)
        }

    def queries(self, bounds: str) -> "Queries":
        """Queries over it, which have read nothing yet."""
        build = LiveBuild(self._redis, self._prefix, partitions=PARTITIONS)
        return Queries(build, self._prefix, BOUNDS[bounds])

    async def drop(self) -> None:
        """Delete it."""
        for name in await self._redis.execute_command("FT._LIST"):
            if name.decode().startswith(self._prefix):
                await self._redis.execute_command("FT.DROPINDEX", name)
        await unlink(self._redis, f"{self._prefix}*")


@asynccontextmanager
async def read_side(redis_url: str) -> AsyncIterator[ReadSide]:
    """An empty read side, which is deleted at the end."""
    redis = connect(redis_url)
    side = ReadSide(redis)
    try:
        yield side
    finally:
        await side.drop()
        await redis.aclose()


class Queries:
    """The service's own answers, at a given moment and with given vectors."""

    def __init__(self, build: LiveBuild, prefix: str, bounds: Bounds) -> None:
        reader, graph = RedisMemoryReader(build), RedisGraphReader(build)
        cache = NamespaceCache(DIMENSION, bounds)
        self._log = _Appended()
        self._embedder = _Given()
        self._searcher = Searcher(
            CandidateFinder(RedisSearchReader(build), cache, bounds),
            DocumentCache(reader),
            self._embedder,
            self._log,  # type: ignore[arg-type] # of the appender it needs `append` alone
        )
        self._memory = MemoryQueries(reader, self._log)  # type: ignore[arg-type] # likewise
        self._namespace = NamespaceQueries(reader)
        self._graph = GraphQueries(graph, GraphCache(graph, FileSnapshots(None, prefix)))
        self._runs = RunQueries(reader)

    async def answer(self, query: Mapping[str, Any], vector: str | None, now_ms: int) -> Any:
        """The result or error of a query, and the events it would have appended."""
        asked = decode_query(orjson.dumps(query))
        self._log.events.clear()
        if vector is not None:
            self._embedder.vector = np.frombuffer(base64.b64decode(vector), "<f2")
        try:
            reply = await self._reply(asked, now_ms)
        except MemoryServiceError as error:
            return {"error": error.code}
        await self._searcher.drain()
        events = [orjson.loads(encode(event)) for event in self._log.events]
        return {"result": reply.result} | ({"events": events} if events else {})

    async def close(self) -> None:
        """End what runs in the background."""
        await self._graph.close()

    async def _reply(self, query: Query, now_ms: int) -> Reply:
        cause = query_cause(query.namespace, query.query_id or NOBODY)
        match query:
            case Search():
                return await self._searcher.search(query, cause, now_ms)
            case Recall():
                return await self._memory.recall(query, cause, now_ms)
            case Inspect():
                return await self._memory.inspect(query, now_ms)
            case ListMemories():
                return await self._namespace.list_page(query, now_ms)
            case Stats():
                return await self._namespace.stats(query, now_ms)
            case WorkingMemoryQuery():
                return await self._namespace.working_memory(query, now_ms)
            case _:
                return await self._reply_of_graph_or_runs(query)

    async def _reply_of_graph_or_runs(self, query: Query) -> Reply:
        match query:
            case ConceptQuery():
                return await self._graph.concept(query)
            case Spread():
                return await self._graph.spread(query)
            case GraphExport():
                return await self._graph.export(query)
            case Runs():
                return await self._runs.runs(query)
            case RunQuery():
                return await self._runs.run(query)
            case _:
                raise AssertionError(f"no query of the recording: {query.type}")


class _Given:
    """An `Embedder` that has the recorded vector for whatever text."""

    model, digest = "recorded", None
    dimension = DIMENSION
    vector = np.zeros(DIMENSION, np.float16)

    async def embed(self, texts: list[str], *, query: bool = False) -> Any:
        assert len(texts) == 1, "a search has one text"
        return self.vector[np.newaxis]


class _Appended:
    """What queries append. Nothing of it is folded: the next query finds the same read side."""

    def __init__(self) -> None:
        self.events: list[MemoryEvent] = []

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        self.events += events
        return [f"{partition_of_namespace(event.namespace)}:0" for event in events]
