"""What bus and producer do while Kafka is away, and after it is back."""

import asyncio
from collections.abc import Iterator

import pytest

from human_memory.bus import Bus
from human_memory.producer import DurableProducer
from human_memory.settings import KafkaSettings
from human_memory.topics import apply_topics
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.topics import EVENTS
from stack import LocalStack, UnsupportedPlatform
from tests.builders import ping, store
from tests.integration.responder import PONG, Responder
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]
PATIENCE_SECONDS = 60.0


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that this test may stop and start."""
    stack = LocalStack(tmp_path_factory.mktemp("outage"))
    try:
        stack.start()
    except UnsupportedPlatform as error:
        pytest.skip(str(error))
    yield stack
    stack.stop()


@pytest.fixture
async def settings(own_stack: LocalStack) -> KafkaSettings:
    kafka = KafkaSettings(kafka=own_stack.kafka)
    await apply_topics(kafka)
    return kafka


async def test_bus_works_again_after_kafka_was_away(
    own_stack: LocalStack, settings: KafkaSettings
) -> None:
    async with Responder(settings, answer=PONG), Bus(settings) as bus:
        await bus.ask(ping())
        await asyncio.to_thread(own_stack.stop)
        with pytest.raises(DeadlineExceeded):
            await bus.request(ping(), timeout_seconds=0.5)

        await asyncio.to_thread(own_stack.start)

        assert await bus.ask(ping(), timeout_seconds=PATIENCE_SECONDS) == {"version": "test"}
        position = await bus.publish(store(), timeout_seconds=PATIENCE_SECONDS)
        assert position.offset >= 0


async def test_producer_closes_while_kafka_is_away_and_tells_who_waited(
    own_stack: LocalStack, settings: KafkaSettings
) -> None:
    tasks_before = len(asyncio.all_tasks())
    producer = DurableProducer(settings)
    await producer.start()
    await producer.send(settings.topic(EVENTS), b"first", key=b"acme")
    await asyncio.to_thread(own_stack.stop)
    waiting = asyncio.create_task(producer.send(settings.topic(EVENTS), b"v", key=b"acme"))
    await asyncio.sleep(0)

    await producer.stop()

    with pytest.raises(Unavailable, match="does not answer"):
        await waiting
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks_before)
