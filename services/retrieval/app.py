"""Wiring of retrieval: `faststream run services.retrieval.app:app`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.asgi import AsgiFastStream
from faststream.kafka import KafkaBroker

from human_memory.producer import DurableProducer
from human_memory.topics import require_topics
from schemas.topics import DEAD_LETTERS, EVENTS, QUERIES, REPLIES
from services.common import health
from services.common.broker import PAUSE_MS, make_broker
from services.common.dead_letters import DeadLetters
from services.common.embedder import Embedder, MicroBatchingEmbedder, embedder_of
from services.common.embedding_model import the_embedding_model
from services.common.event_log import EventAppender
from services.common.live_build import LiveBuild
from services.common.logs import configure_logs
from services.common.ownership import REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS
from services.common.read_model import redis_prefix
from services.common.redis import RedisClient, connect
from services.common.replies import Replier
from services.common.waiting import Waits
from services.retrieval.adapters.candidates import CandidateReader
from services.retrieval.adapters.graph_reader import GraphReader
from services.retrieval.adapters.graph_snapshots import GraphSnapshots
from services.retrieval.adapters.redis_projection import RedisProjection
from services.retrieval.adapters.redis_reader import RedisReader
from services.retrieval.documents import Documents
from services.retrieval.graph_cache import GraphCache
from services.retrieval.graph_queries import GraphQueries
from services.retrieval.handlers import Queries
from services.retrieval.overview import Overview
from services.retrieval.projection import LAG_READY_MAX, LiveProjection
from services.retrieval.search import Searcher
from services.retrieval.settings import RetrievalSettings
from services.retrieval.single import SingleMemory
from services.retrieval.tables import Tables
from services.retrieval.upgrading import Upgrade
from services.retrieval.upkeep_queries import UpkeepQueries

SERVICE = "retrieval"
HTTP_PORT = 8002


def build(settings: RetrievalSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    configure_logs(settings)
    broker = make_broker(settings, service=SERVICE)
    producer = DurableProducer(settings, client_id=f"human-memory-{SERVICE}")
    dead_letters = DeadLetters(producer, settings.topic(DEAD_LETTERS), service=SERVICE)
    redis = connect(settings.redis)
    embedder = embedder_of(settings)
    store = RedisProjection(
        redis, redis_prefix(settings.topic_prefix), dimension=settings.embedding_dimension
    )
    queries = _queries(settings, redis, embedder, producer=producer, dead_letters=dead_letters)
    _subscribe_queries(broker, settings, queries)
    projection = LiveProjection(store, dead_letters, let_pass=queries.idle)
    _subscribe_events(broker, settings, projection)
    upgrade = Upgrade(settings, redis, store, let_pass=queries.idle)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await require_topics(settings)
        await upgrade.require_no_newer()
        await producer.start()
        # Not awaited: the fold needs no model, and whoever probes us shall hear that it loads.
        tasks = [
            asyncio.create_task(embedder.load()),
            asyncio.create_task(projection.watch()),
            asyncio.create_task(upgrade.run()),
        ]
        try:
            async with the_embedding_model(settings, redis, embedder):
                yield
        finally:
            await queries.drain()
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            await producer.stop()
            await redis.aclose()

    checks = _checks(broker, redis, projection, embedder)
    return AsgiFastStream(
        broker,
        lifespan=lifespan,
        asgi_routes=health.routes(SERVICE, checks, {"upgrade": upgrade.note}),
        logger=None,
    )


def _checks(
    broker: KafkaBroker,
    redis: RedisClient,
    projection: LiveProjection,
    embedder: MicroBatchingEmbedder,
) -> dict[str, health.Check]:
    async def kafka() -> str:
        return "ok" if await broker.ping(1.0) else "error"

    async def redis_answers() -> str:
        return "ok" if await redis.ping() else "error"

    async def folded() -> str:
        if projection.stopped:
            return "stopped: " + "; ".join(sorted(set(projection.stopped.values())))
        if not projection.ownership.partitions:
            return "no partitions yet"
        lag = projection.lag()
        return "ok" if lag <= LAG_READY_MAX else f"{lag} records behind"

    async def model() -> str:
        return "ok" if embedder.loaded else "loading"

    return {"kafka": kafka, "redis": redis_answers, "projection": folded, "model": model}


def _subscribe_events(
    broker: KafkaBroker, settings: RetrievalSettings, projection: LiveProjection
) -> None:
    subscriber = broker.subscriber(
        settings.topic(EVENTS),
        group_id=f"{settings.topic_prefix}human-memory-projection",
        batch=True,
        batch_timeout_ms=PAUSE_MS,
        max_records=settings.fold_batch_max,
        ack_policy=AckPolicy.MANUAL,  # the cursor in Redis counts; committed for lag tools only
        auto_offset_reset="earliest",
        listener=projection.ownership,
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
    )
    projection.subscriber = subscriber
    subscriber(projection.handle)


def _queries(
    settings: RetrievalSettings,
    redis: RedisClient,
    embedder: Embedder,
    *,
    producer: DurableProducer,
    dead_letters: DeadLetters,
) -> Queries:
    build = LiveBuild(redis, redis_prefix(settings.topic_prefix), partitions=settings.partitions)
    reader = RedisReader(build)
    candidates = CandidateReader(build, Tables(settings.embedding_dimension))
    appender = EventAppender(settings, producer)
    replies = settings.topic(REPLIES)
    return Queries(
        waits=Waits(build.cursor, partitions=settings.partitions),
        searcher=Searcher(candidates, Documents(reader), embedder, appender),
        single=SingleMemory(reader, appender),
        overview=Overview(reader),
        graph=_graph(settings, build),
        upkeep=UpkeepQueries(build, reader),
        replier=Replier(producer, replies, service=SERVICE),
        dead_letters=dead_letters,
        reply_address=(replies, settings.partitions),
        now_ms=lambda: time.time_ns() // 1_000_000,
        in_flight_max=settings.queries_in_flight_max,
    )


def _graph(settings: RetrievalSettings, build: LiveBuild) -> GraphQueries:
    folder = Path(settings.graph_snapshots) if settings.graph_snapshots else None
    snapshots = GraphSnapshots(folder, redis_prefix(settings.topic_prefix))
    reader = GraphReader(build)
    return GraphQueries(reader, GraphCache(reader, snapshots))


def _subscribe_queries(broker: KafkaBroker, settings: RetrievalSettings, queries: Queries) -> None:
    subscriber = broker.subscriber(
        settings.topic(QUERIES),
        group_id=f"{settings.topic_prefix}human-memory-queries",
        # A query lost in a crash is asked again; a commit per query would cost milliseconds.
        ack_policy=AckPolicy.ACK_FIRST,
        auto_offset_reset="earliest",  # what was asked before we came; expired ones are dropped
        batch=True,
        batch_timeout_ms=PAUSE_MS,
        max_records=settings.queries_in_flight_max,
        no_reply=True,  # the reply address is the sender's string: we check it ourselves
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
    )
    subscriber(queries.handle)


app = build(RetrievalSettings())
