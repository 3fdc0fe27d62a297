"""Producers compress as they like: each codec of Kafka is read."""

import pytest
from aiokafka import AIOKafkaProducer

from schemas.codec import encode
from schemas.topics import INBOX
from tests import builders
from tests.integration.agent import Agent
from tests.integration.services_fixture import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_records_are_read(system: System, agent: Agent, codec: str) -> None:
    namespace = f"compressed/{codec}"
    command = builders.store("Tea with milk.", namespace=namespace, idempotency_key="k1")
    producer = AIOKafkaProducer(
        **system.settings.connection_arguments(), acks="all", compression_type=codec
    )

    async with producer:
        await producer.send_and_wait(
            system.settings.topic(INBOX), encode(command), key=namespace.encode()
        )

    behind = Agent(agent.bus, namespace)
    await behind.store("Behind it in the same partition.")
    assert {row["content"] for row in await behind.search()} == {
        "Tea with milk.",
        "Behind it in the same partition.",
    }
