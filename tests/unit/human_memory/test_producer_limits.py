"""What the producer decides without Kafka."""

import asyncio

import pytest
from aiokafka.errors import OutOfOrderSequenceNumber

from human_memory.bus import producer as producer_module
from human_memory.bus.producer import BATCH_BYTES_MAX, DurableProducer, Outgoing, partition_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import LimitExceeded, Unavailable
from schemas.limits import DEAD_LETTER_BYTES_MAX, RECORD_BYTES_MAX
from schemas.topics import DEAD_LETTERS, EVENTS, TOPICS


# Hashes from the tests of Kafka's own Java client (UtilsTest.testMurmur2).
@pytest.mark.parametrize(
    ("key", "java_hash"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partition_of_a_key_is_that_of_the_java_client(key: bytes, java_hash: int) -> None:
    assert partition_of(key, 6) == (java_hash & 0x7FFFFFFF) % 6


async def test_record_over_the_limit_is_refused_before_kafka_is_needed() -> None:
    settings = KafkaSettings()
    producer = DurableProducer(settings)
    small, large = (
        Outgoing(settings.topic(EVENTS), b"acme", b"x" * size) for size in (10, RECORD_BYTES_MAX)
    )

    with pytest.raises(LimitExceeded, match="record_bytes") as caught:
        await producer.send_all([small, large])

    assert caught.value.details["allowed"] == RECORD_BYTES_MAX
    assert caught.value.details["sent"] > RECORD_BYTES_MAX


async def test_dead_letters_may_be_larger_than_other_records() -> None:
    settings = KafkaSettings()
    producer = DurableProducer(settings)

    with pytest.raises(LimitExceeded) as caught:
        await producer.send(settings.topic(DEAD_LETTERS), b"x" * DEAD_LETTER_BYTES_MAX, key=b"acme")

    assert caught.value.details["allowed"] == DEAD_LETTER_BYTES_MAX


async def test_producer_that_was_not_started_says_so() -> None:
    producer = DurableProducer(KafkaSettings())

    with pytest.raises(Unavailable, match="never started"):
        await producer.send("memory.events", b"x", key=b"acme")


async def test_append_that_is_tried_again_and_again_ends_in_the_time_for_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def wedged(_: object, records: list[Outgoing]) -> list[BaseException]:
        await asyncio.sleep(0.06)
        return [OutOfOrderSequenceNumber() for _ in records]

    async def replaced(*_: object) -> None:
        """Another one, wedged like the first."""

    producer = DurableProducer(KafkaSettings())
    monkeypatch.setattr(producer_module, "SEND_SECONDS_MAX", 0.1)
    monkeypatch.setattr(producer, "_started", lambda: None)
    monkeypatch.setattr(producer, "_attempt", wedged)
    monkeypatch.setattr(producer, "_replace", replaced)

    with pytest.raises(Unavailable, match=r"did not acknowledge 1 records in 0\.1 s"):
        await producer.send("memory.events", b"x", key=b"acme")


def test_batch_is_never_larger_than_what_a_topic_takes_at_once() -> None:
    assert min(topic.record_bytes_max for topic in TOPICS) > BATCH_BYTES_MAX
