"""Probes of Kafka by a client that shares nothing with the one in doubt."""

import asyncio

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from human_memory.bus.connections import cut_off
from human_memory.bus.consumer import SILENT_SECONDS_MAX, LogConsumer
from human_memory.bus.lasting import DOUBT_SECONDS
from human_memory.bus.settings import KafkaSettings

PROBE_SECONDS_MAX = 5.0


async def kafka_answers(settings: KafkaSettings) -> bool:
    """A connection of its own can be made, and is told which brokers there are."""
    client = AIOKafkaClient(**settings.connection_arguments(), client_id="human-memory-probe")
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            await client.bootstrap()
    except (KafkaError, TimeoutError, OSError):
        return False
    else:
        return True
    finally:
        await cut_off(client, [client._sync_task])


async def raise_if_stuck(consumer: LogConsumer, settings: KafkaSettings) -> None:
    """Raise KafkaConnectionError if Kafka answers others and has long sent nothing here.

    While Kafka is away a consumer waits for it, and goes on where it was. Ask every few seconds.
    """
    if consumer.silent_seconds() < DOUBT_SECONDS:
        return
    if not await kafka_answers(settings):
        consumer.forget_silence()
    elif (silent := consumer.silent_seconds()) > SILENT_SECONDS_MAX:
        raise KafkaConnectionError(
            f"Kafka answers others, and sent nothing here for {silent:.0f} s"
        )
