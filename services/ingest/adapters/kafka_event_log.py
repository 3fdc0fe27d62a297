"""memory.events in Kafka."""

from itertools import chain
from uuid import UUID

import orjson
from aiokafka import TopicPartition

from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import consuming
from human_memory.bus.producer import DurableProducer
from human_memory.bus.settings import KafkaSettings
from schemas.limits import TIMEOUT_MS_MAX
from services.common.event_log import EventAppender
from services.ingest.domain import SOURCE
from services.ingest.ports import Appended

# Brokers' clocks may differ by this much.
CLOCK_MARGIN_MS = 60_000
# A client that got no reply sends its command again, at the latest after the longest deadline.
RETRY_MS = TIMEOUT_MS_MAX
# Reading as many of each partition takes a second or two.
RETRY_RECORDS_MAX = 10_000


class KafkaEventLog(EventAppender):
    """`EventLog` on Kafka."""

    def __init__(self, settings: KafkaSettings, producer: DurableProducer) -> None:
        super().__init__(settings, producer)
        self._settings = settings

    async def appended_since(self, time_ms: int) -> dict[UUID, Appended]:
        """See `EventLog`. Reads that part of the topic."""
        async with consuming(self._settings, f"reading {self._topic}") as consumer:
            return await self._read(consumer, time_ms)

    async def _read(self, consumer: LogConsumer, time_ms: int) -> dict[UUID, Appended]:
        count = await self._producer.partitions(self._topic)
        partitions = [TopicPartition(self._topic, number) for number in range(count)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        since = await _offsets_at(consumer, ends, time_ms - CLOCK_MARGIN_MS)
        before = await _offsets_at(consumer, ends, time_ms - RETRY_MS)
        for partition in partitions:
            lately = max(before[partition], since[partition] - RETRY_RECORDS_MAX)
            consumer.seek(partition, min(since[partition], lately))
        appended: dict[UUID, Appended] = {}
        async for batches in consumer.read_to(ends):
            for record in chain.from_iterable(batches.values()):
                if (ours := _ours(record.value)) is not None:
                    event_id, body_hash, accessed = ours
                    place = f"{record.partition}:{record.offset}"
                    appended.setdefault(event_id, Appended(place, body_hash, accessed))
        return appended


async def _offsets_at(
    consumer: LogConsumer, ends: dict[TopicPartition, int], time_ms: int
) -> dict[TopicPartition, int]:
    """The first record not before a time, of each partition; its end if there is none."""
    found = await consumer.offsets_for_times(dict.fromkeys(ends, max(0, time_ms)))
    return {tp: found[tp].offset if found[tp] else end for tp, end in ends.items()}


def _ours(value: bytes | None) -> tuple[UUID, str | None, UUID | None] | None:
    try:
        event = orjson.loads(value or b"")
        if event["source"] != SOURCE:
            return None
        data = event["data"]
        accessed = UUID(data["accesses"][0]["memory_id"]) if "accesses" in data else None
        return UUID(event["id"]), data.get("body_hash") or event.get("bodyhash"), accessed
    except (ValueError, LookupError, TypeError, AttributeError):
        return None  # no event of ours; the projection deals with it
