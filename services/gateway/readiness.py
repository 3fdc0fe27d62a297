"""Readiness, asked of the real parts, at most once a second however many ask."""

import asyncio
import time
from collections.abc import Awaitable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from human_memory.bus import Bus
from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import groupless
from human_memory.models import Readiness
from human_memory.operations.system import (
    PROBE_NAMESPACE,
    PROBE_SECONDS_MAX,
    probe,
    readiness_of,
)
from schemas.errors import MemoryServiceError
from schemas.queries import Ping
from schemas.topics import EVENTS
from services.common.redis import REDIS_ERRORS, RedisClient
from services.gateway.settings import GatewaySettings

KEPT_SECONDS = 1.0


class Probes:
    """Keeps the last answer for a moment."""

    def __init__(self, settings: GatewaySettings, redis: RedisClient, bus: Bus) -> None:
        self._bus = bus
        self._settings = settings
        self._redis = redis
        self._log = self._consumer()
        self._asking = asyncio.Lock()
        self._checks: dict[str, str] = {}
        self._until = 0.0

    def _consumer(self) -> LogConsumer:
        """Without a group and without partitions: it only answers where the log ends."""
        return groupless(self._settings, client_id="human-memory-gateway")

    async def start(self) -> None:
        """Connect."""
        await self._log.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._log.stop()

    async def state(self) -> Readiness:
        """`ready`, `degraded` or `unavailable`, and the checks behind it."""
        async with self._asking:
            if time.monotonic() >= self._until:
                self._checks = await self._probe()
                self._until = time.monotonic() + KEPT_SECONDS
        return readiness_of(self._checks)

    async def _replace(self) -> None:
        fresh = self._consumer()
        try:
            await fresh.start()
        except BaseException:
            await fresh.stop()
            raise
        old, self._log = self._log, fresh
        await old.stop()

    async def _probe(self) -> dict[str, str]:
        if self._log.ended() is not None:
            await _outcome(self._replace())
        parts, kafka, redis, projection = await asyncio.gather(
            probe(self._bus),
            _outcome(self._ends()),
            _outcome(self._redis.ping()),
            _outcome(self._folded()),
        )
        return {**parts, "kafka": kafka, "redis": redis, "projection": projection}

    async def _ends(self) -> dict[TopicPartition, int]:
        topic = self._settings.topic(EVENTS)
        partitions = [TopicPartition(topic, n) for n in range(self._settings.partitions)]
        ends: dict[TopicPartition, int] = await self._log.end_offsets(partitions)
        return ends

    async def _folded(self) -> None:
        """Return once reads show what is in the log now."""
        pings = [
            Ping(namespace=PROBE_NAMESPACE, after=f"{tp.partition}:{end - 1}")
            for tp, end in (await self._ends()).items()
            if end > 0
        ]
        asked = (self._bus.ask(ping, timeout_seconds=PROBE_SECONDS_MAX) for ping in pings)
        await asyncio.gather(*asked)


async def _outcome(work: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            await work
    except TimeoutError:
        return "timeout"
    except (MemoryServiceError, KafkaError, *REDIS_ERRORS):
        return "error"
    return "ok"
