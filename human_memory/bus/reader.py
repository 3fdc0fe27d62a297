"""Raw records of a topic, for the commands that look into Kafka itself."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from human_memory.bus.admin import administering
from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import consuming
from human_memory.bus.errors import TOPICS_REMEDY
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable

POLL_MS = 200
Keep = Callable[[Any], bool]


class Reader:
    """Reads one topic, all partitions, without a group: nobody notices."""

    def __init__(self, consumer: LogConsumer, partitions: list[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def past(
        self,
        keep: Keep,
        *,
        last: int | None = None,
        look_back: int | None = None,
        begin: Mapping[int, int] | None = None,
    ) -> list[Any]:
        """Records that are there now, oldest first, at most `last`; then `follow` goes on.

        `look_back` bounds how many records of each partition are looked at; `begin` gives the first
        ones, and leaves out partitions that it does not name.
        """
        ends = await self._consumer.end_offsets(self._partitions)
        begins = await self._consumer.beginning_offsets(self._partitions)
        for tp in self._partitions:
            far = begins[tp] if look_back is None else ends[tp] - look_back
            if begin is not None:
                far = min(begin.get(tp.partition, ends[tp]), ends[tp])
            self._consumer.seek(tp, max(begins[tp], far))
        kept: list[Any] = []
        async for batches in self._consumer.read_to(ends):
            for tp, records in batches.items():
                kept += [record for record in records if record.offset < ends[tp] and keep(record)]
                if records[-1].offset >= ends[tp]:
                    self._consumer.seek(tp, ends[tp])
        ordered = sorted(kept, key=lambda r: (r.timestamp, r.partition, r.offset))
        return ordered if last is None else ordered[max(0, len(ordered) - last) :]

    async def follow(self) -> AsyncIterator[Any]:
        """Records from here on, for ever."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    yield record


@asynccontextmanager
async def reading(settings: KafkaSettings, topic: str) -> AsyncIterator[Reader]:
    """A reader of `topic`.

    Raises:
        Unavailable: Kafka does not answer, or has no such topic.
    """
    async with administering(settings, "looking up topics") as admin:
        partitions = await _partitions(admin, topic)
    if not partitions:
        raise Unavailable(f"Kafka at {settings.kafka} has no topic {topic}; {TOPICS_REMEDY}")
    async with consuming(settings, "reading") as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        yield Reader(consumer, partitions)


async def group_progress(settings: KafkaSettings, group: str, topic: str) -> tuple[int, int]:
    """The progress of a consumer group in a topic: (records done, records in all).

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with administering(settings, "looking up topics") as admin:
        partitions = await _partitions(admin, topic)
        committed = await admin.list_consumer_group_offsets(group)
    async with consuming(settings, "reading") as consumer:
        ends = await consumer.end_offsets(partitions)
    done = {tp: max(0, offset.offset) for tp, offset in committed.items()}
    return sum(min(end, done.get(tp, 0)) for tp, end in ends.items()), sum(ends.values())


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> list[TopicPartition]:
    # All topics are asked for: a broker may create those that are asked for by name.
    for described in await admin.describe_topics():
        if described["topic"] == topic:
            numbers = sorted(partition["partition"] for partition in described["partitions"])
            return [TopicPartition(topic, number) for number in numbers]
    return []


def recorded_at(record: Any) -> str:
    """The broker's time of a record, in UTC."""
    moment = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_json(record: Any) -> dict[str, Any]:
    """A record as JSON: what is no UTF-8 is shown with replacement characters."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "recorded_at": recorded_at(record),
        "key": _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": value_of(record),
    }


def value_of(record: Any) -> Any:
    """The value as JSON where it is JSON, else as text."""
    try:
        return orjson.loads(record.value)
    except (orjson.JSONDecodeError, TypeError):
        return _text(record.value)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
