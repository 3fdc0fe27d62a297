"""The live projection: keeps Redis equal to the fold of the log, whatever dies when."""

import asyncio
import collections
from collections.abc import Awaitable, Callable
from itertools import groupby
from typing import Annotated, Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Gauge

from schemas.errors import Indigestible, Unavailable, UnknownEventVersion
from schemas.events import MemoryEvent
from services.common.dead_letters import DeadLetters
from services.common.ownership import Ownership, committed
from services.common.records import JsonOf, Records
from services.common.redis import TRANSIENT
from services.projection.batch import Batch, Decoded, apart, decode
from services.projection.ports import Outcome, Projection
from services.readside.fold_version import unreadable

log = structlog.get_logger(__name__)
FOLDED = Counter("human_memory_events_folded_total", "Events folded", ["type"])
IGNORED = Counter("human_memory_events_ignored_total", "Events without effect", ["why"])
INDIGESTIBLE = Counter(
    "human_memory_events_indigestible_total", "Events the fold failed on, and passed", ["type"]
)
LAG = Gauge("human_memory_projection_lag", "Records not folded yet", ["partition"])
WATCH_SECONDS = 1.0
HOLD_POLL_SECONDS = 0.02
LAG_READY_MAX = 10_000
# After so many refusals by Redis whoever probes us hears of it: 2 s after the first one.
STUCK_TRIES = 6
# Where queries are answered in the same process, the event of a search comes back to us before its
# answer is written: folded at once, it would hold the answer up by as long as it takes. What queues
# meanwhile is folded together, for less.
LET_PASS_SECONDS_MAX = 0.01


