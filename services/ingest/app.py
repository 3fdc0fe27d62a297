"""Wiring of ingest: `python -m services.run ingest`."""

import time
from functools import partial

from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from schemas.events import MemoryEvent
from schemas.replies import Reply
from schemas.topics import EVENTS, INBOX, REPLIES
from services.common.embedding.embedder import Embedder, embedder_of
from services.common.embedding.identity import the_embedding_model
from services.common.health import model_loaded, owns_partitions
from services.common.redis import redis_prefix, write_refusal
from services.common.wiring import Service
from services.ingest.adapters.kafka_event_log import KafkaEventLog
from services.ingest.adapters.redis_memories import RedisMemories
from services.ingest.adapters.redis_vocabularies import RedisVocabularies
from services.ingest.handlers import Ingest
from services.ingest.settings import IngestSettings
from services.ingest.visible import VisibleReplies
from services.readside.live_build import LiveBuild
from services.readside.visibility import Waits


def build(settings: IngestSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    service = Service("ingest", settings)
    embedder = embedder_of(settings)
    ingest = _ingest(settings, service, embedder)
    service.writes(EVENTS, MemoryEvent)
    service.writes(REPLIES, Reply)
    subscriber = service.broker.subscriber(
        settings.topic(INBOX),
        **service.batches(records_max=settings.ingest_batch_max),
        ack_policy=AckPolicy.MANUAL,  # committed by the handler, once it is in the log
        auto_offset_reset="earliest",
        listener=ingest.ownership,
    )
    service.reads(
        subscriber,
        ingest.handle,
        ownership=ingest.ownership,
        excused=lambda: not embedder.loaded,
    )
    return service.app(
        {
            "partitions": partial(owns_partitions, ingest.ownership),
            "model": partial(model_loaded, embedder),
        },
        # Not awaited: meanwhile a probe is told that the model is loading.
        works=[embedder.load],
        around=lambda: the_embedding_model(settings, service.redis, embedder),
        on_shutdown=[ingest.stop],
    )


def _ingest(settings: IngestSettings, service: Service, embedder: Embedder) -> Ingest:
    prefix = redis_prefix(settings.topic_prefix)
    live = LiveBuild(service.redis, prefix, partitions=settings.partitions)
    refusal = partial(write_refusal, service.redis, prefix)
    return Ingest(
        event_log=KafkaEventLog(settings, service.producer),
        embedder=embedder,
        memories=RedisMemories(live),
        vocabularies=RedisVocabularies(live),
        dead_letters=service.dead_letters,
        replier=service.replier,
        visible=VisibleReplies(
            service.replier,
            Waits(live.cursor, partitions=settings.partitions, refusal=refusal),
            now_ms=lambda: time.time_ns() // 1_000_000,
        ),
        future_skew_seconds=settings.future_skew_seconds,
    )


app = build(IngestSettings())
