"""The partitions that a consumer owns, so that no batch outlives its assignment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from human_memory.bus.consumer import LogConsumer
from human_memory.deadline import Backoff

log = structlog.get_logger(__name__)
# A revocation waits for the batch in hand. Kafka must wait longer than the longest batch takes:
# members that are thrown out in the middle of one throw each other out for ever.
REBALANCE_TIMEOUT_MS = 120_000
# That batch gets this long; then it is cut off, and the partition's next owner does it again.
HAND_OVER_SECONDS_MAX = 90.0
SESSION_TIMEOUT_MS = 10_000
BACKOFF = Backoff((0.05, 0.1, 0.2, 0.5, 1.0, 2.0))


async def committed(consumer: Any, tp: TopicPartition) -> int:
    """The offset that the group has committed in a partition, 0 if none.

    Raises:
        KafkaError: there is no coordinator. While a listener is at work, or a batch that it waits
            for, aiokafka looks for no other one.
    """
    return await consumer.committed(tp) or 0


class Ownership(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Partitions that this member owns, and the lock that a batch holds.

    Without the lock a handler goes on after its partition has moved, and both members work on
    the same records.
    """

    consumer: LogConsumer  # whose partitions these are; it says so when it subscribes

    def __init__(
        self,
        assigned: Callable[[list[TopicPartition]], Awaitable[None]] | None = None,
        revoked: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.lock = asyncio.Lock()
        self.leaving = asyncio.Event()
        self.partitions: set[TopicPartition] = set()
        self._assigned = assigned
        self._revoked = revoked
        self._limit: asyncio.Timeout | None = None

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[None]:
        """Hold the lock; if its partitions can't wait for it, the body is cut off as by a crash."""
        async with self.lock:
            try:
                async with asyncio.timeout(None) as self._limit:
                    if self.leaving.is_set():
                        self.cut_off(HAND_OVER_SECONDS_MAX)
                    yield
            except TimeoutError:
                assert self._limit is not None
                if not self._limit.expired():
                    raise
                log.error("batch cut off: it held up partitions that move")
            finally:
                self._limit = None

    def cut_off(self, seconds: float) -> None:
        """End the batch in hand, if there is one and it is not done in so many `seconds`."""
        if self._limit is None or self._limit.expired():
            return
        at, before = asyncio.get_running_loop().time() + seconds, self._limit.when()
        self._limit.reschedule(at if before is None else min(at, before))

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit what is still ours.

        While a member joins its group it has no generation. Kafka refuses a commit that it sends
        then, but answers only once the member has joined, and aiokafka has it join again: one
        commit each second, and two members joined for a quarter of an hour.
        """
        ours = {tp: offset for tp, offset in offsets.items() if tp in self.partitions}
        if ours:
            await self.consumer.commit(ours)

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        """Wait for the batch in hand; what it retries ends now."""
        self.leaving.set()
        self.cut_off(HAND_OVER_SECONDS_MAX)
        async with self.lock:
            if self._revoked is not None:
                await self._revoked()
            self.partitions.clear()

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        """Begin with these partitions."""
        async with self.lock:
            await self._begin(list(assigned))
            self.partitions = set(assigned)
            self.leaving.clear()
        log.info("partitions assigned", partitions=sorted(tp.partition for tp in assigned))

    async def _begin(self, assigned: list[TopicPartition]) -> None:
        if self._assigned is None:
            return
        for attempt in count():
            try:
                await self._assigned(assigned)
            except Exception as error:  # noqa: BLE001 # Kafka would go on without us, for ever idle
                log.warning("cannot begin yet", error=repr(error), attempt=attempt)
                await asyncio.sleep(BACKOFF.after(attempt))
            else:
                return

    async def backoff(self, attempt: int) -> bool:
        """Wait before the next try; False if there must be none, as the partitions are moving."""
        try:
            await asyncio.wait_for(self.leaving.wait(), BACKOFF.after(attempt))
        except TimeoutError:
            return True
        return False
