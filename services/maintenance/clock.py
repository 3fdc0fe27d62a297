"""The clock: publishes the commands of each slot for the namespaces that have something to do."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from prometheus_client import Counter

from human_memory.bus.producer import DurableProducer, Outgoing
from schemas.codec import encode
from schemas.errors import MemoryServiceError
from schemas.ids import run_id
from schemas.maintenance import Job, RunJob
from schemas.topics import CONTENT_TYPE, JSON
from services.common.redis import REDIS_ERRORS
from services.maintenance.decisions import slot_of
from services.maintenance.ports import ReadSide, Upkeep

log = structlog.get_logger(__name__)
SLOTS = Counter("human_memory_slots_total", "Commands published by the clock", ["job"])
# A slot that was missed while no instance had its partition is found at the next look.
LOOK_SECONDS = 5.0
_HEADERS = ((CONTENT_TYPE, JSON.encode()),)


class Clock:
    """Looks after the partitions of one member.

    Only the latest slot of a job is ever published: after a downtime one run catches up. Slots have
    deterministic ids, so nothing depends on there being one clock.
    """

    def __init__(
        self,
        *,
        side: ReadSide,
        producer: DurableProducer,
        topic: str,
        intervals_ms: dict[Job, int],
        now_ms: Callable[[], int],
    ) -> None:
        self._side = side
        self._producer = producer
        self._topic = topic
        self._intervals_ms = intervals_ms
        self._now_ms = now_ms
        self._published: dict[tuple[int, Job], int] = {}

    async def run(self, partitions: Callable[[], Iterable[Any]]) -> None:
        """Run for ever; `partitions` gives those that are ours now."""
        while True:
            mine = {tp.partition for tp in partitions()}
            for partition in sorted(mine):
                try:
                    await self.tick(partition)
                except (MemoryServiceError, *REDIS_ERRORS) as error:
                    log.warning("clock waits", partition=partition, error=str(error))
            # An instance that gets a partition (again) looks at its slots (again).
            self._published = {k: v for k, v in self._published.items() if k[0] in mine}
            await asyncio.sleep(self._seconds_to_next())

    async def tick(self, partition: int) -> None:
        """Publish what the latest slot of each job has to do in a partition."""
        for job, interval_ms in self._intervals_ms.items():
            slot = slot_of(self._now_ms(), interval_ms)
            if self._published.get((partition, job)) != slot:
                await self._publish(partition, job, slot)
                self._published[partition, job] = slot

    async def _publish(self, partition: int, job: Job, slot: int) -> None:
        outgoing = []
        for namespace in await self._side.namespaces(partition):
            if await self._wanted(namespace, job, slot):
                command = RunJob(namespace=namespace, job=job, slot=slot)
                outgoing.append(
                    Outgoing(self._topic, namespace.encode(), encode(command), _HEADERS)
                )
        if outgoing:
            await self._producer.send_all(outgoing)
            SLOTS.labels(job).inc(len(outgoing))
            log.info("slot", job=job, slot=slot, namespaces=len(outgoing))

    async def _wanted(self, namespace: str, job: Job, slot: int) -> bool:
        upkeep = await self._side.upkeep(namespace)
        if not await self._has_work(namespace, job, slot, upkeep=upkeep):
            return False
        known = await self._side.run(namespace, run_id(job, namespace, slot))
        return known is None or known.completed_ms is None

    async def _has_work(self, namespace: str, job: Job, slot: int, *, upkeep: Upkeep) -> bool:
        parameters = upkeep.parameters
        match job:
            case "decay":
                if not parameters.decay_scheduled:
                    return False
                return not upkeep.indexed or bool(await self._side.due(namespace, slot, limit=1))
            case "consolidation":
                last_ms = max((began for began, _, _ in parameters.downscalings), default=0)
                return bool(parameters.consolidation_scheduled) and (
                    upkeep.last_accessed_ms > last_ms
                )
            case "capacity":
                return 0 < parameters.capacity < upkeep.counts["active"]
            case _:
                return False

    def _seconds_to_next(self) -> float:
        now_ms = self._now_ms()
        waits = [each - now_ms % each for each in self._intervals_ms.values()]
        return min(LOOK_SECONDS, min(waits) / 1000)
