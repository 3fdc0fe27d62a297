"""The consumer that every part of the system reads with: nothing stops it in silence."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from aiokafka.structs import ConsumerRecord

from human_memory.bus.connections import cut_off, ended, within
from human_memory.bus.lasting import Lasting

# Around a record that can't be read the good ones are read one by one: about as many as one poll
# had read when it failed.
CAREFUL_RECORDS_MAX = 1_000
CAREFUL_POLL_MS = 200
START_SECONDS_MAX = 30.0
# An answer takes milliseconds, and finding another leader or coordinator a few seconds.
ANSWER_SECONDS_MAX = 10.0
# With Kafka away there is nobody to say goodbye to.
STOP_SECONDS_MAX = 5.0
# Kafka answers each request for records within half a second, also when there are none.
SILENT_SECONDS_MAX = 30.0
READ_POLL_MS = 200
NO_LEADER = -1
_log = logging.getLogger(__name__)
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
    """aiokafka's consumer, whose polls get past records that can't be read, and waits end.

    Kafka says that the name of a header is UTF-8, and no broker checks it. aiokafka raises in the
    middle of a poll: what it had read of other partitions is lost, and the next poll raises again,
    for ever. Here such a record comes as an `UnreadableRecord`, and so do those behind it in the
    batch that its producer sent; all others come as they are.

    Every method that asks Kafka raises KafkaConnectionError when no answer comes, and a poll when
    one of aiokafka's background tasks has ended: it would find nothing, for ever.
    """

    start = within(START_SECONDS_MAX, AIOKafkaConsumer.start)
    commit = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.commit)
    committed = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.committed)
    topics = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.topics)
    seek_to_beginning = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.seek_to_beginning)
    seek_to_end = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.seek_to_end)
    seek_to_committed = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.seek_to_committed)
    offsets_for_times = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.offsets_for_times)
    beginning_offsets = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.beginning_offsets)
    end_offsets = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.end_offsets)
    _position = within(ANSWER_SECONDS_MAX, AIOKafkaConsumer.position)
    _stop = within(STOP_SECONDS_MAX, AIOKafkaConsumer.stop)

    def __init__(self, *topics: str, **arguments: Any) -> None:
        super().__init__(*topics, **arguments)
        self._assigned: Any = None
        self._delivered: dict[TopicPartition, int] = {}
        # Partitions that are read record by record, and for how many more.
        self._careful: dict[TopicPartition, int] = {}
        self._silence = Lasting()

    async def stop(self) -> None:
        """Leave the group and disconnect, if Kafka answers; it never fails."""
        try:
            await self._stop()
        except (Exception, asyncio.CancelledError) as error:  # see below
            # aiokafka lets out the cancellation of a task of its own that was to fetch again.
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            # It must be gone, whatever had died in it.
            _log.warning("cut a consumer off: %r", error)
            await cut_off(self._client, self._tasks().values())

    def ended(self) -> str | None:
        """The background task without which it stands still, and why that is over; else None."""
        if self._closed:
            return None
        tasks = self._tasks()
        # Those of the group come and go; what they raise ends them.
        for name in ("heartbeats", "committed offsets"):
            task = tasks[name]
            if task is not None and task.done() and (task.cancelled() or not task.exception()):
                del tasks[name]
        return ended(tasks)

    def silent_seconds(self) -> float:
        """For how long Kafka has told nothing about a partition of ours that wants records.

        Measured from one call to the next: ask often.
        """
        return max(self._silence.look(self._stamps()).values(), default=0.0)

    def forget_silence(self) -> None:
        """Begin counting anew: while Kafka answers nobody, it need not answer us."""
        self._silence.forget()

    def settled(self) -> bool:
        """Its partitions are known, also if there are none for it, and not just moving."""
        subscription = self._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        moving = self._subscription.reassignment_in_progress
        return assignment is not None and assignment.active and not moving

    def waiting(self) -> dict[TopicPartition, int]:
        """The next offset in each of its partitions that has records waiting to be taken."""
        if not self.settled():
            return {}
        states = self._subscription.subscription.assignment._tp_state
        return {
            tp: state.position
            for tp, state in states.items()
            if state.has_valid_position
            and not state.paused
            and state.highwater is not None
            and state.position < state.highwater
        }

    async def read_to(
        self, ends: Mapping[TopicPartition, int], *, max_records: int | None = None
    ) -> AsyncIterator[Batches]:
        """Records from here to these offsets, and those beyond them that came in the same fetches.

        Raises:
            KafkaError: Kafka sends nothing any more.
        """
        while any([await self.position(tp) < end for tp, end in ends.items()]):
            yield await self.getmany(*ends, timeout_ms=READ_POLL_MS, max_records=max_records)
            if self.silent_seconds() > SILENT_SECONDS_MAX:
                raise KafkaConnectionError(f"Kafka sent nothing for {SILENT_SECONDS_MAX:g} s")

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """As aiokafka's."""
        super().seek(partition, offset)
        self._follow_assignment()
        self._delivered[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        """As aiokafka's."""
        at: int = await self._position(partition)
        self._follow_assignment()
        self._delivered.setdefault(partition, at)
        return at

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> Batches:
        """As aiokafka's, but for what the class says."""
        if (reason := self.ended()) is not None:
            raise KafkaConnectionError(reason)
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

    def _tasks(self) -> dict[str, "asyncio.Task[Any] | None"]:
        group = self._coordinator
        return {
            "metadata": self._client._sync_task,
            "fetching": getattr(self._fetcher, "_fetch_task", None),
            "the group": getattr(group, "_coordination_task", None),
            "heartbeats": getattr(group, "_heartbeat_task", None),
            "committed offsets": getattr(group, "_commit_refresh_task", None),
            "positions": getattr(group, "_reset_committed_task", None),
        }

    def _stamps(self) -> dict[TopicPartition, Any]:
        """Of each partition that Kafka is asked about: what changes whenever it answers."""
        if not self.settled() or self._fetcher is None:
            return {}
        assignment = self._subscription.subscription.assignment
        return {
            tp: (id(assignment), state.timestamp)
            for tp in assignment.tps
            if tp not in self._fetcher._records  # those wait to be taken
            and not (state := assignment.state_value(tp)).paused
            and self._client.cluster.leader_for_partition(tp) not in (None, NO_LEADER)
        }

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


def _is_cancelled() -> bool:
    """True if the task that asks is to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
