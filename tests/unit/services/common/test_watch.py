"""A consumer that stands still is noticed, started anew, and given up if that does not help."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition

from human_memory.bus.lasting import Lasting
from schemas.errors import Unavailable
from services.common.ownership import Ownership
from services.common.watch import Handle, Watch

RECORDS = (object(),)


class Consumer:
    """What a watch asks of a consumer, and how often Kafka has answered it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ended_with: str | None = None
        self.answers = 0
        self._silence = Lasting(clock)
        self.is_settled = True
        self.waits: dict[str, int] = {}
        self.assigned = {"events-0"}

    def ended(self) -> str | None:
        return self.ended_with

    def silent_seconds(self) -> float:
        return self._silence.look({"events-0": self.answers})["events-0"]

    def forget_silence(self) -> None:
        self._silence.forget()

    def settled(self) -> bool:
        return self.is_settled

    def waiting(self) -> dict[str, int]:
        return dict(self.waits)

    def assignment(self) -> set[str]:
        return self.assigned


class Subscriber:
    """FastStream's: it makes a new consumer at each start."""

    group_id = "human-memory-ingest"

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.consumer: Consumer | None = Consumer(clock)
        self.tasks: list[Any] = []
        self.starts = 0

    async def stop(self) -> None:
        self.consumer = None

    async def start(self) -> None:
        self.consumer = Consumer(self._clock)
        self.starts += 1


