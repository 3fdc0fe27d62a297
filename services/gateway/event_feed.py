"""Following what happens in a namespace: one reader of the log for all who follow."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, Self

import orjson
import structlog
from aiokafka import TopicPartition

from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import followed, from_the_end
from human_memory.bus.errors import kafka_trouble
from schemas.errors import Unavailable
from schemas.topics import EVENTS
from services.gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)
# A follower that is so far behind has stopped reading.
BACKLOG_MAX = 1_000
CLIENT_ID = "human-memory-gateway-followers"
STOPPING = "the gateway is stopping; try again"
# Fields that no follower can use, and that are most of an event's bytes.
_LEFT_OUT = ("embedding", "body_hash")
Event = tuple[str, str, dict[str, Any]]


class Follower:
    """A subscriber to one namespace's events."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(BACKLOG_MAX)
        self._ended = False

    def give(self, event: Event) -> None:
        """Hand over an event; one who does not keep up is let go, and gets no later one either."""
        if self._ended:
            return
        try:
            self._events.put_nowait(event)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """No more events."""
        self._ended = True
        with contextlib.suppress(asyncio.QueueFull):
            self._events.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event; the iteration ends when there will be no more."""
        if self._ended and self._events.empty():
            raise StopAsyncIteration
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        return event


class Followers:
    """Reads the log from where it ends, while anybody follows."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._followers: set[Follower] = set()
        self._count = 0
        self._changing = asyncio.Lock()
        self._opening: asyncio.Timeout | None = None
        self._work: set[asyncio.Task[None]] = set()
        self._consumer: LogConsumer | None = None
        self._reader: asyncio.Task[None] | None = None
        self.closing = asyncio.Event()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """One of the places for those who stay.

        Raises:
            Unavailable: all are taken, or the gateway is stopping.
        """
        if self.closing.is_set():
            raise Unavailable(STOPPING)
        if self._count >= self._settings.followers_max:
            raise Unavailable(
                f"{self._settings.followers_max} clients follow events already; try again later"
            )
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    @contextlib.asynccontextmanager
    async def following(self, namespace: str) -> AsyncIterator[Follower]:
        """A follower that gets every event from now on.

        Raises:
            Unavailable: Kafka does not answer, or this gateway is stopping.
        """
        follower = Follower(namespace)
        self._followers.add(follower)
        try:
            await self._to_its_end(self._start())
            yield follower
        finally:
            self._followers.discard(follower)
            if not self._followers:
                await self._to_its_end(self._stop())

    async def close(self) -> None:
        """End all of them."""
        self.closing.set()
        for follower in self._followers:
            follower.end()
        if self._opening is not None:
            self._opening.reschedule(asyncio.get_running_loop().time())
        await self._to_its_end(self._stop())
        if self._work:
            await asyncio.wait(self._work)

    async def _to_its_end(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it in a task of its own.

        The framework cancels whoever answers a client that has gone, and again at each await.
        """
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        await asyncio.shield(task)

    async def _start(self) -> None:
        async with self._changing:
            if self.closing.is_set():
                raise Unavailable(STOPPING)
            if self._reader is not None and not self._reader.done():
                return
            await self._end_reading()
            with kafka_trouble(self._settings, "following events"):
                consumer = await self._positioned_consumer()
            self._consumer = consumer
            self._reader = asyncio.create_task(self._read(consumer))

    async def _positioned_consumer(self) -> LogConsumer:
        topic = self._settings.topic(EVENTS)
        partitions = [TopicPartition(topic, n) for n in range(self._settings.partitions)]
        try:
            async with asyncio.timeout(None) as self._opening:
                return await from_the_end(self._settings, partitions, client_id=CLIENT_ID)
        finally:
            self._opening = None

    async def _stop(self) -> None:
        async with self._changing:
            if self._followers and not self.closing.is_set():
                return  # somebody came while the last one went
            await self._end_reading()

    async def _end_reading(self) -> None:
        reader, self._reader = self._reader, None
        consumer, self._consumer = self._consumer, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait([reader])
        if consumer is not None:
            await consumer.stop()

    async def _read(self, consumer: LogConsumer) -> None:
        try:
            async for record in followed(consumer, self._settings):
                self._hand_out(record)
        except Exception as error:  # noqa: BLE001 # whatever it is, they must not wait for ever
            log.warning("following ended", error=repr(error))
            for follower in self._followers:
                follower.end()

    def _hand_out(self, record: Any) -> None:
        namespace = (record.key or b"").decode("utf-8", "replace")
        interested = [each for each in self._followers if each.namespace == namespace]
        if not interested:
            return
        try:
            event = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return  # no event of ours; the projection tells the operator
        if not isinstance(event, dict) or not isinstance(event.get("data"), dict):
            return
        event["data"] = {k: v for k, v in event["data"].items() if k not in _LEFT_OUT}
        shown = (f"{record.partition}:{record.offset}", str(event.get("type")), event)
        for follower in interested:
            follower.give(shown)
