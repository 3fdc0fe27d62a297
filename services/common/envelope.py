"""The server's side of request/reply: reading the request's headers, answering to them."""

import asyncio
import collections
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter

from human_memory.bus.consumer import UnreadableRecord
from human_memory.bus.deadline import deadline_of_record
from human_memory.bus.producer import DurableProducer, Outgoing
from human_memory.deadline import Deadline
from schemas.codec import encode
from schemas.errors import MemoryServiceError, Rejected
from schemas.replies import Reply, error_reply
from schemas.topics import (
    CONTENT_TYPE,
    CORRELATION_ID,
    JSON,
    REPLAYED_FROM,
    REPLY_PARTITION,
    REPLY_TO,
    TIMEOUT_MS,
    WAIT,
    WAIT_VISIBLE,
)

log = structlog.get_logger(__name__)
REPLIES_SENT = Counter("human_memory_replies_total", "Replies by outcome", ["service", "outcome"])
_CORRELATION_ID_BYTES_MAX = 256
_PLACE_BYTES_MAX = 300
# A partition of replies that Kafka cannot write to holds nothing else up for longer.
SEND_SECONDS_MAX = 5.0


@dataclass(frozen=True)
class ReplyAddress:
    """The sender's address: a partition of the replies topic, and the id it waits for."""

    correlation_id: bytes
    partition: int


@dataclass(frozen=True)
class Envelope:
    """The headers of a request that we act on."""

    reply_to: ReplyAddress | None
    timeout_ms: bytes | None
    recorded_ms: int
    replayed_from: str | None = None
    wait: bytes | None = None

    @property
    def waits(self) -> bool:
        """True where the sender wants the reply only once the write is visible.

        Raises:
            Rejected: the header says something else.
        """
        if self.wait not in (None, WAIT_VISIBLE.encode()):
            shown = self.wait[:40].decode("utf-8", "replace")
            raise Rejected(f"header {WAIT}: must be {WAIT_VISIBLE} or absent, not {shown!r}")
        return self.wait is not None and self.reply_to is not None

    def deadline(self, now_ms: int) -> Deadline:
        """The time until which the sender waits; raises Rejected for a header that says nothing."""
        return deadline_of_record(self.timeout_ms, recorded_ms=self.recorded_ms, now_ms=now_ms)


def _place(value: bytes | None) -> str | None:
    return value[:_PLACE_BYTES_MAX].decode("utf-8", "replace") if value else None


class Replier:
    """Reads whom a service answers, and sends the replies.

    A reply that cannot be sent is logged; its sender times out.
    """

    def __init__(
        self, producer: DurableProducer, topic: str, *, partitions: int, service: str
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions
        self._service = service

    def envelope(self, record: Any) -> Envelope:
        """Read a record's headers.

        Raises:
            Rejected: the record can't be read; or it wants a reply at an address that is none of
                ours. Publishing there could hold us up for as long as the sender likes.
        """
        if isinstance(record, UnreadableRecord):
            raise Rejected(record.reason)
        headers: dict[str, bytes | None] = dict(record.headers or ())
        return Envelope(
            reply_to=self._address(headers),
            timeout_ms=headers.get(TIMEOUT_MS),
            recorded_ms=record.timestamp,
            replayed_from=_place(headers.get(REPLAYED_FROM)),
            wait=headers.get(WAIT),
        )

    async def send(self, replies: list[tuple[ReplyAddress, Reply]]) -> None:
        """Send all of them; never raises for what Kafka or a too large answer does."""
        outgoing = [self._outgoing(address, reply) for address, reply in replies]
        try:
            if outgoing:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await self._producer.send_all(outgoing)
        except (MemoryServiceError, TimeoutError) as error:
            log.warning("replies not sent", count=len(outgoing), error=str(error) or "timeout")
            return
        outcomes = collections.Counter(
            reply.error.code if reply.error else "ok" for _, reply in replies
        )
        for outcome, count in outcomes.items():
            REPLIES_SENT.labels(self._service, outcome).inc(count)

    def _outgoing(self, address: ReplyAddress, reply: Reply) -> Outgoing:
        try:
            value = encode(reply)
        except MemoryServiceError as error:
            value = encode(error_reply(error))
        return Outgoing(
            topic=self._topic,
            key=address.correlation_id,
            value=value,
            headers=[
                (CORRELATION_ID, address.correlation_id),
                (CONTENT_TYPE, JSON.encode()),
            ],
            partition=address.partition,
        )

    def _address(self, headers: dict[str, bytes | None]) -> ReplyAddress | None:
        topic = headers.get(REPLY_TO)
        if topic is None:
            return None
        if topic != self._topic.encode():
            shown = topic[:100].decode("utf-8", "replace")
            raise Rejected(f"{REPLY_TO}: replies go to {self._topic} only, not to {shown!r}")
        correlation_id = headers.get(CORRELATION_ID)
        if not correlation_id or len(correlation_id) > _CORRELATION_ID_BYTES_MAX:
            raise Rejected(
                f"{CORRELATION_ID}: a reply needs one of 1 to {_CORRELATION_ID_BYTES_MAX} bytes"
            )
        raw = headers.get(REPLY_PARTITION) or b""
        if not raw.isdigit() or len(raw) > 6 or int(raw) >= self._partitions:
            raise Rejected(
                f"{REPLY_PARTITION}: a partition of {self._topic}, 0 to {self._partitions - 1}"
            )
        return ReplyAddress(correlation_id, int(raw))
