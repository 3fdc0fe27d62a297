"""The bus: write to the memory's topics, and ask by request and reply."""

import asyncio
import random
from types import TracebackType
from typing import Any, Self

from aiokafka.structs import RecordMetadata

from human_memory.bus.deadline import checked_timeout
from human_memory.bus.producer import DurableProducer, Headers
from human_memory.bus.reply_inbox import ReplyBox
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Deadline
from human_memory.forks import begins_anew
from schemas.codec import encode
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.fields import QueryBase
from schemas.inbox import InboxCommand
from schemas.limits import TIMEOUT_MS_DEFAULT
from schemas.maintenance import CancelRun, RunJob, UndoRun
from schemas.replies import Reply
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
    WAIT,
    WAIT_VISIBLE,
    Topic,
)

TIMEOUT_SECONDS_DEFAULT = TIMEOUT_MS_DEFAULT / 1000
PENDING_MAX_DEFAULT = 10_000
_JSON_HEADER = (CONTENT_TYPE, JSON.encode())
_VISIBLE_HEADER = (WAIT, WAIT_VISIBLE.encode())

Request = InboxCommand | QueryBase | RunJob | CancelRun | UndoRun


class Bus:
    """A client of the bus; use it as `async with Bus(settings) as bus:`.

    It belongs to the event loop that it was started in, and to its process: `Memory` and
    `AsyncMemory` make one wherever they are called.

    A message goes to the topic of its class, under its namespace as key, as JSON.

    Give every write an `idempotency_key` and every query that records accesses a `query_id` if you
    mean to retry it: a request that timed out may still be carried out, and the retry with the
    same key or id counts once. The bus adds neither, as only the caller knows what is a retry.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        client_id: str = "human-memory-client",
        pending_max: int = PENDING_MAX_DEFAULT,
        chooser: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._chooser = chooser or random.Random()  # noqa: S311 spreads load, keeps no secret
        self._producer = DurableProducer(settings, client_id=client_id)
        self._replies = ReplyBox(settings, client_id=client_id, pending_max=pending_max)
        self._reply_to = settings.topic(REPLIES).encode()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._inherited = False
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        self._inherited = True
        return self._producer, self._replies

    async def start(self) -> None:
        """Connect; returns when no reply can be missed any more.

        Raises:
            Unavailable: Kafka does not answer, or memory.replies is missing.
        """
        self._loop = asyncio.get_running_loop()
        try:
            await self._producer.start()
            replies = self._settings.topic(REPLIES)
            await self._replies.start(await self._producer.partitions(replies), self._chooser)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect; pending requests get `Unavailable`. A second call does nothing.

        Raises:
            Unavailable: it belongs to another event loop or process, and is as it was.
        """
        self._check_home()
        try:
            await self._replies.stop()
        finally:
            await self._producer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def request(
        self,
        message: Request,
        *,
        timeout_seconds: float | None = TIMEOUT_SECONDS_DEFAULT,
        visible: bool = False,
    ) -> Reply:
        """Send `message` and wait for its reply, which may carry an error.

        With `visible` a command is answered when reads show what it did; a search or recall has a
        field for that, `wait`. In time, or the reply is `unavailable` and names the position.

        Raises:
            DeadlineExceeded: no reply in time. Whether it was carried out is unknown.
            LimitExceeded: the message is too large, or too many requests wait already.
            Rejected: the timeout is no time.
            Unavailable: Kafka does not answer, or the bus is closed or another loop's.
        """
        self._check_home()
        seconds = checked_timeout(timeout_seconds)
        deadline = Deadline.after(seconds)
        topic, value = _topic_of(message), encode(message)
        more = [_VISIBLE_HEADER] if visible else []
        sent = False
        with self._replies.expected() as (correlation_id, future):
            try:
                async with asyncio.timeout(deadline.remaining_seconds()):
                    await self._replies.ready()
                    sent = True
                    headers = self._request_headers(correlation_id, deadline)
                    await self._append(topic, message, value, [*headers, *more])
                    return await future
            except TimeoutError:
                if sent:
                    raise _no_reply(message, seconds) from None
                raise Unavailable(
                    f"the reply consumer did not come back within {seconds:g} s; nothing was "
                    f"sent; is Kafka at {self._settings.kafka} up?"
                ) from None

    async def ask(
        self,
        message: Request,
        *,
        timeout_seconds: float | None = TIMEOUT_SECONDS_DEFAULT,
        visible: bool = False,
    ) -> dict[str, Any]:
        """The result of `request`; an error in the reply is raised as the class of its code."""
        reply = await self.request(message, timeout_seconds=timeout_seconds, visible=visible)
        return reply.unwrap()

    async def publish(
        self, message: Request, *, timeout_seconds: float | None = TIMEOUT_SECONDS_DEFAULT
    ) -> RecordMetadata:
        """Send `message` without asking for a reply; where it is, once it is safely in Kafka.

        Raises:
            DeadlineExceeded: Kafka did not acknowledge in time. It may still be appended.
            LimitExceeded: the message is too large.
            Rejected: the timeout is no time.
            Unavailable: Kafka does not answer, or the bus is closed or another loop's.
        """
        self._check_home()
        seconds = checked_timeout(timeout_seconds)
        value = encode(message)
        try:
            async with asyncio.timeout(seconds):
                return await self._append(_topic_of(message), message, value, [_JSON_HEADER])
        except TimeoutError:
            raise DeadlineExceeded(
                f"Kafka at {self._settings.kafka} did not acknowledge within {seconds:g} s; "
                "the outcome is unknown: publish it again with the same idempotency_key"
            ) from None

    @property
    def settings(self) -> KafkaSettings:
        """The settings by which it reaches Kafka."""
        return self._settings

    def _check_home(self) -> None:
        if self._inherited or self._loop not in (None, asyncio.get_running_loop()):
            raise Unavailable(
                "this bus was started in another event loop or process; nothing was done; make "
                "one here, with async with Bus(settings)"
            )

    async def _append(
        self, topic: Topic, message: Request, value: bytes, headers: Headers
    ) -> RecordMetadata:
        name = self._settings.topic(topic)
        return await self._producer.send(
            name, value, key=message.namespace.encode(), headers=headers
        )

    def _request_headers(self, correlation_id: bytes, deadline: Deadline) -> Headers:
        return [
            (CORRELATION_ID, correlation_id),
            (REPLY_TO, self._reply_to),
            (REPLY_PARTITION, str(self._replies.partition).encode()),
            (TIMEOUT_MS, deadline.timeout_ms()),
            _JSON_HEADER,
        ]


def _topic_of(message: Request) -> Topic:
    if isinstance(message, InboxCommand):
        return INBOX
    if isinstance(message, QueryBase):
        return QUERIES
    return MAINTENANCE


def _no_reply(message: Request, seconds: float) -> DeadlineExceeded:
    same = {INBOX: "idempotency_key", QUERIES: "query_id", MAINTENANCE: "slot or run_id"}
    return DeadlineExceeded(
        f"no reply within {seconds:.3g} s; the outcome is unknown: retry with the same "
        f"{same[_topic_of(message)]}, so that it counts once; if it "
        "happens again, see human-memory status"
    )
