"""Wiring of maintenance: `faststream run services.maintenance.app:app`."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream import AckPolicy
from faststream.asgi import AsgiFastStream
from faststream.kafka import KafkaBroker

from human_memory.bus import Bus
from human_memory.producer import DurableProducer
from human_memory.topics import require_topics
from schemas.maintenance import Job
from schemas.topics import DEAD_LETTERS, MAINTENANCE, REPLIES
from services.common import health
from services.common.broker import PAUSE_MS, make_broker
from services.common.dead_letters import DeadLetters
from services.common.embedder import embedder_of
from services.common.embedding_model import the_embedding_model
from services.common.live_build import LiveBuild
from services.common.logs import configure_logs
from services.common.ownership import REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS
from services.common.read_model import redis_prefix
from services.common.redis import connect
from services.common.replies import Replier
from services.common.waiting import Waits
from services.maintenance.adapters.kafka_log import KafkaLog
from services.maintenance.adapters.language_model import wording_of
from services.maintenance.adapters.redis_side import RedisSide
from services.maintenance.clock import Clock
from services.maintenance.handlers import Commands
from services.maintenance.runner import Runner
from services.maintenance.settings import MaintenanceSettings

SERVICE = "maintenance"
HTTP_PORT = 8003
RECORDS_MAX = 100


def build(settings: MaintenanceSettings) -> AsgiFastStream:
    """The service, not connected yet."""
    configure_logs(settings)
    broker = make_broker(settings, service=SERVICE)
    producer = DurableProducer(settings, client_id=f"human-memory-{SERVICE}")
    bus = Bus(settings, client_id=f"human-memory-{SERVICE}-inbox")
    redis = connect(settings.redis)
    prefix = redis_prefix(settings.topic_prefix)
    live = LiveBuild(redis, prefix, partitions=settings.partitions)
    side = RedisSide(redis, live, prefix)
    embedder = embedder_of(settings)
    waits = Waits(live.cursor, partitions=settings.partitions)
    runner = Runner(
        side=side,
        log=KafkaLog(settings, producer, bus, waits),
        embedder=embedder,
        wording=lambda: wording_of(settings),
    )
    commands = _commands(settings, producer, runner)
    clock = Clock(
        side=side,
        producer=producer,
        topic=settings.topic(MAINTENANCE),
        intervals_ms=_intervals_ms(settings),
        now_ms=_now_ms,
    )
    _subscribe(broker, settings, commands)

    async def kafka() -> str:
        return "ok" if await broker.ping(1.0) else "error"

    async def redis_answers() -> str:
        return "ok" if await redis.ping() else "error"

    async def assigned() -> str:
        return "ok" if commands.ownership.partitions else "no partitions yet"

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await require_topics(settings)
        await producer.start()
        await bus.start()
        ticking = asyncio.create_task(clock.run(lambda: commands.ownership.partitions))
        try:
            async with the_embedding_model(settings, redis, embedder):
                yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            await commands.stop()
            await bus.close()
            await producer.stop()
            await redis.aclose()

    checks = {"kafka": kafka, "redis": redis_answers, "partitions": assigned}
    return AsgiFastStream(
        broker, lifespan=lifespan, asgi_routes=health.routes(SERVICE, checks), logger=None
    )


def _subscribe(broker: KafkaBroker, settings: MaintenanceSettings, commands: Commands) -> None:
    subscriber = broker.subscriber(
        settings.topic(MAINTENANCE),
        group_id=f"{settings.topic_prefix}human-memory-{SERVICE}",
        batch=True,
        batch_timeout_ms=PAUSE_MS,
        max_records=RECORDS_MAX,
        ack_policy=AckPolicy.MANUAL,  # committed by the handler, once the run is done
        auto_offset_reset="earliest",
        listener=commands.ownership,
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=SESSION_TIMEOUT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
    )
    commands.subscriber = subscriber
    subscriber(commands.handle)


def _commands(settings: MaintenanceSettings, producer: DurableProducer, runner: Runner) -> Commands:
    replies = settings.topic(REPLIES)
    return Commands(
        runner=runner,
        replier=Replier(producer, replies, service=SERVICE),
        dead_letters=DeadLetters(producer, settings.topic(DEAD_LETTERS), service=SERVICE),
        reply_address=(replies, settings.partitions),
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
