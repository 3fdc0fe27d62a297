"""The log, the inbox, and what a run has left in the log."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition

from human_memory.bus.bus import Bus
from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import consuming
from human_memory.bus.producer import DurableProducer, partition_of
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Deadline
from schemas.codec import decode_event
from schemas.errors import MemoryServiceError
from schemas.events import (
    ConceptUpserted,
    MemoryAccessed,
    MemoryAdjusted,
    MemoryDecayed,
    MemoryEvent,
    MemoryRestored,
    MemoryStored,
    RelationUpserted,
)
from schemas.ids import effect_id
from schemas.inbox import InboxCommand
from schemas.topics import EVENTS
from services.common.event_log import EventAppender
from services.maintenance.snapshot import RUN_METADATA
from services.readside.runs import Run
from services.readside.visibility import Waits

FOLD_SECONDS_MAX = 60.0
INBOX_SECONDS_MAX = 60.0
# Brokers' clocks may differ by this much.
CLOCK_MARGIN_MS = 60_000


class KafkaLog(EventAppender):
    """`Log` on Kafka."""

    def __init__(
        self, settings: KafkaSettings, producer: DurableProducer, bus: Bus, waits: Waits
    ) -> None:
        super().__init__(settings, producer)
        self._settings = settings
        self._bus = bus
        self._waits = waits

    async def folded(self, position: str) -> None:
        """See `Log`; raises Unavailable."""
        await self._waits.until(position, Deadline.after(FOLD_SECONDS_MAX))

    async def ask(self, command: InboxCommand) -> tuple[dict[str, Any], str | None]:
        """See `Log`; raises what the reply carries."""
        reply = await self._bus.request(command, timeout_seconds=INBOX_SECONDS_MAX)
        return reply.unwrap(), reply.position

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        """See `Log`. Reads the part of the partition in which the run was at work."""
        name = self._settings.topic(EVENTS)
        partition = TopicPartition(
            name, partition_of(namespace.encode(), self._settings.partitions)
        )
        async with consuming(self._settings, f"reading {name}") as consumer:
            consumer.assign([partition])
            since = (run.commanded_ms or run.began_ms) - CLOCK_MARGIN_MS
            found = await consumer.offsets_for_times({partition: max(0, since)})
            begin = min(run.offset, found[partition].offset if found[partition] else run.offset)
            consumer.seek(partition, begin)
            return await _effects(consumer, partition, run_id, until=run.completed_offset or 0)


async def _effects(
    consumer: LogConsumer, partition: TopicPartition, run_id: UUID, *, until: int
) -> list[MemoryEvent]:
    # What brings a memory back does not name its run; its id says whose it is.
    wanted = (str(run_id).encode(), b"memory.restored.v1")
    effects: list[MemoryEvent] = []
    async for batches in consumer.read_to({partition: until}):
        for record in batches.get(partition, ()):
            mentioned = record.value and any(each in record.value for each in wanted)
            if record.offset < until and mentioned:
                effects += _effect(record.value, run_id)
    return effects


def _effect(value: bytes, run_id: UUID) -> list[MemoryEvent]:
    try:
        return effects_in([decode_event(value)], run_id)
    except MemoryServiceError:
        return []


def effects_in(events: Iterable[MemoryEvent], run_id: UUID) -> list[MemoryEvent]:
    """The effects of a run among some events."""
    return [event for event in events if _is_of(event, run_id)]


def _is_of(event: MemoryEvent, run_id: UUID) -> bool:
    match event:
        case MemoryDecayed() | MemoryAdjusted() | ConceptUpserted() | RelationUpserted():
            return event.data.run_id == run_id
        case MemoryAccessed():
            return event.subject == str(run_id)
        case MemoryRestored():
            return event.id == effect_id(run_id, event.subject, event.type)
        case MemoryStored():
            return event.data.metadata.get(RUN_METADATA) == str(run_id)
        case _:
            return False
