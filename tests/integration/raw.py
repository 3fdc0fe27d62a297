"""Any Kafka client: records as somebody else might write them, and the replies to them."""

import asyncio
import secrets
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.structs import RecordMetadata

from schemas.codec import decode_reply
from schemas.dead_letters import HEADER_PREFIX, OUTCOME_PREFIX, DeadLetterReason
from schemas.replies import Reply
from schemas.topics import (
    CORRELATION_ID,
    DEAD_LETTERS,
    REPLIES,
    REPLY_PARTITION,
    REPLY_TO,
    Topic,
)
from tests.integration.services_fixture import System, read_all
from tests.polling import eventually

# Also for services that are just starting, on a busy machine.
PATIENCE_SECONDS = 240.0
Headers = list[tuple[str, bytes]]


class Name(str):
    """The name of a header in bytes that are no UTF-8."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe"


class Raw:
    """Writes whatever it is told to, reads one partition of the replies."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._replies: dict[bytes, Reply] = {}

    async def __aenter__(self) -> Self:
        arguments = self.system.settings.connection_arguments()
        self._producer = AIOKafkaProducer(**arguments, acks="all", max_request_size=4_000_000)
        await self._producer.start()
        self._consumer = AIOKafkaConsumer(**arguments, group_id=None)
        await self._consumer.start()
        partition = TopicPartition(self.system.topic(REPLIES), 0)
        self._consumer.assign([partition])
        await self._consumer.seek_to_end(partition)
        await self._consumer.position(partition)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reading.cancel()
        await asyncio.wait([self._reading])
        await self._consumer.stop()
        await self._producer.stop()

    async def send(
        self,
        topic: Topic,
        value: bytes | None,
        headers: Headers = [],  # noqa: B006 never changed
        *,
        partition: int = 0,
        key: bytes | None = b"key",
    ) -> RecordMetadata:
        """Append one record; where it is."""
        return await self._producer.send_and_wait(
            self.system.topic(topic), value, key=key, headers=headers, partition=partition
        )

    async def send_together(
        self, topic: Topic, records: list[tuple[bytes, Headers]], *, partition: int = 0
    ) -> RecordMetadata:
        """Append some records as one batch; where its first is. Names of headers may be any bytes
        there: see `Name`."""
        batch = self._producer.create_batch()
        # The faster one takes nothing but text for a name.
        batch._builder = _DefaultRecordBatchBuilderPy(
            magic=2,
            compression_type=0,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=1_000_000,
        )
        for value, headers in records:
            assert batch.append(key=b"key", value=value, timestamp=None, headers=headers)
        batch.close()
        name = self.system.topic(topic)
        return await (await self._producer.send_batch(batch, name, partition=partition))

    def address(self, correlation_id: bytes) -> Headers:
        """Headers that ask for a reply to us."""
        return [
            (CORRELATION_ID, correlation_id),
            (REPLY_TO, self.system.topic(REPLIES).encode()),
            (REPLY_PARTITION, b"0"),
        ]

    async def reply(self, correlation_id: bytes) -> Reply:
        """The reply to a request of ours."""
        await eventually(lambda: correlation_id in self._replies, seconds=PATIENCE_SECONDS)
        return self._replies[correlation_id]

    async def ask(self, topic: Topic, value: bytes | None, headers: Headers = []) -> Reply:  # noqa: B006
        """Send with our address and wait for the reply."""
        name = secrets.token_hex(8).encode()
        await self.send(topic, value, [*self.address(name), *headers])
        return await self.reply(name)

    async def dead_letter(self, at: RecordMetadata) -> Any:
        """The dead letter of the record there: its record, byte for byte, and the reason."""
        found: list[Any] = []

        async def there() -> bool:
            found[:] = [
                (record, reason)
                for record in await read_all(self.system, DEAD_LETTERS)
                if not any(name.startswith(OUTCOME_PREFIX) for name, _ in record.headers)
                and (reason := reason_of(record)).topic == at.topic
                and (reason.partition, reason.offset) == (at.partition, at.offset)
            ]
            return bool(found)

        await eventually(there, seconds=PATIENCE_SECONDS)
        assert len(found) == 1, f"{len(found)} dead letters of one record"
        return found[0]

    async def _read(self) -> None:
        async for record in self._consumer:
            name = dict(record.headers)[CORRELATION_ID]
            self._replies[name] = decode_reply(record.value)


def reason_of(record: Any) -> DeadLetterReason:
    """Why and whence, from a dead letter's headers."""
    return DeadLetterReason.from_headers(
        {name: value for name, value in record.headers if name.startswith(HEADER_PREFIX)}
    )


def own_headers(record: Any) -> Headers:
    """The headers that a dead letter had before it was one."""
    return [(name, value) for name, value in record.headers if not name.startswith(HEADER_PREFIX)]