class Watched:
    """A watch over a subscriber, and a clock that jumps."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.engines_answer = True
        self.kafka_tells_it = True
        self.subscriber = Subscriber(lambda: self.now)
        self.watch = Watch(self.subscriber, self._answer, clock=lambda: self.now, **options)

    @property
    def consumer(self) -> Consumer:
        """The one of now."""
        assert self.subscriber.consumer is not None
        return self.subscriber.consumer

    async def for_seconds(self, seconds: int) -> None:
        """Let it look once a second."""
        for _ in range(seconds):
            self.now += 1
            self.consumer.answers += self.kafka_tells_it
            await self.watch.look()

    async def without_kafka(self, seconds: int) -> None:
        """Let Kafka be away; it answers a probe a look before the consumer has its next answer."""
        self.engines_answer = self.kafka_tells_it = False
        await self.for_seconds(seconds)
        self.engines_answer = True
        await self.for_seconds(1)
        self.kafka_tells_it = True
        await self.for_seconds(1)

    async def _answer(self) -> bool:
        return self.engines_answer


@pytest.fixture
def watched() -> Watched:
    """A watch over a consumer that is well."""
    return Watched()


async def test_consumer_without_work_is_left_alone(watched: Watched) -> None:
    await watched.for_seconds(1_000)

    assert (watched.subscriber.starts, await watched.watch.check()) == (0, "ok")


async def test_consumer_whose_background_task_has_ended_is_started_anew_at_once(
    watched: Watched,
) -> None:
    watched.consumer.ended_with = "aiokafka's task for metadata has ended: RuntimeError()"

    await watched.for_seconds(1)

    assert watched.subscriber.starts == 1
    assert "metadata" in await watched.watch.check()


async def test_consumer_that_takes_no_records_is_started_anew(watched: Watched) -> None:
    watched.consumer.waits = {"events-0": 7}

    await watched.for_seconds(60)

    assert watched.subscriber.starts == 1


async def test_consumer_that_gets_on_slowly_is_left_alone(watched: Watched) -> None:
    for offset in range(20):
        watched.consumer.waits = {"events-0": offset}
        await watched.for_seconds(20)

    assert watched.subscriber.starts == 0


async def test_batch_that_is_never_done_is_cut_off_and_its_consumer_started_anew() -> None:
    ownership = Ownership()
    watched = Watched(ownership=ownership)
    await ownership.on_partitions_assigned([TopicPartition("events", 0)])

    async def handle(_: object) -> None:
        async with ownership.batch():
            await asyncio.Event().wait()

    async def work() -> None:
        await watched.watch.handler(handle)(RECORDS)

    batch = asyncio.create_task(work())
    await asyncio.wait([batch], timeout=0)
    await watched.for_seconds(200)

    assert batch.done()
    assert watched.subscriber.starts == 1


async def test_consumer_that_kafka_tells_nothing_is_started_anew(watched: Watched) -> None:
    watched.kafka_tells_it = False

    await watched.for_seconds(32)

    assert watched.subscriber.starts == 1


async def test_service_ends_with_an_error_if_kafka_tells_a_new_consumer_nothing_either(
    watched: Watched,
) -> None:
    watched.kafka_tells_it = False

    with pytest.raises(Unavailable, match="starting its consumer anew did not help"):
        await watched.for_seconds(65)


@pytest.mark.parametrize("seconds", [5, 20, 28, 29, 30, 31, 40, 45, 60, 600])
async def test_consumer_that_kafka_comes_back_to_is_left_alone(
    watched: Watched, seconds: int
) -> None:
    await watched.for_seconds(100)

    await watched.without_kafka(seconds)
    await watched.for_seconds(1_000)
    await watched.without_kafka(seconds)

    assert (watched.subscriber.starts, await watched.watch.check()) == (0, "ok")


@pytest.mark.parametrize("seconds", [20, 40, 200])
async def test_process_that_was_stopped_and_goes_on_starts_nothing_anew(
    watched: Watched, seconds: int
) -> None:
    for _ in range(2):
        await watched.for_seconds(1_000)
        watched.now += seconds
        await watched.watch.look()

    await watched.for_seconds(1)

    assert (watched.subscriber.starts, await watched.watch.check()) == (0, "ok")


async def test_batch_that_redis_kept_waiting_goes_on_when_redis_is_back(watched: Watched) -> None:
    go_on = asyncio.Event()

    async def handle(_: object) -> None:
        await go_on.wait()

    async with asyncio.TaskGroup() as group:
        batch = group.create_task(_run(watched.watch.handler(handle)))
        await asyncio.wait([batch], timeout=0)
        watched.engines_answer = False
        await watched.for_seconds(85)
        watched.engines_answer = True
        await watched.for_seconds(20)
        go_on.set()

    assert watched.subscriber.starts == 0


async def test_idle_consumer_may_stand_still_again_long_after_it_was_started_anew(
    watched: Watched,
) -> None:
    for starts in (1, 2, 3):
        watched.consumer.ended_with = "a task has ended"
        await watched.for_seconds(100)

        assert (watched.subscriber.starts, await watched.watch.check()) == (starts, "ok")


async def test_consumer_that_gets_no_partitions_is_started_anew(watched: Watched) -> None:
    watched.consumer.is_settled = False

    await watched.for_seconds(200)

    assert watched.subscriber.starts == 1


async def test_while_kafka_or_redis_is_away_nothing_is_started_anew(watched: Watched) -> None:
    watched.engines_answer = False
    watched.consumer.waits = {"events-0": 7}

    await watched.for_seconds(1_000)

    assert (watched.subscriber.starts, await watched.watch.check()) == (0, "ok")


async def test_batch_that_has_a_reason_to_wait_is_left_alone() -> None:
    watched = Watched(excused=lambda: True)
    watched.consumer.waits = {"events-0": 7}

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        batch = group.create_task(_run(watched.watch.handler(_for_ever)))
        await asyncio.wait([batch], timeout=0)
        await watched.for_seconds(1_000)
        batch.cancel()

    assert watched.subscriber.starts == 0


async def test_reason_of_a_batch_to_wait_is_none_for_records_that_nobody_takes() -> None:
    watched = Watched(excused=lambda: True)
    watched.consumer.waits = {"events-0": 7}

    await watched.for_seconds(60)

    assert watched.subscriber.starts == 1


async def test_service_ends_with_an_error_if_a_new_consumer_stands_still_too(
    watched: Watched,
) -> None:
    watched.consumer.ended_with = "a task has ended"
    await watched.for_seconds(1)
    watched.consumer.ended_with = "a task has ended"

    with pytest.raises(Unavailable, match="starting its consumer anew did not help"):
        await watched.for_seconds(1)


async def test_consumer_that_gets_on_after_its_restart_may_be_started_anew_later(
    watched: Watched,
) -> None:
    for starts in (1, 2, 3):
        watched.consumer.ended_with = "a task has ended"
        await watched.for_seconds(1)
        await watched.watch.handler(_nothing)(RECORDS)
        await watched.for_seconds(1)

        assert (watched.subscriber.starts, await watched.watch.check()) == (starts, "ok")


async def _nothing(_: tuple[Any, ...]) -> None:
    pass


async def _for_ever(_: tuple[Any, ...]) -> None:
    await asyncio.Event().wait()


async def _run(handle: Handle) -> None:
    await handle(RECORDS)
