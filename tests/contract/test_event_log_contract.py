"""What every log that ingest appends to must do: on the fake in memory, and on Kafka."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from human_memory.bus.producer import DurableProducer
from human_memory.bus.settings import KafkaSettings
from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.topics import EVENTS
from services.ingest.adapters.kafka_event_log import RETRY_MS, KafkaEventLog
from services.ingest.domain import SOURCE
from services.ingest.ports import EventLog
from tests.builders import forgotten_event, stored_event
from tests.fakes.event_log import MemoryEventLog

MINUTE_MS = 60_000


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(name: str, *, namespace: str = "acme/one", source: str = SOURCE) -> MemoryEvent:
    envelope = {"id": derive("log", name), "namespace": namespace, "source": source}
    return forgotten_event(envelope=envelope)


def ids(events: list[MemoryEvent]) -> list[UUID]:
    return [each.id for each in events]


class EventLogContract:
    """What every log must do. Subclasses give only the `event_log` fixture."""

    async def test_each_event_has_the_position_it_is_found_at(self, event_log: EventLog) -> None:
        began_ms = now_ms()
        events = [event(f"order {i}", namespace=f"acme/{i % 3}") for i in range(30)]

        positions = await event_log.append(events)

        found = await event_log.appended_since(began_ms)
        assert [found[each].position for each in ids(events)] == positions
        assert len(set(positions)) == len(events)

    async def test_events_of_a_namespace_lie_in_one_partition_in_order(
        self, event_log: EventLog
    ) -> None:
        first = await event_log.append([event(f"first {i}") for i in range(5)])

        second = await event_log.append([event(f"second {i}") for i in range(5)])

        places = [tuple(map(int, position.split(":"))) for position in [*first, *second]]
        assert len({partition for partition, _ in places}) == 1
        assert places == sorted(places)

    async def test_nothing_appended_has_no_positions(self, event_log: EventLog) -> None:
        assert await event_log.append([]) == []

    async def test_events_of_other_writers_are_not_found(self, event_log: EventLog) -> None:
        ours, theirs = event("ours"), event("theirs", source="/human-memory/retrieval")

        await event_log.append([theirs, ours])

        found = await event_log.appended_since(now_ms() - MINUTE_MS)
        assert ours.id in found
        assert theirs.id not in found

    async def test_event_appended_twice_is_found_where_it_was_first(
        self, event_log: EventLog
    ) -> None:
        twice = event("twice")
        (first,) = await event_log.append([twice])

        await event_log.append([twice])

        found = await event_log.appended_since(now_ms() - MINUTE_MS)
        assert found[twice.id].position == first

    async def test_memory_is_found_with_the_hash_of_its_command_and_others_without(
        self, event_log: EventLog
    ) -> None:
        envelope = {"source": SOURCE, "id": derive("log", "memory")}
        memory = stored_event(envelope=envelope, body_hash="ab" * 32)
        other = event("no memory")

        await event_log.append([memory, other])

        found = await event_log.appended_since(now_ms() - MINUTE_MS)
        assert found[memory.id].body_hash == "ab" * 32
        assert found[other.id].body_hash is None

    async def test_events_of_long_before_are_not_found(self, event_log: EventLog) -> None:
        await event_log.append([event("old")])

        found = await event_log.appended_since(now_ms() + RETRY_MS + 10 * MINUTE_MS)

        assert found == {}

    async def test_events_of_just_before_are_found(self, event_log: EventLog) -> None:
        # A client that got no reply sends its command again: the first one lies before it.
        await event_log.append([event("just before")])

        found = await event_log.appended_since(now_ms() + 2 * MINUTE_MS)

        assert event("just before").id in found


class TestMemoryEventLog(EventLogContract):
    @pytest.fixture
    def event_log(self) -> MemoryEventLog:
        return MemoryEventLog()


@pytest.mark.integration
class TestKafkaEventLog(EventLogContract):
    @pytest.fixture
    async def producer(self, settings: KafkaSettings) -> AsyncIterator[DurableProducer]:
        async with DurableProducer(settings) as running:
            yield running

    @pytest.fixture
    def event_log(self, settings: KafkaSettings, producer: DurableProducer) -> KafkaEventLog:
        return KafkaEventLog(settings, producer)

    async def test_records_that_are_no_events_are_passed_over(
        self, settings: KafkaSettings, producer: DurableProducer, event_log: KafkaEventLog
    ) -> None:
        topic = settings.topic(EVENTS)
        for value in (None, b"", b"\xff", b"[]", b"7", b'{"id":"x","source":7}', b'{"id":null}'):
            await producer.send(topic, value, key=b"acme/one")
        ours = f'{{"id":"no id","source":"{SOURCE}"}}'.encode()
        await producer.send(topic, ours, key=b"acme/one")

        (position,) = await event_log.append([event("behind them")])

        found = await event_log.appended_since(now_ms() - MINUTE_MS)
        assert found[event("behind them").id].position == position
