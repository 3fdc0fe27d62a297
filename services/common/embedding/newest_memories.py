"""The memories that were stored last, read from the end of the log."""

from aiokafka import TopicPartition

from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import consuming
from human_memory.bus.settings import KafkaSettings
from schemas.codec import decode_event
from schemas.errors import MemoryServiceError
from schemas.events import MemoryStored
from schemas.topics import EVENTS

# Mostly enough to meet a memory; where there is none so far back, twice as many are read.
LOOK_BACK_RECORDS = 500
GROWTH = 4
_MARK = b'"memory.stored.'


async def newest_memories(settings: KafkaSettings, *, count: int) -> list[MemoryStored]:
    """The `count` stored last, the latest first by the broker's time; none of an empty log.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with consuming(settings, "reading the log") as consumer:
        return await _newest(consumer, settings, count)


async def _newest(consumer: LogConsumer, settings: KafkaSettings, count: int) -> list[MemoryStored]:
    topic = settings.topic(EVENTS)
    partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
    consumer.assign(partitions)
    beginnings = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    starts, size = dict(ends), LOOK_BACK_RECORDS
    found: list[tuple[int, MemoryStored]] = []
    while not found and starts != beginnings:
        slices = {tp: (max(beginnings[tp], starts[tp] - size), starts[tp]) for tp in partitions}
        found = await _stored(consumer, slices)
        starts = {tp: first for tp, (first, _) in slices.items()}
        size *= GROWTH
    found.sort(key=lambda each: each[0], reverse=True)
    return [event for _, event in found[:count]]


async def _stored(
    consumer: LogConsumer, slices: dict[TopicPartition, tuple[int, int]]
) -> list[tuple[int, MemoryStored]]:
    """The memories stored in these slices of the log, with the broker's time."""
    found = []
    consumer.assign(list(slices))
    for tp, (first, _) in slices.items():
        consumer.seek(tp, first)
    async for batches in consumer.read_to({tp: end for tp, (_, end) in slices.items()}):
        for tp, records in batches.items():
            for record in records:
                if record.offset < slices[tp][1] and (event := _memory(record.value)):
                    found.append((record.timestamp, event))
    return found


def _memory(value: bytes | None) -> MemoryStored | None:
    if value is None or _MARK not in value:
        return None
    try:
        event = decode_event(value)
    except MemoryServiceError:
        return None  # the fold says what is wrong with it
    return event if isinstance(event, MemoryStored) else None
