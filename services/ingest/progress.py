"""Progress in the inbox: the records that are still to do, and what Kafka is told of it."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from aiokafka import TopicPartition

from services.common.ownership import Ownership, committed

log = structlog.get_logger(__name__)
# A commit costs client and broker as much as an append, and saves nothing but repeats after a
# crash, which are found in the log of events and not appended again.
COMMIT_SECONDS = 0.1


class Progress:
    """The next offset of each partition, committed a moment later."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._next: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._uncommitted: dict[TopicPartition, int] = {}
        self._committer: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Forget everything: partitions are assigned anew."""
        self._next.clear()
        self._sought.clear()
        self._uncommitted.clear()

    async def left_of(self, records: Iterable[Any]) -> list[Any]:
        """The records, of these, that are ours and not done yet."""
        left = []
        for record in records:
            tp = partition_of(record)
            if tp not in self._ownership.partitions:
                continue
            if tp not in self._next:
                self._next[tp] = await committed(self._ownership.consumer, tp)
            if record.offset >= self._next[tp]:
                left.append(record)
        return self._without_gaps(left)

    def done(self, records: Iterable[Any]) -> None:
        """These need not be repeated; Kafka hears of it soon."""
        done = {partition_of(record): record.offset + 1 for record in records}
        self._next.update(done)
        self._uncommitted.update(done)
        if self._committer is None or self._committer.done():
            self._committer = asyncio.create_task(self._commit_soon())

    async def commit(self) -> None:
        """Commit what is done, now; for who holds the lock."""
        offsets, self._uncommitted = self._uncommitted, {}
        try:
            await self._ownership.commit(offsets)
        except Exception as error:  # noqa: BLE001 # a successor repeats it, and finds it done
            log.warning("offsets not committed", error=repr(error))

    async def _commit_soon(self) -> None:
        await asyncio.sleep(COMMIT_SECONDS)
        async with self._ownership.lock:
            await self.commit()

    def _without_gaps(self, records: list[Any]) -> list[Any]:
        """Go back where records were skipped: aiokafka drops good ones beside a damaged one.

        The log of the inbox may have holes (its oldest records expire): what is missing a second
        time is not there.
        """
        firsts = {partition_of(record): record.offset for record in reversed(records)}
        skipped = {
            tp
            for tp, first in firsts.items()
            if first > self._next[tp] and self._sought.get(tp) != self._next[tp]
        }
        for tp in skipped:
            self._sought[tp] = self._next[tp]
            self._ownership.consumer.seek(tp, self._next[tp])
        return [record for record in records if partition_of(record) not in skipped]


def partition_of(record: Any) -> TopicPartition:
    """The partition of a record."""
    return TopicPartition(record.topic, record.partition)
