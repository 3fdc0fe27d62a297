"""The producer that every part of the system appends with: acks=all, and it can't stay wedged."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)
from aiokafka.partitioner import murmur2
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import RecordMetadata

from human_memory.bus.connections import cut_off, ended
from human_memory.bus.errors import kafka_trouble, unavailable
from human_memory.bus.settings import KafkaSettings
from schemas.errors import LimitExceeded, Rejected, Unavailable
from schemas.limits import RECORD_BYTES_MAX
from schemas.topics import TOPICS

# With 5 s, a partition without a leader for 15 s failed its batches and wedged the producer;
# with more than the outage it passed unnoticed. Callers have deadlines of their own.
REQUEST_TIMEOUT_MS = 120_000
START_TIMEOUT_SECONDS = 30.0
TOPIC_TIMEOUT_SECONDS = 5.0
# While Kafka is away records wait for it, but nobody for ever: who waits may hold a lock.
SEND_SECONDS_MAX = 120.0
# What was sent and not acknowledged gets this long at close; with Kafka away it would be for ever.
CLOSE_TIMEOUT_SECONDS = 10.0
ROUNDS_MAX = 3
# A batch goes in one request, and a partition has one under way: with aiokafka's 16 KiB, which four
# replies fill, 64 searches in flight waited for each other while the processors idled. It stays
# below what a topic takes at once.
BATCH_BYTES_MAX = 256 * 1024
KEY_BYTES_REMEMBERED_MAX = 128  # as long as a namespace may be

_WEDGED = (OutOfOrderSequenceNumber, UnknownProducerId, ProducerFenced, ProducerClosed)
_log = logging.getLogger(__name__)
Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to append. Without a partition, the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class DurableProducer:
    """Appends records; what it returns for is in Kafka, acknowledged by all in-sync replicas.

    Records of one call keep their order within a partition. A refused batch leaves aiokafka's
    idempotent producer unable to write to that partition ever again (aio-libs/aiokafka#1017):
    it is replaced by a new one, and what it could not write is sent again. So it is when one of its
    background tasks has ended: what they were to do would be waited for.

    A call that was cancelled or ran out of time is *unknown*: its records may be appended later.
    Send them again with the same ids.
    """

    def __init__(self, settings: KafkaSettings, *, client_id: str = "human-memory") -> None:
        self._settings = settings
        self._client_id = client_id
        self._bytes_max = {settings.topic(topic): topic.record_bytes_max for topic in TOPICS}
        self._producer: AIOKafkaProducer | None = None
        self._doors: defaultdict[tuple[str, int | None], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._replacing = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: Kafka does not answer.
        """
        assert self._producer is None, "started twice"
        self._producer = await self._connected()

    async def stop(self) -> None:
        """Wait for what is under way, then disconnect; a second call does nothing."""
        async with self._replacing:
            producer, self._producer = self._producer, None
        if producer is not None:
            await _close(producer)
        await asyncio.gather(*self._retiring)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def send(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> RecordMetadata:
        """Append one record; errors as in `send_all`."""
        return (await self.send_all([Outgoing(topic, key, value, headers, partition)]))[0]

    async def send_all(self, records: Sequence[Outgoing]) -> list[RecordMetadata]:
        """Append `records`; where each one is, in their order.

        Raises:
            LimitExceeded: one is too large; none was sent.
            Rejected: a record names a partition that its topic has not.
            Unavailable: Kafka did not take all of them. Some may be in the log: send all again.
        """
        for record in records:
            self._check_size(record)
        try:
            async with asyncio.timeout(SEND_SECONDS_MAX):
                return await self._send_in_rounds(records)
        except TimeoutError:
            raise Unavailable(
                f"Kafka at {self._settings.kafka} did not acknowledge {len(records)} records in "
                f"{SEND_SECONDS_MAX:g} s; the outcome is unknown: send them again",
                address=self._settings.kafka,
            ) from None

    async def partitions(self, topic: str) -> int:
        """The number of partitions of a topic.

        Raises:
            Unavailable: there is no such topic, or Kafka does not answer.
        """
        with kafka_trouble(self._settings, f"looking up topic {topic}"):
            try:
                async with asyncio.timeout(TOPIC_TIMEOUT_SECONDS):
                    return len(await self._started().partitions_for(topic))
            except TimeoutError:
                # aiokafka asks again and again for a topic that is missing.
                raise UnknownTopicOrPartitionError(topic) from None

    def _check_size(self, record: Outgoing) -> None:
        # A record that the broker refuses wedges the producer, one refused here harms nobody.
        # The estimate is of the batch with this record alone, which is what the broker measures.
        size = DefaultRecordBatchBuilder.estimate_size_in_bytes(
            record.key, record.value, list(record.headers)
        )
        allowed = self._bytes_max.get(record.topic, RECORD_BYTES_MAX)
        if size > allowed:
            raise LimitExceeded(
                "record_bytes",
                allowed=allowed,
                sent=size,
                remedy=f"a record for {record.topic} must be smaller: send less at a time",
            )

    def _error(self, record: Outgoing, error: BaseException) -> BaseException:
        if isinstance(error, KafkaError):
            return unavailable(self._settings, f"appending to {record.topic}", error)
        return error

    def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Unavailable("the producer is closed, or was never started")
        return self._producer

    async def _send_in_rounds(self, records: Sequence[Outgoing]) -> list[RecordMetadata]:
        done: dict[int, RecordMetadata] = {}
        for _ in range(ROUNDS_MAX):
            producer = self._started()
            left = [index for index in range(len(records)) if index not in done]
            outcomes = await self._attempt(producer, [records[index] for index in left])
            wedged = None
            for index, outcome in zip(left, outcomes, strict=True):
                if not isinstance(outcome, BaseException):
                    done[index] = outcome
                elif _is_wedge(outcome):
                    wedged = outcome
                else:
                    # Nothing is sent again after this: records behind the failed one would
                    # overtake it.
                    raise self._error(records[index], outcome)
            if wedged is None:
                return [done[index] for index in range(len(records))]
            await self._replace(producer, wedged)
        raise Unavailable(
            f"Kafka at {self._settings.kafka} refused {len(records) - len(done)} of "
            f"{len(records)} records {ROUNDS_MAX} times, each time to a new producer; send them "
            "again; if that does not help, look into the broker's log",
            address=self._settings.kafka,
        )

    async def _attempt(
        self, producer: AIOKafkaProducer, records: Sequence[Outgoing]
    ) -> list[RecordMetadata | BaseException]:
        futures: list[asyncio.Future[RecordMetadata]] = []
        refused: list[BaseException] = []
        try:
            for record in records:
                try:
                    futures.append(await self._enqueue(producer, record))
                except (KafkaError, Rejected) as error:
                    # The rest stays behind, so that nothing overtakes this record.
                    refused = [error] * (len(records) - len(futures))
                    break
            for future in futures:
                if not future.done():  # those of one batch are done together, and one wakes us
                    await asyncio.wait([future])
        except BaseException:
            for future in futures:
                future.cancel()  # nobody will look at them any more
            raise
        return [*map(_outcome, futures), *refused]

    async def _enqueue(
        self, producer: AIOKafkaProducer, record: Outgoing
    ) -> "asyncio.Future[RecordMetadata]":
        partition = await _partition(producer, record)
        # While a partition's batch is full, aiokafka wakes everyone who waits to add to it for
        # each batch that leaves: 5,000 concurrent sends came to 600/s. One at a time: 15,000/s.
        async with self._doors[record.topic, partition]:
            future: asyncio.Future[RecordMetadata] = await producer.send(
                record.topic,
                record.value,
                key=record.key,
                headers=list(record.headers),
                partition=partition,
            )
        return future

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._settings.connection_arguments(),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,  # batches fill while one is in flight: waiting only costs
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=max(self._bytes_max.values()),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        with kafka_trouble(self._settings, "starting a producer"):
            try:
                async with asyncio.timeout(START_TIMEOUT_SECONDS):
                    await producer.start()
            except BaseException:
                await _close(producer)
                raise
        # Its sender tells everybody when it ends; who looks after metadata ends in silence.
        producer.client._sync_task.add_done_callback(lambda _: _fail(producer))
        return producer

    async def _replace(self, producer: AIOKafkaProducer, reason: BaseException) -> None:
        async with self._replacing:
            if self._producer is not producer:
                return  # another call was first, or we are closed
            self._producer = await self._connected()
            _log.warning("replaced a producer that can no longer write: %r", reason)
            task = asyncio.create_task(_close(producer))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic with that many, as Java's default partitioner has it.

    >>> partition_of(b"acme/agent-7", 6)
    1
    """
    if len(key) > KEY_BYTES_REMEMBERED_MAX:
        return _hashed(key, partitions)
    return _remembered(key, partitions)


def _hashed(key: bytes, partitions: int) -> int:
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


_remembered = lru_cache(4_096)(_hashed)  # aiokafka hashes in Python


async def _partition(producer: AIOKafkaProducer, record: Outgoing) -> int | None:
    partitions = await producer.partitions_for(record.topic)
    if record.partition is None:
        return partition_of(record.key, len(partitions)) if record.key is not None else None
    if record.partition not in partitions:
        raise Rejected(
            f"topic {record.topic} has the partitions 0 to {len(partitions) - 1}, "
            f"not {record.partition}"
        )
    return record.partition


def _outcome(future: "asyncio.Future[RecordMetadata]") -> RecordMetadata | BaseException:
    if future.cancelled():
        return asyncio.CancelledError()
    return future.exception() or future.result()


def _is_wedge(error: BaseException) -> bool:
    # aiokafka reports a dead sender task to everybody as a plain KafkaError.
    return isinstance(error, _WEDGED) or type(error) is KafkaError


def _fail(producer: AIOKafkaProducer) -> None:
    """Tell those that wait, and the next sender, that this producer is to be replaced."""
    reason = ended({"metadata": producer.client._sync_task})
    producer._message_accumulator.fail_all(KafkaError(reason))


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await producer.stop()
    except Exception as error:  # noqa: BLE001 # it must be gone, whatever had died in it
        await _abandon(producer, error)


async def _abandon(producer: AIOKafkaProducer, reason: Exception) -> None:
    # Idempotent batches are retried for ever, and stop() waits for them: aiokafka has no public
    # way out. Their senders hear of it, then the tasks and connections are ended.
    _log.warning("closed a producer whose records may not be acknowledged: %r", reason)
    producer._message_accumulator.fail_all(KafkaConnectionError("closed before an answer came"))
    with suppress(Exception):
        async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
            await producer._sender.close()
    await cut_off(producer.client, [producer._sender.sender_task, producer.client._sync_task])
