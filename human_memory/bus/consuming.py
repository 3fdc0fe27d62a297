"""Consumers without a group: nobody notices what they read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from human_memory.bus.consumer import START_SECONDS_MAX, LogConsumer
from human_memory.bus.errors import kafka_trouble
from human_memory.bus.probing import raise_if_stuck
from human_memory.bus.settings import KafkaSettings

# A poll returns at once when there is something; else the consumer is looked at so often.
FOLLOW_POLL_MS = 5_000
# Kafka holds back its answer so long where it has nothing new. A consumer that is sent elsewhere
# meanwhile waits for that answer first: with aiokafka's 500 ms each look at dead letters took one.
HELD_BACK_MS_MAX = 50


def groupless(
    settings: KafkaSettings, *, client_id: str = "human-memory-reader", **arguments: Any
) -> LogConsumer:
    """A consumer that is not started, and has no partitions."""
    return LogConsumer(
        **settings.connection_arguments(),
        client_id=client_id,
        group_id=None,
        enable_auto_commit=False,
        # Only where its position is no longer in the log: then no record that is may be missed.
        auto_offset_reset="earliest",
        **arguments,
    )


@asynccontextmanager
async def consuming(settings: KafkaSettings, doing: str) -> AsyncIterator[LogConsumer]:
    """A consumer for the body. `doing`: what for, for an error.

    Raises:
        Unavailable: Kafka does not answer, at the start or later.
    """
    consumer = groupless(settings, fetch_max_wait_ms=HELD_BACK_MS_MAX)
    with kafka_trouble(settings, doing):
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()


async def from_the_end(
    settings: KafkaSettings, partitions: Sequence[TopicPartition], *, client_id: str
) -> LogConsumer:
    """A consumer that misses no record from now on.

    Raises:
        KafkaError: Kafka does not answer; or TimeoutError.
    """
    consumer = groupless(settings, client_id=client_id)
    try:
        async with asyncio.timeout(START_SECONDS_MAX):
            await consumer.start()
            # Nothing may be awaited between these two: the consumer would begin at the start.
            consumer.assign(partitions)
            await consumer.seek_to_end(*partitions)
            for partition in partitions:
                await consumer.position(partition)
    except BaseException:
        await consumer.stop()
        raise
    return consumer


async def followed(consumer: LogConsumer, settings: KafkaSettings) -> AsyncIterator[Any]:
    """Records from here on, for ever.

    Raises:
        KafkaError: no record comes any more, though Kafka answers others.
    """
    while True:
        batches = await consumer.getmany(timeout_ms=FOLLOW_POLL_MS)
        for records in batches.values():
            for record in records:
                yield record
        await raise_if_stuck(consumer, settings)
