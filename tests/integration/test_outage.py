"""What bus and producer do while Kafka is away, and after it is back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer
from human_memory.bus.settings import KafkaSettings
from human_memory.bus.topics import apply_topics
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.replies import Reply
from schemas.topics import EVENTS, REPLIES
from services.common.envelope import Replier, ReplyAddress
from stack.errors import UnsupportedPlatform
from stack.local import LocalStack
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


@asynccontextmanager
async def silent(own_stack: LocalStack) -> AsyncIterator[None]:
    """Meanwhile Kafka is there, takes connections and requests, and answers nothing."""
    pid = own_stack.status().kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await eventually(lambda: stands_still(pid))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stands_still(pid: int) -> bool:
    """Whether all threads of a process have been stopped: it takes a moment."""
    stats = [file.read_text("utf-8") for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


async def test_replies_are_given_up_while_kafka_does_not_answer(
    own_stack: LocalStack, settings: KafkaSettings
) -> None:
    answers = [(ReplyAddress(b"q1", 0), Reply(result={"version": "test"}))]
    async with DurableProducer(settings) as producer:
        replier = Replier(
            producer, settings.topic(REPLIES), partitions=settings.partitions, service="test"
        )
        await replier.send(answers)  # the connection is there
        async with silent(own_stack):
            # They end while it is silent, so nothing but the replier's own bound can end them.
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.gather(*[replier.send(answers) for _ in range(3)])

        # Well again, it takes what comes next.
        async with asyncio.timeout(PATIENCE_SECONDS):
            sent = await producer.send(settings.topic(REPLIES), b"{}", key=b"q2")
        assert sent.topic == settings.topic(REPLIES)
