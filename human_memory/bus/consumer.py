"""The consumer that every part of the system reads with: no record that anybody wrote stops it."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

# Around a record that can't be read the good ones are read one by one: about as many as one poll
# had read when it failed.
CAREFUL_RECORDS_MAX = 1_000
CAREFUL_POLL_MS = 200
Batches = dict[TopicPartition, list[Any]]


class UnreadableRecord(ConsumerRecord[bytes, bytes]):  # type: ignore[misc] # aiokafka has no types
    """In place of a record that the client library can't read: where it is, and why not.

    Its key, value and headers are unknown; they stay in the topic.
    """

    reason = "a header's name, here or earlier in the same batch, is not UTF-8: it can't be read"

    @classmethod
    def at(cls, tp: TopicPartition, offset: int) -> "UnreadableRecord":
        """The one at an offset."""
        return cls(
            topic=tp.topic,
            partition=tp.partition,
            offset=offset,
            timestamp=0,
            timestamp_type=1,
            key=None,
            value=None,
            checksum=None,
            serialized_key_size=-1,
            serialized_value_size=-1,
            headers=(),
        )


class LogConsumer(AIOKafkaConsumer):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's consumer, whose polls get past records that can't be read.

    Kafka says that the name of a header is UTF-8, and no broker checks it. aiokafka raises in the
    middle of a poll: what it had read of other partitions is lost, and the next poll raises again,
    for ever. Here such a record comes as an `UnreadableRecord`, and so do those behind it in the
    batch that its producer sent; all others come as they are.
    """

    def __init__(self, *topics: str, **arguments: Any) -> None:
        super().__init__(*topics, **arguments)
        self._assigned: Any = None
        self._delivered: dict[TopicPartition, int] = {}
        # Partitions that are read record by record, and for how many more.
        self._careful: dict[TopicPartition, int] = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """As aiokafka's."""
        super().seek(partition, offset)
        self._follow_assignment()
        self._delivered[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """As aiokafka's."""
        at: int = await super().position(partition)
        self._follow_assignment()
        self._delivered.setdefault(partition, at)
        return at

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Batches:
        """As aiokafka's, but for what the class says."""
        self._follow_assignment()
        if self._careful and (found := await self._carefully(partitions)):
            return self._noted(found)
        try:
            found = await super().getmany(
                *partitions, timeout_ms=timeout_ms, max_records=max_records
            )
        except UnicodeDecodeError:
            await self._go_back()
            return {}
        return self._noted(found)

    async def _carefully(self, partitions: tuple[TopicPartition, ...]) -> Batches:
        for tp in [tp for tp in self._careful if not partitions or tp in partitions]:
            try:
                found: Batches = await super().getmany(
                    tp, timeout_ms=CAREFUL_POLL_MS, max_records=1
                )
            except UnicodeDecodeError:
                offset = await self.position(tp)
                self.seek(tp, offset + 1)
                self._careful.clear()  # that was it; another one is met like the first
                return {tp: [UnreadableRecord.at(tp, offset)]}
            left = self._careful.pop(tp, 0) - 1
            if found:
                if left > 0:
                    self._careful[tp] = left  # behind the others, whose turn it is
                return found
        return {}

    def _follow_assignment(self) -> None:
        """Forget what was delivered before partitions moved: others went on from there, or not."""
        subscription = self._subscription.subscription
        assigned = subscription.assignment if subscription is not None else None
        if assigned is not self._assigned:
            self._assigned = assigned
            self._delivered.clear()
            self._careful.clear()

    async def _go_back(self) -> None:
        """To what was delivered last in each partition: more had been read, and is lost."""
        for tp in self.assignment():
            if (delivered := self._delivered.get(tp)) is not None:
                self.seek(tp, delivered)
            elif self._group_id is not None and (at := await self.committed(tp)) is not None:
                self.seek(tp, at)
            else:
                await self.seek_to_beginning(tp)
            self._careful[tp] = CAREFUL_RECORDS_MAX

    def _noted(self, found: Batches) -> Batches:
        for tp, records in found.items():
            self._delivered[tp] = records[-1].offset + 1
        return found
