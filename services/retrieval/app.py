"""Wiring of retrieval: `python -m services.run retrieval`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from schemas.events import MemoryEvent
from schemas.replies import Reply
from schemas.topics import EVENTS, QUERIES, REPLIES
from services.common import foreground
from services.common.embedding.embedder import Embedder, embedder_of
from services.common.embedding.identity import the_embedding_model
from services.common.event_log import EventAppender
from services.common.health import model_loaded, owns_partitions, redis_answers
from services.common.ownership import Ownership
from services.common.redis import redis_prefix, write_refusal
from services.common.wiring import Service
from services.readside.live_build import LiveBuild
from services.readside.visibility import Waits
from services.retrieval.adapters.graph_snapshots import FileSnapshots
from services.retrieval.adapters.redis_graph import RedisGraphReader
from services.retrieval.adapters.redis_installation import RedisInstallationReader
from services.retrieval.adapters.redis_memories import RedisMemoryReader
from services.retrieval.adapters.redis_search import RedisSearchReader
from services.retrieval.graph.cache import GraphCache
from services.retrieval.graph.queries import GraphQueries
from services.retrieval.handlers import Queries
from services.retrieval.queries.installation import InstallationQueries
from services.retrieval.queries.memory import MemoryQueries
from services.retrieval.queries.namespace import NamespaceQueries
from services.retrieval.queries.runs import RunQueries
from services.retrieval.search.documents import DocumentCache
from services.retrieval.search.finder import CandidateFinder
from services.retrieval.search.namespace_cache import NamespaceCache
from services.retrieval.search.plan import Bounds
from services.retrieval.search.search import Searcher
from services.retrieval.settings import RetrievalSettings


def build(settings: RetrievalSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    service = Service("retrieval", settings)
    embedder = embedder_of(settings)
    queries = _queries(settings, service, embedder)
    ownership = Ownership()
    service.writes(EVENTS, MemoryEvent)
    service.writes(REPLIES, Reply)
    subscriber = service.broker.subscriber(
        settings.topic(QUERIES),
        **service.batches(records_max=settings.queries_in_flight_max),
        # A query lost in a crash is asked again; a commit per query would cost milliseconds.
        ack_policy=AckPolicy.ACK_FIRST,
        auto_offset_reset="earliest",  # what was asked before we came; expired ones are dropped
        no_reply=True,  # the reply address is the sender's string: we check it ourselves
        listener=ownership,
    )
    service.reads(subscriber, queries.handle, ownership=ownership, done=lambda: queries.done)

    @asynccontextmanager
    async def around() -> AsyncIterator[None]:
        try:
            async with the_embedding_model(settings, service.redis, embedder):
                yield
        finally:
            await queries.drain()

    checks = {
        "redis": partial(redis_answers, service.redis),
        "partitions": partial(owns_partitions, ownership),
        "model": partial(model_loaded, embedder),
    }
    return service.app(checks, works=[embedder.load], around=around)


def _queries(settings: RetrievalSettings, service: Service, embedder: Embedder) -> Queries:
    prefix = redis_prefix(settings.topic_prefix)
    live = LiveBuild(service.redis, prefix, partitions=settings.partitions)
    refusal = partial(write_refusal, service.redis, prefix)
    reader = RedisMemoryReader(live)
    appender = EventAppender(settings, service.producer)
    return Queries(
        waits=Waits(live.cursor, partitions=settings.partitions, refusal=refusal),
        searcher=Searcher(_finder(settings, live), DocumentCache(reader), embedder, appender),
        memory=MemoryQueries(reader, appender),
        namespace=NamespaceQueries(reader),
        graph=_graph(settings, live),
        runs=RunQueries(reader),
        installation=InstallationQueries(
            RedisInstallationReader(live, partitions=settings.partitions)
        ),
        replier=service.replier,
        dead_letters=service.dead_letters,
        reply_address=(settings.topic(REPLIES), settings.partitions),
        now_ms=lambda: time.time_ns() // 1_000_000,
        in_flight_max=settings.queries_in_flight_max,
        foreground=foreground.QUERIES,
    )


def _finder(settings: RetrievalSettings, live: LiveBuild) -> CandidateFinder:
    bounds = Bounds()
    cache = NamespaceCache(settings.embedding_dimension, bounds)
    return CandidateFinder(RedisSearchReader(live), cache, bounds)


def _graph(settings: RetrievalSettings, live: LiveBuild) -> GraphQueries:
    folder = Path(settings.graph_snapshots) if settings.graph_snapshots else None
    snapshots = FileSnapshots(folder, redis_prefix(settings.topic_prefix))
    reader = RedisGraphReader(live)
    return GraphQueries(reader, GraphCache(reader, snapshots))


app = build(RetrievalSettings())
