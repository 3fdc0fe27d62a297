"""Rebuild the read side from the log, beside the live one, and switch to it.

Blue/green, partition by partition: a new build is folded from the beginning while the live one
answers and goes on folding. Then, for one partition at a time, the live fold is held at an offset,
the new build catches up to exactly there, both digests are compared, and the partition's version
key is switched. A live build that another fold made is not compared: it differs, as it should.
Nothing here has a producer: a replay cannot cause anything.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import TopicPartition

from human_memory.bus.consuming import consuming
from schemas.errors import Indigestible, InvariantBroken, Unavailable
from schemas.events import MemoryStored
from schemas.topics import EVENTS
from services.common.redis import REDIS_ERRORS
from services.common.settings import VectorSettings
from services.projection.batch import Batch, Decoded, apart, decode
from services.projection.builds import BuildsBeside, ReadSide
from services.projection.digest import combined_digest, digest_of_build
from services.projection.pause import Held, alone, arrived, held, require_held
from services.readside.fold_version import FOLD
from services.readside.layout import INDEXED

log = structlog.get_logger(__name__)
BATCH_RECORDS = 500
# Beside queries, in their process: they wait for as long as one batch takes to compute.
BATCH_RECORDS_BESIDE = 50
# Queries that began on the old build finish on it.
GRACE_SECONDS = 2.0
Progress = Callable[[int, int], None]
LetPass = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class PartitionResult:
    """Digests of one partition at the same offset; none where another fold made the live build."""

    partition: int
    offset: int
    digest_live: str | None = None
    digest_rebuilt: str | None = None

    @property
    def identical(self) -> bool:
        """True if nothing differs that should not."""
        return self.digest_live == self.digest_rebuilt


@dataclass(frozen=True)
class RebuildReport:
    """The report of a rebuild. `switched`: the new build is live. `indigestible`: how many events
    the fold failed on, and passed, as the live one does."""

    version_before: int
    version: int
    events: int
    seconds: float
    switched: bool
    indigestible: int = 0
    partitions: list[PartitionResult] = field(default_factory=list)

    @property
    def identical(self) -> bool:
        return all(result.identical for result in self.partitions)

    @property
    def digest(self) -> str | None:
        """Digest of the whole rebuilt read side; None if it was not compared."""
        digests = {r.partition: r.digest_rebuilt for r in self.partitions if r.digest_rebuilt}
        return combined_digest(digests) if len(digests) == len(self.partitions) else None


async def rebuild(
    side: ReadSide,
    *,
    progress: Progress | None = None,
    force: bool = False,
    let_pass: LetPass | None = None,
) -> RebuildReport:
    """Replay the log into a new build, compare it with the live one, switch, drop the old one.

    Args:
        side: what to rebuild; its live fold must be running, unless another fold than ours made
            what is live.
        progress: called with (events done, events in all).
        force: switch even where the digests differ.
        let_pass: for an upgrade beside queries: awaited before each batch, which are small then.
            Nothing is compared.

    Raises:
        Unavailable: Kafka or Redis does not answer, the live fold does not move, or another
            rebuild is running.
        InvariantBroken: the digests differ and `force` is not set; the live build stays.
    """
    async with (
        consuming(side.settings, "reading the log") as consumer,
        alone(side.redis, side.store.prefix),
    ):
        return await _Rebuild(side, consumer, let_pass).run(progress, force=force)


async def live_digest(side: ReadSide) -> str:
    """Digest of the live read side at the end of the log; each partition is held meanwhile.

    Raises:
        Unavailable: Kafka or Redis does not answer, or the live fold does not move.
    """
    redis, store = side.redis, side.store
    async with consuming(side.settings, "reading the log") as consumer:
        digests = {}
        for tp in _partitions(side.settings):
            end = (await consumer.end_offsets([tp]))[tp]
            async with held(redis, store, tp.partition, end) as live:
                await arrived(redis, store, tp.partition, live)
                layout = store.layout(tp.partition, live.version)
                digests[tp.partition] = await digest_of_build(redis, layout)
                await require_held(redis, live)
        return combined_digest(digests)


def _partitions(settings: VectorSettings) -> list[TopicPartition]:
    topic = settings.topic(EVENTS)
    return [TopicPartition(topic, number) for number in range(settings.partitions)]


class _Rebuild:
    def __init__(self, side: ReadSide, consumer: Any, let_pass: LetPass | None) -> None:
        self._redis = side.redis
        self._consumer = consumer
        self._let_pass = let_pass
        self._batch_records = BATCH_RECORDS if let_pass is None else BATCH_RECORDS_BESIDE
        self._dimension = side.settings.embedding_dimension
        self._live = self._next = side.store
        self._builds = BuildsBeside(side)
        self._partitions = _partitions(side.settings)
        self._compare = True
        self._folded = 0
        self._indigestible = 0
        self._foreign_vectors = False
        self._cursors: dict[TopicPartition, int] = {}

    async def run(self, progress: Progress | None, *, force: bool) -> RebuildReport:
        began = time.monotonic()
        await self._builds.clean(await self._builds.marks())  # what died left behind
        versions = [await self._live.live_version(tp.partition) for tp in self._partitions]
        made_by = [
            await self._live.fold(tp.partition, live)
            for tp, live in zip(self._partitions, versions, strict=True)
        ]
        # Of another fold, all: there may be nobody who can go on with it to the end of the log.
        self._compare = self._let_pass is None and set(made_by) <= {None, FOLD}
        version, mark = await self._builds.begin()
        self._next = self._live.marked(mark)
        marks = {tp.partition: mark for tp in self._partitions}
        try:
            for tp in self._partitions:
                await self._next.open(tp.partition, version)
            await self._fold_all(version, progress)
            results = [
                await self._switch(tp, version, mark, force=force) for tp in self._partitions
            ]
        except Exception:
            with suppress(*REDIS_ERRORS):  # else whoever finds the marks does
                await self._tidy(marks)
            raise
        await self._tidy(marks)
        return RebuildReport(
            version_before=max(versions),
            version=version,
            events=self._folded,
            seconds=time.monotonic() - began,
            switched=True,
            indigestible=self._indigestible,
            partitions=results,
        )

    async def _tidy(self, marks: dict[int, str]) -> None:
        await asyncio.sleep(GRACE_SECONDS)
        await self._builds.clean(marks)

    async def _fold_all(self, version: int, progress: Progress | None) -> None:
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        ends = await self._consumer.end_offsets(self._partitions)
        total = sum(ends.values())
        await self._catch_up(version, ends, lambda: progress and progress(self._folded, total))

    async def _catch_up(
        self, version: int, ends: dict[TopicPartition, int], report: Callable[[], object]
    ) -> None:
        # Positions, not "the last record seen": a log may end in a hole.
        async for batches in self._consumer.read_to(ends, max_records=self._batch_records):
            for tp, records in batches.items():
                await self._fold(tp, version, [r for r in records if r.offset < ends[tp]])
                if records[-1].offset >= ends[tp]:
                    self._consumer.seek(tp, ends[tp])
                report()

    async def _fold(self, tp: TopicPartition, version: int, records: list[Any]) -> None:
        if self._let_pass is not None:
            await self._let_pass()
        decoded = [decode(record) for record in records]
        self._foreign_vectors |= any(
            isinstance(each.event, MemoryStored)
            and each.event.data.embedding.dimension != self._dimension
            for each in decoded
        )
        for some in apart(decoded):
            try:
                await self._fold_batch(tp, Batch(tp.partition, version, some))
            except Indigestible:
                for each in some:
                    await self._fold_alone(tp, version, each)

    async def _fold_alone(self, tp: TopicPartition, version: int, each: Decoded) -> None:
        while True:
            try:
                await self._fold_batch(tp, Batch(tp.partition, version, [each]))
            except Indigestible as error:
                each.failed(error)
            else:
                return

    async def _fold_batch(self, tp: TopicPartition, batch: Batch) -> None:
        await batch.load(self._next)
        at, expected = batch.cursor, self._cursors.get(tp, 0)
        if at == expected and batch.decoded:
            outcome = await batch.apply(self._next)
            at, expected = outcome.at, batch.decoded[-1].record.offset + 1
            if outcome.result != "applied":
                raise _lost(tp)
            self._cursors[tp] = expected
            self._folded += len(batch.decoded)
            for each in batch.decoded:
                if isinstance(each.error, Indigestible):
                    self._indigestible += 1
                    told = {"partition": tp.partition, "offset": each.record.offset}
                    log.error("event passed", reason=each.error.message, **told)
        if at != expected:
            raise _lost(tp)

    async def _switch(
        self, tp: TopicPartition, version: int, mark: str, *, force: bool
    ) -> PartitionResult:
        end = (await self._consumer.end_offsets([tp]))[tp]
        async with held(self._redis, self._live, tp.partition, end) as live:
            if self._compare:
                await arrived(self._redis, self._live, tp.partition, live)
            others = [other for other in self._partitions if other != tp]
            self._consumer.pause(*others)
            await self._catch_up(version, {tp: live.offset}, lambda: None)
            self._consumer.resume(*others)
            result = PartitionResult(tp.partition, live.offset)
            if self._compare:
                result = await self._compared(result, live, version)
            if not result.identical and not force:
                raise InvariantBroken(
                    f"partition {tp.partition} at offset {live.offset}: the live read side "
                    f"({result.digest_live:.12}) is not what the log says "
                    f"({result.digest_rebuilt:.12}); nothing was switched there; "
                    "use --force to take the rebuilt one"
                )
            await self._check_index(version)
            cursor = self._cursors.get(tp, 0)
            if not await self._builds.switch(tp.partition, live, mark=mark, cursor=cursor):
                raise _lost(tp)
        return result

    async def _compared(self, result: PartitionResult, live: Held, version: int) -> PartitionResult:
        layouts = [self._live.layout(result.partition, build) for build in (live.version, version)]
        digests = [await digest_of_build(self._redis, layout) for layout in layouts]
        await require_held(self._redis, live)
        return PartitionResult(result.partition, result.offset, *digests)

    async def _check_index(self, version: int) -> None:
        layout = self._live.layout(0, version)
        for status in INDEXED:
            info = await self._redis.execute_command("FT.INFO", layout.index(status))
            pairs = (
                info if isinstance(info, dict) else dict(zip(info[::2], info[1::2], strict=True))
            )
            failures = int(pairs.get(b"hash_indexing_failures", 0))
            # Vectors of another model can't be indexed, and are in the log for ever.
            if failures and not self._foreign_vectors:
                raise InvariantBroken(f"{failures} documents of build {version} are not indexed")


def _lost(tp: TopicPartition) -> Unavailable:
    return Unavailable(
        f"partition {tp.partition} of the new build is not what it was: Redis lost its keys, or "
        "another rebuild is running; try again"
    )
