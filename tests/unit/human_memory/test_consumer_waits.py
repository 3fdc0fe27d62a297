"""A consumer says so when it stands still, and nothing it does takes for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

from human_memory.bus.connections import within
from human_memory.bus.consumer import LogConsumer


class Silent:
    """A client that gets no answer."""

    async def ask(self, _: str) -> str:
        await asyncio.Event().wait()
        return "never"

    ask_in_time = within(0.01, ask)

    async def answer(self, what: str) -> str:
        return what

    answer_in_time = within(10.0, answer)


async def test_question_without_an_answer_is_a_connection_error_that_names_it() -> None:
    with pytest.raises(KafkaConnectionError, match=r"no answer from Kafka to ask within 0\.01 s"):
        await Silent().ask_in_time("where")


async def test_answer_in_time_is_given() -> None:
    assert await Silent().answer_in_time("here") == "here"


@pytest.fixture
async def consumer() -> AsyncIterator[LogConsumer]:
    """A consumer whose task for metadata has died, as aiokafka's do: in silence."""

    async def fail() -> None:
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    own = LogConsumer(bootstrap_servers="127.0.0.1:9", group_id=None)
    own._client._sync_task = asyncio.create_task(fail())
    await asyncio.wait([own._client._sync_task])
    yield own
    await own.stop()


async def test_poll_of_a_consumer_whose_background_task_has_died_is_an_error(
    consumer: LogConsumer,
) -> None:
    with pytest.raises(KafkaConnectionError, match=r"metadata has ended: RuntimeError\('unable"):
        await consumer.getmany(timeout_ms=1)


async def test_consumer_whose_background_task_has_died_can_be_stopped(
    consumer: LogConsumer,
) -> None:
    await consumer.stop()

    assert consumer.ended() is None


@pytest.fixture
async def fetching(consumer: LogConsumer) -> LogConsumer:
    """A consumer that waits to repeat a fetch, as after an answer that came too late."""
    consumer._fetcher = fetcher = Fetcher(consumer._client, consumer._subscription)
    fetcher._fetch_task.cancel()
    await asyncio.wait([fetcher._fetch_task])
    fetcher._pending_tasks.add(asyncio.create_task(asyncio.Event().wait()))
    await asyncio.sleep(0)
    return consumer


async def test_consumer_that_waits_to_fetch_again_can_be_stopped(fetching: LogConsumer) -> None:
    await fetching.stop()

    assert fetching.ended() is None


async def test_whoever_is_cancelled_while_a_consumer_stops_is_cancelled(
    fetching: LogConsumer,
) -> None:
    stopping = asyncio.create_task(fetching.stop())
    stopping.cancel()

    await asyncio.wait([stopping])

    assert stopping.cancelled()
