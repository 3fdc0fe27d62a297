"""Wiring of maintenance: `python -m services.run maintenance`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from faststream import AckPolicy
from faststream.asgi import AsgiFastStream

from human_memory.bus import Bus
from schemas.events import MemoryEvent
from schemas.inbox import InboxMessage
from schemas.maintenance import Job, MaintenanceCommand
from schemas.replies import Reply
from schemas.topics import EVENTS, INBOX, MAINTENANCE, REPLIES
from services.common.embedding.embedder import embedder_of
from services.common.embedding.identity import the_embedding_model
from services.common.health import owns_partitions, redis_answers
from services.common.redis import redis_prefix
from services.common.wiring import Service
from services.maintenance.adapters.kafka_log import KafkaLog
from services.maintenance.adapters.language_model import wording_of
from services.maintenance.adapters.redis_side import RedisReadSide
from services.maintenance.clock import Clock
from services.maintenance.handlers import Commands
from services.maintenance.runner import Runner
from services.maintenance.settings import MaintenanceSettings
from services.readside.live_build import LiveBuild
from services.readside.visibility import Waits

RECORDS_MAX = 100


def build(settings: MaintenanceSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    service = Service("maintenance", settings)
    bus = Bus(settings, client_id="human-memory-maintenance-inbox")
    prefix = redis_prefix(settings.topic_prefix)
    live = LiveBuild(service.redis, prefix, partitions=settings.partitions)
    side = RedisReadSide(service.redis, live, prefix)
    waits = Waits(live.cursor, partitions=settings.partitions)
    embedder = embedder_of(settings)
    runner = Runner(
        side=side,
        log=KafkaLog(settings, service.producer, bus, waits),
        embedder=embedder,
        wording=lambda: wording_of(settings),
    )
    commands = _commands(settings, service, runner)
    clock = Clock(
        side=side,
        producer=service.producer,
        topic=settings.topic(MAINTENANCE),
        intervals_ms=_intervals_ms(settings),
        now_ms=_now_ms,
    )
    service.writes(EVENTS, MemoryEvent)
    service.writes(INBOX, InboxMessage)
    service.writes(MAINTENANCE, MaintenanceCommand)
    service.writes(REPLIES, Reply)
    subscriber = service.broker.subscriber(
        settings.topic(MAINTENANCE),
        **service.batches(records_max=RECORDS_MAX),
        ack_policy=AckPolicy.MANUAL,  # committed by the handler, once the run is done
        auto_offset_reset="earliest",
        listener=commands.ownership,
    )
    service.reads(subscriber, commands.handle, ownership=commands.ownership)

    @asynccontextmanager
    async def around() -> AsyncIterator[None]:
        async with bus:
            try:
                async with the_embedding_model(settings, service.redis, embedder):
                    yield
            finally:
                await commands.stop()

    checks = {
        "redis": partial(redis_answers, service.redis),
        "partitions": partial(owns_partitions, commands.ownership),
    }
    ticking = partial(clock.run, lambda: commands.ownership.partitions)
    return service.app(checks, works=[ticking], around=around)


def _commands(settings: MaintenanceSettings, service: Service, runner: Runner) -> Commands:
    return Commands(
        runner=runner,
        replier=service.replier,
        dead_letters=service.dead_letters,
        now_ms=_now_ms,
        runs_at_once=settings.maintenance_runs_at_once,
    )


def _intervals_ms(settings: MaintenanceSettings) -> dict[Job, int]:
    return {
        "decay": 1000 * settings.decay_interval_seconds,
        "consolidation": 1000 * settings.consolidation_interval_seconds,
        "capacity": 1000 * settings.capacity_interval_seconds,
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


app = build(MaintenanceSettings())
