"""A service reduced to what the bus sees of it: raw aiokafka that reads requests and replies."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from human_memory.bus.settings import KafkaSettings
from schemas.topics import CORRELATION_ID, QUERIES, REPLY_PARTITION, REPLY_TO, Topic

PONG = b'{"result":{"version":"test"},"position":"0:1"}'


@dataclass(frozen=True)
class Received:
    """A request as it lies in Kafka."""

    headers: dict[str, bytes]
    value: dict[str, Any]
    key: bytes
    partition: int
    timestamp: int


class Responder:
    """Reads requests from a topic; answers each with `answer`, or leaves that to the test."""

    def __init__(
        self, settings: KafkaSettings, *, topic: Topic = QUERIES, answer: bytes | None = None
    ) -> None:
        self._topic = settings.topic(topic)
        self._answer = answer
        self._arguments = settings.connection_arguments()
        self._received: asyncio.Queue[Received] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(**self._arguments, acks="all")
        await self._producer.start()
        self._consumer = AIOKafkaConsumer(
            **self._arguments, group_id=None, auto_offset_reset="earliest"
        )
        await self._consumer.start()
        partitions = await self._producer.partitions_for(self._topic)
        assigned = [TopicPartition(self._topic, partition) for partition in partitions]
        self._consumer.assign(assigned)
        await self._consumer.seek_to_end()
        for partition in assigned:
            await self._consumer.position(partition)
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._consumer.stop()
        await self._producer.stop()

    async def next(self) -> Received:
        """The next request that came in."""
        async with asyncio.timeout(20):
            return await self._received.get()

    async def reply(
        self, request: Received, value: bytes = PONG, *, correlation_id: bytes | None = None
    ) -> None:
        """Send `value` to where `request` asks for it; returns when it is in Kafka."""
        await self._producer.send_and_wait(
            request.headers[REPLY_TO].decode(),
            value,
            partition=int(request.headers[REPLY_PARTITION]),
            headers=[(CORRELATION_ID, correlation_id or request.headers[CORRELATION_ID])],
        )

    async def _serve(self) -> None:
        async for record in self._consumer:
            request = Received(
                dict(record.headers),
                orjson.loads(record.value),
                record.key,
                record.partition,
                record.timestamp,
            )
            if self._answer is None:
                self._received.put_nowait(request)
            else:
                await self.reply(request, self._answer)
