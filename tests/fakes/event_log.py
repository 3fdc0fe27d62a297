"""The log that ingest appends to, in memory. It passes the port's contract."""

import time
from collections import Counter
from uuid import UUID

from human_memory.bus.producer import partition_of
from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from services.ingest.adapters.kafka_event_log import RETRY_MS
from services.ingest.domain import SOURCE
from services.ingest.ports import Appended, appended_of

PARTITIONS = 6


class MemoryEventLog:
    """`EventLog` on a list.

    `refusals`: so many appends fail before anything is written. `lost_answers`: so many are
    written, and the caller hears that they failed.
    """

    def __init__(self) -> None:
        self.events: list[MemoryEvent] = []
        self.positions: list[str] = []
        self.appended_ms: list[int] = []
        self.refusals = 0
        self.lost_answers = 0
        self.attempts = 0
        self.lookups = 0
        self._ends: Counter[int] = Counter()

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        self.attempts += 1
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("Kafka is away")
        positions = [self._append(event) for event in events]
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unavailable("Kafka went away before it answered")
        return positions

    async def appended_since(self, time_ms: int) -> dict[UUID, Appended]:
        self.lookups += 1
        found: dict[UUID, Appended] = {}
        rows = zip(self.events, self.positions, self.appended_ms, strict=True)
        for event, position, appended_ms in rows:
            if event.source == SOURCE and appended_ms >= time_ms - RETRY_MS:
                found.setdefault(event.id, appended_of(event, position))
        return found

    def _append(self, event: MemoryEvent) -> str:
        partition = partition_of(event.namespace.encode(), PARTITIONS)
        position = f"{partition}:{self._ends[partition]}"
        self._ends[partition] += 1
        self.events.append(event)
        self.positions.append(position)
        self.appended_ms.append(time.time_ns() // 1_000_000)
        return position
