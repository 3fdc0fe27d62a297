"""The bus client on a real broker: nothing missed, nothing leaked, errors with a type."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer

from human_memory.bus.bus import Bus, Request
from human_memory.bus.deadline import deadline_of_record
from human_memory.bus.producer import partition_of
from human_memory.bus.settings import KafkaSettings
from schemas.errors import DeadlineExceeded, LimitExceeded, NotFound, Rejected, Unavailable
from schemas.topics import (
    CONTENT_TYPE,
    CORRELATION_ID,
    INBOX,
    JSON,
    MAINTENANCE,
    QUERIES,
    REPLIES,
    REPLY_PARTITION,
    REPLY_TO,
    TIMEOUT_MS,
    Topic,
)
from tests.builders import ping, recall, run_job, search, store
from tests.integration.responder import PONG, Responder
from tests.polling import eventually

pytestmark = pytest.mark.integration
# Long enough for any machine that works; only tests of a passed deadline wait for one, a short one.
PATIENCE_SECONDS = 30.0
SHORT_SECONDS = 0.3


@pytest.fixture
async def bus(settings: KafkaSettings) -> AsyncIterator[Bus]:
    async with Bus(settings) as running:
        yield running


@pytest.fixture
async def echo(settings: KafkaSettings) -> AsyncIterator[Responder]:
    """Answers every query at once."""
    async with Responder(settings, answer=PONG) as running:
        yield running


@pytest.fixture
async def service(settings: KafkaSettings) -> AsyncIterator[Responder]:
    """Answers when the test says so."""
    async with Responder(settings) as running:
        yield running


def asking(bus: Bus, message: Request, seconds: float = PATIENCE_SECONDS) -> asyncio.Task[object]:
    """A request under way."""
    return asyncio.create_task(bus.ask(message, timeout_seconds=seconds))


async def broken(consumer: AIOKafkaConsumer | None) -> None:
    """Make every later read of `consumer` fail."""
    assert consumer is not None
    await consumer.stop()


async def test_request_gets_the_reply_that_was_sent_to_it(bus: Bus, echo: Responder) -> None:
    reply = await bus.request(ping())

    assert reply.unwrap() == {"version": "test"}
    assert reply.position == "0:1"


async def test_first_reply_is_never_missed_however_many_start_and_ask_at_once(
    settings: KafkaSettings, echo: Responder
) -> None:
    async def start_and_ask() -> dict[str, object]:
        async with Bus(settings) as own:
            return await own.ask(ping(), timeout_seconds=PATIENCE_SECONDS)

    answers = await asyncio.gather(*[start_and_ask() for _ in range(20)])

    assert answers == [{"version": "test"}] * 20


async def test_each_of_many_requests_in_flight_gets_its_own_reply(
    bus: Bus, service: Responder
) -> None:
    tasks = [asking(bus, ping(namespace=f"n{number}")) for number in range(50)]
    requests = [await service.next() for _ in tasks]

    for request in reversed(requests):
        name = request.value["namespace"].encode()
        await service.reply(request, b'{"result":{"namespace":"' + name + b'"}}')

    assert await asyncio.gather(*tasks) == [{"namespace": f"n{number}"} for number in range(50)]


async def test_request_carries_what_a_service_needs_to_answer_in_time(
    settings: KafkaSettings, bus: Bus, service: Responder
) -> None:
    task = asking(bus, ping(), 7.0)

    request = await service.next()

    await service.reply(request)
    await task
    assert request.headers[REPLY_TO] == settings.topic(REPLIES).encode()
    assert 0 <= int(request.headers[REPLY_PARTITION]) < settings.partitions
    assert request.headers[CONTENT_TYPE] == JSON.encode()
    assert request.headers[CORRELATION_ID]
    left = deadline_of_record(
        request.headers[TIMEOUT_MS], recorded_ms=request.timestamp, now_ms=request.timestamp
    )
    assert 0 < left.remaining_seconds() <= 7.0


@pytest.mark.parametrize(
    ("message", "topic"),
    [(store(), INBOX), (search(), QUERIES), (run_job(), MAINTENANCE)],
    ids=["command", "query", "maintenance"],
)
async def test_message_goes_to_the_topic_of_its_class_under_its_namespace(
    settings: KafkaSettings, bus: Bus, message: Request, topic: Topic
) -> None:
    async with Responder(settings, topic=topic) as reader:
        position = await bus.publish(message)

        received = await reader.next()

    assert position.topic == settings.topic(topic)
    assert received.key == message.namespace.encode()
    assert received.partition == partition_of(received.key, settings.partitions)
    assert type(message).model_validate(received.value) == message


async def test_partition_for_replies_is_what_the_given_chooser_chooses(
    settings: KafkaSettings, service: Responder
) -> None:
    seed = 7
    async with Bus(settings, chooser=random.Random(seed)) as bus:
        task = asking(bus, ping())
        request = await service.next()
        await service.reply(request)
        await task

    chosen = random.Random(seed).randrange(settings.partitions)
    assert int(request.headers[REPLY_PARTITION]) == chosen


async def test_error_in_a_reply_is_raised_as_its_type(bus: Bus, service: Responder) -> None:
    task = asking(bus, recall())
    error = b'{"error":{"code":"not_found","message":"no such memory","details":{"id":"m1"}}}'

    await service.reply(await service.next(), error)

    with pytest.raises(NotFound, match="no such memory") as caught:
        await task
    assert caught.value.details == {"id": "m1"}


async def test_unanswered_query_ends_at_its_deadline_and_says_how_to_retry(bus: Bus) -> None:
    with pytest.raises(DeadlineExceeded, match=r"outcome is unknown.*same query_id"):
        await bus.request(ping(), timeout_seconds=SHORT_SECONDS)

    assert bus._replies.pending == 0


async def test_unanswered_write_ends_at_its_deadline_and_says_how_to_retry(bus: Bus) -> None:
    with pytest.raises(DeadlineExceeded, match=r"outcome is unknown.*same idempotency_key"):
        await bus.request(store(), timeout_seconds=SHORT_SECONDS)


async def test_reply_after_the_deadline_is_counted_as_late(bus: Bus, service: Responder) -> None:
    task = asking(bus, ping(), SHORT_SECONDS)
    request = await service.next()
    with pytest.raises(DeadlineExceeded):
        await task

    await service.reply(request)

    await eventually(lambda: bus._replies.late_replies == 1)
    assert bus._replies.unknown_replies == 0


async def test_reply_that_comes_twice_is_counted_as_unknown(bus: Bus, service: Responder) -> None:
    task = asking(bus, ping())
    request = await service.next()

    await service.reply(request)
    await service.reply(request)

    await task
    await eventually(lambda: bus._replies.unknown_replies == 1)
    assert bus._replies.late_replies == 0


async def test_reply_to_another_client_in_the_same_partition_is_not_ours(
    bus: Bus, service: Responder
) -> None:
    task = asking(bus, ping())
    request = await service.next()

    await service.reply(request, correlation_id=b"somebody-else-1")
    await service.reply(request)

    await task
    assert bus._replies.foreign_replies == 1
    assert bus._replies.unknown_replies == 0


@pytest.mark.parametrize(
    "value",
    [b"not json", b"", b"[]", b"{}", b'{"result":{},"error":{}}', b'{"result":{},"extra":1}'],
)
async def test_malformed_reply_is_ignored_and_the_right_one_still_arrives(
    bus: Bus, service: Responder, value: bytes
) -> None:
    task = asking(bus, ping())
    request = await service.next()

    await service.reply(request, value)
    await service.reply(request)

    assert await task == {"version": "test"}
    assert bus._replies.malformed_replies == 1


async def test_one_request_too_many_is_refused_by_name_and_the_others_go_on(
    settings: KafkaSettings, service: Responder
) -> None:
    async with Bus(settings, pending_max=2) as bus:
        tasks = [asking(bus, ping()) for _ in range(2)]
        requests = [await service.next() for _ in tasks]

        with pytest.raises(LimitExceeded, match="pending_max: 3 sent, 2 allowed"):
            await bus.request(ping())

        for request in requests:
            await service.reply(request)
        assert await asyncio.gather(*tasks) == [{"version": "test"}] * 2


async def test_cancelled_request_leaves_nothing_and_its_reply_counts_as_late(
    bus: Bus, service: Responder
) -> None:
    task = asking(bus, ping())
    request = await service.next()
    task.cancel()
    await asyncio.wait([task])

    pending = bus._replies.pending
    await service.reply(request)

    assert pending == 0
    await eventually(lambda: bus._replies.late_replies == 1)


async def test_hundreds_of_timeouts_leave_neither_requests_nor_tasks(bus: Bus) -> None:
    tasks_before = len(asyncio.all_tasks())
    count = 300

    outcomes = await asyncio.gather(
        *[bus.request(ping(), timeout_seconds=SHORT_SECONDS) for _ in range(count)],
        return_exceptions=True,
    )

    assert {type(outcome) for outcome in outcomes} == {DeadlineExceeded}
    assert bus._replies.pending == 0
    # The client has a few tasks of its own that come and go.
    await eventually(lambda: len(asyncio.all_tasks()) < tasks_before + count // 10)


async def test_closing_ends_what_is_pending_and_leaves_no_task(
    settings: KafkaSettings, service: Responder
) -> None:
    async with Bus(settings) as other:  # until the service's own tasks are all there
        await other.publish(ping())
        await service.next()
    tasks_before = len(asyncio.all_tasks())
    bus = Bus(settings)
    await bus.start()
    tasks = [asking(bus, ping()) for _ in range(10)]
    for _ in tasks:
        await service.next()

    await bus.close()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unavailable}
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks_before)


async def test_closing_twice_is_closing_once(settings: KafkaSettings) -> None:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus(settings))

        await bus.close()

    with pytest.raises(Unavailable, match="closed"):
        await bus.request(ping())


async def test_bus_that_was_not_started_says_so(settings: KafkaSettings) -> None:
    bus = Bus(settings)

    with pytest.raises(Unavailable, match="never started"):
        await bus.request(ping())


async def test_failed_reply_consumer_is_replaced_and_those_who_wait_are_told(
    bus: Bus, service: Responder
) -> None:
    waiting = asking(bus, ping())
    await service.next()

    await broken(bus._replies._consumer)

    with pytest.raises(Unavailable, match="reply consumer failed"):
        await waiting
    later = asking(bus, ping())
    await service.reply(await service.next())
    assert await later == {"version": "test"}


async def test_timeout_out_of_bounds_is_refused_before_anything_is_sent(bus: Bus) -> None:
    with pytest.raises(Rejected, match="timeout_seconds"):
        await bus.request(ping(), timeout_seconds=0)


async def test_absent_kafka_is_named_with_the_remedy() -> None:
    bus = Bus(KafkaSettings(kafka="127.0.0.1:9"))

    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 does not answer; start it"):
        await bus.start()


async def test_missing_topics_are_named_with_the_remedy(settings: KafkaSettings) -> None:
    bus = Bus(settings.model_copy(update={"topic_prefix": "nothing.here."}))

    with pytest.raises(Unavailable, match=r"nothing\.here\.memory\.replies.*topics apply"):
        await bus.start()
