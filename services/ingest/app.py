"""Wiring of ingest: `faststream run services.ingest.app:app`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from human_memory.producer import DurableProducer
from human_memory.topics import require_topics
from schemas.topics import DEAD_LETTERS, INBOX, REPLIES
from services.common import health
from services.common.broker import PAUSE_MS, make_broker
from services.common.dead_letters import DeadLetters
from services.common.embedder import Embedder, embedder_of
from services.common.embedding_model import the_embedding_model
from services.common.live_build import LiveBuild
from services.common.logs import configure_logs
from services.common.ownership import REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS
from services.common.read_model import redis_prefix
from services.common.redis import RedisClient, connect
from services.common.replies import Replier
from services.common.waiting import Waits
from services.ingest.adapters.kafka_event_log import KafkaEventLog
from services.ingest.adapters.redis_vocabularies import RedisVocabularies
from services.ingest.handlers import Ingest, Limits
from services.ingest.settings import IngestSettings
from services.ingest.visible import VisibleReplies

SERVICE = "ingest"
HTTP_PORT = 8001


def build(settings: IngestSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    configure_logs(settings)
    broker = make_broker(settings, service=SERVICE)
    producer = DurableProducer(settings, client_id=f"human-memory-{SERVICE}")
    embedder = embedder_of(settings)
    redis = connect(settings.redis)
    ingest = _ingest(settings, producer, embedder, redis=redis)
    subscriber = broker.subscriber(
        settings.topic(INBOX),
        group_id=f"{settings.topic_prefix}human-memory-{SERVICE}",
        batch=True,
        batch_timeout_ms=PAUSE_MS,
        max_records=settings.ingest_batch_max,
        ack_policy=AckPolicy.MANUAL,  # committed by the handler, once it is in the log
        auto_offset_reset="earliest",
        listener=ingest.ownership,
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
    )

    ingest.progress.subscriber = subscriber
    subscriber(ingest.handle)

    async def kafka() -> str:
        return "ok" if await broker.ping(1.0) else "error"

    async def assigned() -> str:
        return "ok" if ingest.ownership.partitions else "no partitions yet"

    async def model() -> str:
        return "ok" if embedder.loaded else "loading"

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await require_topics(settings)
        await producer.start()
        # Not awaited: whoever probes us shall hear that the model is loading.
        loading = asyncio.create_task(embedder.load())
        try:
            async with the_embedding_model(settings, redis, embedder):
                yield
        finally:
            loading.cancel()
            await producer.stop()
            await redis.aclose()

    return AsgiFastStream(
        broker,
        lifespan=lifespan,
        on_shutdown=[ingest.stop],
        asgi_routes=health.routes(
            SERVICE, {"kafka": kafka, "partitions": assigned, "model": model}
        ),
        logger=None,
    )


def _ingest(
    settings: IngestSettings, producer: DurableProducer, embedder: Embedder, *, redis: RedisClient
) -> Ingest:
    build = LiveBuild(redis, redis_prefix(settings.topic_prefix), partitions=settings.partitions)
    replier = Replier(producer, settings.topic(REPLIES), service=SERVICE)
    return Ingest(
        event_log=KafkaEventLog(settings, producer),
        embedder=embedder,
        vocabularies=RedisVocabularies(
            redis, redis_prefix(settings.topic_prefix), partitions=settings.partitions
        ),
        dead_letters=DeadLetters(producer, settings.topic(DEAD_LETTERS), service=SERVICE),
        replier=replier,
        visible=VisibleReplies(
            replier,
            Waits(build.cursor, partitions=settings.partitions),
            now_ms=lambda: time.time_ns() // 1_000_000,
        ),
        limits=Limits(
            future_skew_seconds=settings.future_skew_seconds,
            replies_topic=settings.topic(REPLIES),
            reply_partitions=settings.partitions,
        ),
    )


app = build(IngestSettings())
