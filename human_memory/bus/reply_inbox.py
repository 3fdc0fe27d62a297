"""The client's side of memory.replies: who waits for which answer, and the consumer that reads."""

import asyncio
import logging
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from aiokafka import TopicPartition

from human_memory.bus.consumer import LogConsumer
from human_memory.bus.consuming import followed, from_the_end
from human_memory.bus.errors import kafka_trouble
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Backoff
from schemas.codec import decode_reply
from schemas.errors import LimitExceeded, Rejected, Unavailable
from schemas.replies import Reply
from schemas.topics import CORRELATION_ID, REPLIES

# Replies still under way after their request gave up; older ones count as unknown.
ABANDONED_MAX = 10_000
BACKOFF = Backoff((0.1, 0.5, 1.0, 5.0))
_log = logging.getLogger(__name__)


class ReplyBox:
    """Hands each reply to the request that waits for it; reads one partition, without a group.

    Several clients share a partition. A correlation id begins with this client's id: what begins
    otherwise is another's. A reply is late if its request gave up, unknown if there never was one
    or it had its answer already.
    """

    def __init__(self, settings: KafkaSettings, *, client_id: str, pending_max: int) -> None:
        self._settings = settings
        self._client_id = client_id
        self._pending_max = pending_max
        self._prefix = uuid4().hex + "-"
        self._prefix_bytes = self._prefix.encode()
        self._requests = 0
        self._waiting: dict[bytes, asyncio.Future[Reply]] = {}
        self._abandoned: dict[bytes, None] = {}
        self._positioned = asyncio.Event()
        self._consumer: LogConsumer | None = None
        self._reader: asyncio.Task[None] | None = None
        self._closed = False
        self.partition = 0
        self.late_replies = 0
        self.unknown_replies = 0
        self.foreign_replies = 0
        self.malformed_replies = 0

    @property
    def pending(self) -> int:
        """Requests that wait now."""
        return len(self._waiting)

    async def start(self, partitions: int, chooser: random.Random) -> None:
        """Assign one of so many partitions; returns once no reply from now on can be missed.

        Raises:
            Unavailable: Kafka does not answer.
        """
        self.partition = chooser.randrange(partitions)
        with kafka_trouble(self._settings, "starting the reply consumer"):
            self._consumer = await self._positioned_consumer()
        self._positioned.set()
        self._reader = asyncio.create_task(self._read_for_ever(self._consumer))

    async def stop(self) -> None:
        """Everyone who waits gets `Unavailable`; a second call does nothing."""
        self._closed = True
        self._fail_waiting("the bus was closed before the reply came; the outcome is unknown")
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait([reader])
        # Not in the reader's own hands: a task that is cancelled before its first step runs
        # nothing at all.
        if self._consumer is not None:
            await self._consumer.stop()

    async def ready(self) -> None:
        """Wait until replies are read; at once unless the consumer is just being replaced."""
        await self._positioned.wait()

    @contextmanager
    def expected(self) -> Iterator[tuple[bytes, asyncio.Future[Reply]]]:
        """A new correlation id, and the future that its reply will resolve within the body.

        Raises:
            LimitExceeded: too many wait already.
            Unavailable: closed.
        """
        if self._closed or self._reader is None:
            raise Unavailable("the bus is closed, or was never started")
        if len(self._waiting) >= self._pending_max:
            raise LimitExceeded(
                "pending_max",
                allowed=self._pending_max,
                sent=len(self._waiting) + 1,
                remedy="wait for replies before asking more",
            )
        self._requests += 1
        correlation_id = f"{self._prefix}{self._requests}".encode()
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[correlation_id] = future
        try:
            yield correlation_id, future
        finally:
            if self._waiting.pop(correlation_id, None) is not None:
                self._abandon(correlation_id)
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen, whether or not the body got to it

    def _abandon(self, correlation_id: bytes) -> None:
        self._abandoned[correlation_id] = None
        if len(self._abandoned) > ABANDONED_MAX:
            del self._abandoned[next(iter(self._abandoned))]

    async def _read_for_ever(self, consumer: LogConsumer) -> None:
        while True:
            try:
                async for record in followed(consumer, self._settings):
                    self._deliver(record)
            except Exception as error:  # noqa: BLE001 whatever it is, those who wait must hear of it
                self._positioned.clear()
                _log.warning("the reply consumer failed and is replaced: %r", error)
                self._fail_waiting(f"the reply consumer failed ({error!r}); the outcome is unknown")
                await consumer.stop()
            self._consumer = consumer = await self._replacement()
            self._positioned.set()

    async def _replacement(self) -> LogConsumer:
        attempt = 0
        while True:
            await asyncio.sleep(BACKOFF.after(attempt))
            attempt += 1
            try:
                return await self._positioned_consumer()
            except Exception as error:  # noqa: BLE001 # without a reader every request times out
                _log.warning("no reply consumer yet, attempt %d: %r", attempt, error)

    async def _positioned_consumer(self) -> LogConsumer:
        partition = TopicPartition(self._settings.topic(REPLIES), self.partition)
        return await from_the_end(self._settings, [partition], client_id=self._client_id)

    def _deliver(self, record: Any) -> None:
        correlation_id = next((v for name, v in record.headers if name == CORRELATION_ID), None)
        if correlation_id is None or not correlation_id.startswith(self._prefix_bytes):
            self.foreign_replies += 1
            return
        future = self._waiting.get(correlation_id)
        if future is None:
            self._count_unexpected(correlation_id)
            return
        try:
            reply = decode_reply(record.value)
        except Rejected as error:
            self.malformed_replies += 1
            _log.warning(
                "ignored a malformed reply at %s:%d: %s", record.partition, record.offset, error
            )
            return
        del self._waiting[correlation_id]
        if not future.done():
            future.set_result(reply)

    def _count_unexpected(self, correlation_id: bytes) -> None:
        if correlation_id in self._abandoned:
            del self._abandoned[correlation_id]
            self.late_replies += 1
        else:
            self.unknown_replies += 1

    def _fail_waiting(self, message: str) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable(message))
