"""The durable producer on a real broker: it gets over a wedge, and keeps order and keys."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import MessageSizeTooLargeError, OutOfOrderSequenceNumber

from human_memory.bus.producer import DurableProducer, Outgoing, partition_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import LimitExceeded, Rejected, Unavailable
from schemas.limits import RECORD_BYTES_MAX
from schemas.topics import EVENTS

pytestmark = pytest.mark.integration
# More than the 16 KiB that aiokafka puts into one batch, so that only a single record is too large.
SMALL_BYTES_MAX = 300_000  # above one batch of the client
FIRST = b"first"
TOO_LARGE_FOR_THE_BROKER = b"x" * 400_000


@pytest.fixture
async def producer(settings: KafkaSettings) -> AsyncIterator[DurableProducer]:
    async with DurableProducer(settings) as running:
        yield running


@pytest.fixture
async def topic(settings: KafkaSettings) -> AsyncIterator[str]:
    """A topic that takes only small records, which the client knows nothing of."""
    name = f"{settings.topic_prefix}small.{secrets.token_hex(3)}"
    admin = AIOKafkaAdminClient(**settings.connection_arguments())
    await admin.start()
    limit = {"max.message.bytes": str(SMALL_BYTES_MAX), "message.timestamp.type": "LogAppendTime"}
    await admin.create_topics([NewTopic(name, 2, 1, topic_configs=limit)])
    yield name
    await admin.delete_topics([name])
    await admin.close()


async def wedge(producer: DurableProducer, topic: str, *, partition: int) -> None:
    """Make the client inside `producer` unable to write to this partition ever again."""
    inside = producer._started()
    # A broker that has not seen the producer yet takes any sequence number.
    await inside.send_and_wait(topic, FIRST, partition=partition)
    with pytest.raises(MessageSizeTooLargeError):
        await inside.send_and_wait(topic, TOO_LARGE_FOR_THE_BROKER, partition=partition)
    with pytest.raises(OutOfOrderSequenceNumber):
        await inside.send_and_wait(topic, b"anything", partition=partition)


async def log_of(settings: KafkaSettings, topic: str, partition: int) -> list[bytes]:
    """The values in a partition, from its start."""
    consumer = AIOKafkaConsumer(
        **settings.connection_arguments(), group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        values: list[bytes] = []
        while await consumer.position(tp) < end:
            batches = await consumer.getmany(timeout_ms=1_000)
            values += [record.value for records in batches.values() for record in records]
        return values
    finally:
        await consumer.stop()


def numbered(topic: str, count: int, *, partition: int = 0) -> list[Outgoing]:
    """Records whose values say their order."""
    return [Outgoing(topic, None, b"%d" % number, (), partition) for number in range(count)]


async def test_wedged_producer_is_replaced_and_every_record_is_there_once_and_in_order(
    settings: KafkaSettings, producer: DurableProducer, topic: str
) -> None:
    await wedge(producer, topic, partition=0)
    records = numbered(topic, 200)

    positions = await producer.send_all(records)

    log = await log_of(settings, topic, 0)
    assert log == [FIRST, *[record.value for record in records]]
    assert [log[position.offset] for position in positions] == [r.value for r in records]


async def test_many_calls_that_meet_the_wedge_at_once_all_succeed(
    settings: KafkaSettings, producer: DurableProducer, topic: str
) -> None:
    await wedge(producer, topic, partition=0)
    values = {b"%d" % number for number in range(100)}

    await asyncio.gather(*[producer.send(topic, v, key=None, partition=0) for v in values])

    log = await log_of(settings, topic, 0)
    assert sorted(log) == sorted([FIRST, *values])


async def test_calls_under_way_in_other_partitions_survive_the_replacement(
    settings: KafkaSettings, producer: DurableProducer, topic: str
) -> None:
    await wedge(producer, topic, partition=0)
    wedged = numbered(topic, 500)
    # Many batches, so that it is still adding records when the client is taken away.
    healthy = numbered(topic, 20_000, partition=1)

    await asyncio.gather(producer.send_all(healthy), producer.send_all(wedged))

    assert await log_of(settings, topic, 1) == [record.value for record in healthy]
    assert await log_of(settings, topic, 0) == [FIRST, *[record.value for record in wedged]]


async def test_record_that_only_the_broker_refuses_is_reported_and_harms_no_later_one(
    settings: KafkaSettings, producer: DurableProducer, topic: str
) -> None:
    await producer.send(topic, FIRST, key=None, partition=0)
    with pytest.raises(Unavailable, match=r"max\.message\.bytes.*topics apply"):
        await producer.send(topic, TOO_LARGE_FOR_THE_BROKER, key=None, partition=0)

    await producer.send(topic, b"later", key=None, partition=0)

    assert await log_of(settings, topic, 0) == [FIRST, b"later"]


async def test_oversize_record_is_refused_with_its_call_and_nobody_elses(
    settings: KafkaSettings, producer: DurableProducer
) -> None:
    events = settings.topic(EVENTS)
    inside = producer._started()
    large = Outgoing(events, b"acme", b"x" * RECORD_BYTES_MAX)

    outcomes = await asyncio.gather(
        producer.send_all([Outgoing(events, b"acme", b"small"), large]),
        producer.send(events, b"neighbour", key=b"acme"),
        return_exceptions=True,
    )

    assert isinstance(outcomes[0], LimitExceeded)
    log = await log_of(settings, events, partition_of(b"acme", settings.partitions))
    assert b"neighbour" in log
    assert b"small" not in log
    assert producer._started() is inside  # nothing reached the broker that could wedge it


async def test_largest_record_that_the_client_takes_is_taken_by_the_broker(
    settings: KafkaSettings, producer: DurableProducer
) -> None:
    events = settings.topic(EVENTS)
    with pytest.raises(LimitExceeded) as caught:
        await producer.send(events, b"x" * RECORD_BYTES_MAX, key=b"large")
    too_many = caught.value.details["sent"] - caught.value.details["allowed"]

    position = await producer.send(events, b"x" * (RECORD_BYTES_MAX - too_many), key=b"large")

    assert position.topic == events


async def test_keys_decide_the_partition_as_in_the_java_client(
    settings: KafkaSettings, producer: DurableProducer
) -> None:
    keys = [b"acme/agent-%d" % number for number in range(40)]

    positions = await producer.send_all([Outgoing(settings.topic(EVENTS), k, b"v") for k in keys])

    expected = [partition_of(key, settings.partitions) for key in keys]
    assert [position.partition for position in positions] == expected
    assert len(set(expected)) == settings.partitions


async def test_thousands_of_single_sends_keep_their_order_in_each_partition(
    settings: KafkaSettings, producer: DurableProducer
) -> None:
    events = settings.topic(EVENTS)
    key = secrets.token_hex(8).encode()
    values = [b"%s %d %s" % (key, number, b"x" * 200) for number in range(3_000)]

    await asyncio.gather(*[producer.send(events, value, key=key) for value in values])

    log = await log_of(settings, events, partition_of(key, settings.partitions))
    assert [value for value in log if value.startswith(key)] == values


async def test_partition_that_the_topic_has_not_is_refused(
    settings: KafkaSettings, producer: DurableProducer
) -> None:
    with pytest.raises(Rejected, match="has the partitions 0 to 5, not 77"):
        await producer.send(settings.topic(EVENTS), b"v", key=None, partition=77)


async def test_cancelled_call_leaves_the_producer_usable(
    settings: KafkaSettings, producer: DurableProducer, topic: str
) -> None:
    task = asyncio.create_task(producer.send_all(numbered(topic, 2_000)))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])

    await producer.send(topic, b"after", key=None, partition=1)

    assert task.cancelled()
    assert await log_of(settings, topic, 1) == [b"after"]


async def test_stopping_twice_is_stopping_once(settings: KafkaSettings) -> None:
    producer = DurableProducer(settings)
    await producer.start()
    await producer.stop()

    await producer.stop()

    with pytest.raises(Unavailable, match="closed"):
        await producer.send(settings.topic(EVENTS), b"v", key=b"acme")


async def test_absent_kafka_is_named_with_the_remedy() -> None:
    producer = DurableProducer(KafkaSettings(kafka="127.0.0.1:9"))

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 does not answer; start it"):
        await producer.start()