class LiveProjection:
    """Folds the partitions this member owns.

    The cursor lies in Redis beside the data, and only it counts: Kafka's committed offsets are
    for lag tools. Redis may fall back (restart from an older save, FLUSHALL) at any moment; the
    fold notices, also on an idle partition, and continues from the cursor it finds.
    """

    def __init__(
        self,
        store: Projection,
        dead_letters: DeadLetters,
        *,
        let_pass: Callable[[float], Awaitable[None]],
    ) -> None:
        """`let_pass`: returns when this process answers no query, or after so many seconds."""
        self.ownership = Ownership(self._assigned)
        self.stopped: dict[TopicPartition, str] = {}
        self.held = False  # a rebuild has the batch in hand wait
        self.stuck: dict[TopicPartition, str] = {}
        self._store = store
        self._dead_letters = dead_letters
        self._let_pass = let_pass
        self._next: dict[TopicPartition, int] = {}
        self._versions: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._awaited: dict[TopicPartition, int] = {}

    async def handle(self, records: Annotated[Records, JsonOf(MemoryEvent)]) -> None:
        """Fold one batch wholly, however long Redis is away, unless its partitions move."""
        await self._let_pass(LET_PASS_SECONDS_MAX)
        async with self.ownership.batch():
            try:
                for tp, some in groupby(records, lambda r: TopicPartition(r.topic, r.partition)):
                    if tp in self.ownership.partitions and tp not in self.stopped:
                        for batch in apart(self._decode(tp, list(some))):
                            if not await self._fold(tp, batch):
                                break
            finally:
                self.held = False

    async def state(self) -> str:
        """`ok`, or why reads do not show what is in the log."""
        if self.stopped:
            return "stopped: " + "; ".join(sorted(set(self.stopped.values())))
        if self.stuck:
            return "; ".join(sorted(self.stuck.values()))
        if not self.ownership.partitions:
            return "no partitions yet"
        lag = sum(self._lag(tp) for tp in self.ownership.partitions)
        return "ok" if lag <= LAG_READY_MAX else f"{lag} records behind"

    async def watch(self) -> None:
        """Run for ever: notice that Redis fell back or another build is live; commit, measure."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                async with self.ownership.lock:
                    for tp in self.ownership.partitions:
                        await self._check(tp)
                        LAG.labels(tp.partition).set(self._lag(tp))
                    await self.ownership.commit(self._next)
            except Exception as error:  # noqa: BLE001 # the next round tries again
                log.warning("projection watch", error=repr(error))

    async def _assigned(self, partitions: list[TopicPartition]) -> None:
        self._next.clear()
        self._sought.clear()
        self._awaited.clear()
        self.stopped.clear()
        self.stuck.clear()
        for tp in partitions:
            await self._begin(tp)

    async def _begin(self, tp: TopicPartition) -> None:
        """Continue from the cursor that Redis has."""
        version = await self._store.live_version(tp.partition)
        await self._store.ensure_index(version)
        cursor = await self._store.cursor(tp.partition, version)
        ends = await self.ownership.consumer.end_offsets([tp])
        behind = self._next.get(tp)
        if behind is None:
            # We have just come, perhaps with a Redis that came back older: the offset that our
            # predecessor committed every second is about where it was.
            behind = ends[tp] if cursor == 0 else min(await self._committed(tp), ends[tp])
        # A second loss, before we had come back to where we were.
        behind = max(behind, self._awaited.get(tp, 0))
        if cursor < behind:
            # Queries wait: an answer out of half a memory would look like a whole one.
            log.warning("read side is behind", partition=tp.partition, at=cursor, log_end=behind)
            await self._store.expect(tp.partition, behind)
            self._awaited[tp] = behind
        fold = await self._store.fold(tp.partition, version)
        await self._store.open(tp.partition, version)
        if self.stopped.pop(tp, None) is not None:
            self.ownership.consumer.resume(tp)  # it comes to that record again, and stops there
        self._versions[tp] = version
        self._next[tp] = cursor
        self.ownership.consumer.seek(tp, cursor)
        if fold is not None and (reason := unreadable(fold)):
            self._stop(tp, reason)  # until another build is live

    async def _committed(self, tp: TopicPartition) -> int:
        try:
            return await committed(self.ownership.consumer, tp)
        except KafkaError:
            log.warning("no group coordinator; a read side that fell back may answer for a moment")
            return 0

    async def _check(self, tp: TopicPartition) -> None:
        version = await self._store.live_version(tp.partition)
        cursor = await self._store.cursor(tp.partition, version)
        if cursor < self._next[tp] or version != self._versions[tp]:
            await self._begin(tp)
        elif cursor == 0:
            # Nothing of an empty partition can fall back, but queries need its key.
            await self._store.open(tp.partition, version)

    def _decode(self, tp: TopicPartition, records: list[Any]) -> list[Decoded]:
        decoded = []
        for record in records:
            try:
                decoded.append(decode(record))
            except UnknownEventVersion as error:
                self._stop(tp, error.message, offset=record.offset)
                break
        return decoded

    def _stop(self, tp: TopicPartition, reason: str, **where: int) -> None:
        self.stopped[tp] = reason
        self.ownership.consumer.pause(tp)
        log.critical("partition stopped", reason=reason, partition=tp.partition, **where)

    async def _fold(self, tp: TopicPartition, decoded: list[Decoded]) -> bool:
        """Fold a batch; False if we go back in the log, or the partition moves, before its end."""
        attempt = refusals = 0
        batch = Batch(tp.partition, self._versions[tp], decoded)
        while batch.decoded:
            try:
                outcome = await self._fold_once(tp, batch)
            except Exception as error:  # passing over it would lose the batch
                self.held = False
                lasting = not isinstance(error, (*TRANSIENT, KafkaError, Unavailable))
                log.warning(
                    "projection waits", error=repr(error), attempt=attempt, exc_info=lasting
                )
                if lasting and len(batch.decoded) > 1:
                    return await self._one_by_one(tp, batch.decoded)
                if isinstance(error, Indigestible):
                    batch.decoded[0].failed(error)
                elif lasting:
                    refusals += 1
                    self._complain(tp, batch.decoded[0], error, refusals)
                if not await self.ownership.backoff(attempt):
                    return False
                attempt += 1
                continue
            self.stuck.pop(tp, None)
            if outcome is None:
                return not batch.decoded
            left = await self._after(tp, batch, outcome)
            if left is None:
                return False
            batch = left
        return True

    async def _one_by_one(self, tp: TopicPartition, decoded: list[Decoded]) -> bool:
        """So that the neighbours of the one that can't be done are."""
        for each in decoded:
            if not await self._fold(tp, [each]):
                return False
        return True

    def _complain(self, tp: TopicPartition, each: Decoded, error: Exception, refusals: int) -> None:
        """Say so of a record that Redis refuses again and again."""
        if refusals >= STUCK_TRIES and tp not in self.stuck:
            why = f"{type(error).__name__}: {error}"  # of Redis's errors repr is not the message
            self.stuck[tp] = f"stuck at {tp.partition}:{each.record.offset}: {why}"
            log.critical("projection stuck", reason=self.stuck[tp])

    async def _fold_once(self, tp: TopicPartition, batch: Batch) -> Outcome | None:
        await batch.load(self._store)
        if not batch.decoded:
            self._next[tp] = batch.cursor
            self._sought.pop(tp, None)  # applied, though the reply was lost
            return None
        if batch.decoded[0].record.offset > batch.cursor and self._sought.get(tp) != batch.cursor:
            # Redis fell back. If this is a hole in the log, the second look finds it again.
            await self._begin(tp)
            self._sought[tp] = batch.cursor  # not before: if that fails, nobody has sought yet
            return None
        for each in batch.decoded:
            if each.error is not None and not each.dead_lettered:
                await self._dead_letters.send(each.record, each.error)
                each.dead_lettered = True
                if isinstance(each.error, Indigestible):
                    told = {"partition": tp.partition, "offset": each.record.offset}
                    log.error("event passed", reason=each.error.message, **told)
                    INDIGESTIBLE.labels(each.event.type if each.event else "none").inc()
        return await batch.apply(self._store)

    async def _after(self, tp: TopicPartition, batch: Batch, outcome: Outcome) -> Batch | None:
        """The rest of a batch that is left to do; None where it can't be done from here."""
        left: list[Decoded] = []
        self.held = outcome.result == "hold"
        match outcome.result:
            case "applied":
                self._next[tp] = outcome.at
                # Else falling back to the same cursor a second time would pass for a hole.
                self._sought.pop(tp, None)
                self._count(batch)
            case "hold":
                # A rebuild compares at this offset. What lies before it may go on.
                before = [each for each in batch.decoded if each.record.offset < outcome.at]
                if not before:
                    await asyncio.sleep(HOLD_POLL_SECONDS)
                if self.ownership.leaving.is_set() or not await self._fold(tp, before):
                    return None
                left = batch.decoded
            case "version":
                self._versions[tp] = await self._store.live_version(tp.partition)
                left = batch.decoded
            case "fold":
                self._stop(tp, unreadable(outcome.at) or "")
                return None
            case "cursor":
                left = batch.decoded
        return Batch(tp.partition, self._versions[tp], left)

    def _count(self, batch: Batch) -> None:
        types = collections.Counter(
            each.event.type if each.event and not each.error else "none" for each in batch.decoded
        )
        for event_type, count in types.items():
            FOLDED.labels(event_type).inc(count)
        assert batch.view is not None
        for why, count in batch.view.ignored.items():
            IGNORED.labels(why).inc(count)

    def _lag(self, tp: TopicPartition) -> int:
        end = self.ownership.consumer.highwater(tp)
        return max(0, end - self._next.get(tp, 0)) if end is not None else 0
