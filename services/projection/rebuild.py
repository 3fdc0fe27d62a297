"""Rebuild the read side from the log, beside the live one, and switch to it.

Blue/green, partition by partition: a new build is folded from the beginning while the live one
answers and goes on folding. Then, for one partition at a time, the live fold is held at an offset,
the new build catches up to exactly there, both digests are compared, and the partition's version
key is switched. Nothing here has a producer: a replay cannot cause anything.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import TopicPartition

from human_memory.bus.consuming import consuming
from schemas.errors import Indigestible, InvariantBroken, Unavailable
from schemas.events import MemoryStored
from schemas.topics import EVENTS
from services.common.redis import REDIS_ERRORS, RedisClient, connect, redis_prefix
from services.common.settings import VectorSettings
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.batch import Batch, Decoded, decode
from services.projection.digest import combined_digest, digest_of_build
from services.projection.pause import alone, held, held_at_the_start, unlink
from services.readside.layout import INDEXED

log = structlog.get_logger(__name__)
BATCH_RECORDS = 500
# Queries that began on the old build finish on it.
GRACE_SECONDS = 2.0
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PartitionResult:
    """Digests of one partition at the same offset."""

    partition: int
    offset: int
    digest_live: str
    digest_rebuilt: str

    @property
    def identical(self) -> bool:
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
    def digest(self) -> str:
        """Digest of the whole rebuilt read side."""
        return combined_digest({r.partition: r.digest_rebuilt for r in self.partitions})


async def rebuild(
    settings: VectorSettings, *, progress: Progress | None = None, force: bool = False
) -> RebuildReport:
    """Replay the log into a new build, compare it with the live one, switch, drop the old one.

    Args:
        settings: Kafka and Redis of the installation; the live fold must be running.
        progress: called with (events done, events in all).
        force: switch even where the digests differ (after a change of the fold they do).

    Raises:
        Unavailable: Kafka or Redis does not answer, the live fold does not move, or another
            rebuild is running.
        InvariantBroken: the digests differ and `force` is not set; the live build stays.
    """
    async with (
        _connected(settings) as (redis, consumer),
        alone(redis, redis_prefix(settings.topic_prefix)),
    ):
        return await _Rebuild(settings, redis, consumer).run(progress, force=force)


async def live_digest(settings: VectorSettings) -> str:
    """Digest of the live read side at the end of the log; each partition is held meanwhile.

    Raises:
        Unavailable: Kafka or Redis does not answer, or the live fold does not move.
    """
    async with _connected(settings) as (redis, consumer):
        store = RedisProjection(
            redis, redis_prefix(settings.topic_prefix), dimension=settings.embedding_dimension
        )
        digests = {}
        for tp in _partitions(settings):
            end = (await consumer.end_offsets([tp]))[tp]
            async with held(redis, store, tp.partition, end):
                version = await store.live_version(tp.partition)
                digests[tp.partition] = await digest_of_build(
                    redis, store.layout(tp.partition, version)
                )
        return combined_digest(digests)


async def drop_read_side(settings: VectorSettings) -> int:
    """Delete all that was folded from Redis; how many keys that were.

    The live fold notices within a second and rebuilds all of it from the log; until it is done
    queries are `unavailable`.

    Raises:
        Unavailable: Redis does not answer, or a rebuild is running.
    """
    redis = connect(settings.redis)
    prefix = redis_prefix(settings.topic_prefix)
    store = RedisProjection(redis, prefix, dimension=settings.embedding_dimension)
    try:
        async with (
            alone(redis, prefix),
            held_at_the_start(redis, store, settings.partitions),
        ):
            return await _drop_builds(redis, store, settings.partitions)
    except REDIS_ERRORS as error:
        raise Unavailable(f"Redis does not answer: {error!r}") from error
    finally:
        await redis.aclose()


async def _drop_builds(redis: RedisClient, store: RedisProjection, partitions: int) -> int:
    versions = {number: await store.live_version(number) for number in range(partitions)}
    cursors = [store.layout(number, version).cursor for number, version in versions.items()]
    # First, so that no query answers from what is left meanwhile; and not again below, where the
    # fold may have set a new one already.
    deleted: int = await redis.unlink(*cursors)
    keep = {cursor.encode() for cursor in cursors}
    builds = f"{store.prefix}v"
    for name in await redis.execute_command("FT._LIST"):
        if name.decode().startswith(builds):
            await redis.execute_command("FT.DROPINDEX", name)
    deleted += await unlink(redis, f"{builds}*", doomed=lambda key: key not in keep)
    for version in set(versions.values()):
        await store.ensure_index(version)
    return deleted


@asynccontextmanager
async def _connected(settings: VectorSettings) -> AsyncIterator[tuple[RedisClient, Any]]:
    redis = connect(settings.redis)
    try:
        async with consuming(settings, "reading the log") as consumer:
            yield redis, consumer
    except REDIS_ERRORS as error:
        raise Unavailable(f"Redis does not answer: {error!r}") from error
    finally:
        await redis.aclose()


def _partitions(settings: VectorSettings) -> list[TopicPartition]:
    topic = settings.topic(EVENTS)
    return [TopicPartition(topic, number) for number in range(settings.partitions)]


class _Rebuild:
    def __init__(self, settings: VectorSettings, redis: RedisClient, consumer: Any) -> None:
        prefix = redis_prefix(settings.topic_prefix)
        self._redis = redis
        self._consumer = consumer
        self._dimension = dimension = settings.embedding_dimension
        self._live = RedisProjection(redis, prefix, dimension=dimension)
        self._next = RedisProjection(redis, prefix, dimension=dimension, rebuilding=True)
        self._partitions = _partitions(settings)
        self._folded = 0
        self._indigestible = 0
        self._foreign_vectors = False
        self._cursors: dict[TopicPartition, int] = {}

    async def run(self, progress: Progress | None, *, force: bool) -> RebuildReport:
        began = time.monotonic()
        versions = [await self._live.live_version(tp.partition) for tp in self._partitions]
        before, version = max(versions), max(versions) + 1
        await self._drop_all_but(set(versions))  # what an earlier rebuild left when it died
        await self._next.ensure_index(version)
        for tp in self._partitions:
            await self._next.open(tp.partition, version)
        self._consumer.assign(self._partitions)
        await self._consumer.seek_to_beginning(*self._partitions)
        ends = await self._consumer.end_offsets(self._partitions)
        total = sum(ends.values())
        await self._catch_up(version, ends, lambda: progress and progress(self._folded, total))
        results = []
        for tp, live in zip(self._partitions, versions, strict=True):
            results.append(await self._switch(tp, live, version, force=force))
        await asyncio.sleep(GRACE_SECONDS)
        await self._drop_all_but({version})
        return RebuildReport(
            version_before=before,
            version=version,
            events=self._folded,
            seconds=time.monotonic() - began,
            switched=True,
            indigestible=self._indigestible,
            partitions=results,
        )

    async def _catch_up(
        self, version: int, ends: dict[TopicPartition, int], report: Callable[[], object]
    ) -> None:
        # Positions, not "the last record seen": a log may end in a hole.
        async for batches in self._consumer.read_to(ends, max_records=BATCH_RECORDS):
            for tp, records in batches.items():
                await self._fold(tp, version, [r for r in records if r.offset < ends[tp]])
                if records[-1].offset >= ends[tp]:
                    self._consumer.seek(tp, ends[tp])
                report()

    async def _fold(self, tp: TopicPartition, version: int, records: list[Any]) -> None:
        decoded = [decode(record) for record in records]
        self._foreign_vectors |= any(
            isinstance(each.event, MemoryStored)
            and each.event.data.embedding.dimension != self._dimension
            for each in decoded
        )
        try:
            await self._fold_batch(tp, Batch(tp.partition, version, decoded))
        except Indigestible:
            for each in decoded:
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
        version = batch.version
        await batch.load(self._next)
        at, expected = batch.cursor, self._cursors.get(tp, 0)
        if at == expected and batch.decoded:
            outcome = await batch.apply(self._next)
            at, expected = outcome.at, batch.decoded[-1].record.offset + 1
            self._cursors[tp] = expected
            self._folded += len(batch.decoded)
            for each in batch.decoded:
                if isinstance(each.error, Indigestible):
                    self._indigestible += 1
                    told = {"partition": tp.partition, "offset": each.record.offset}
                    log.error("event passed", reason=each.error.message, **told)
        if at != expected:
            raise Unavailable(
                f"partition {tp.partition} of build {version} is at {at}, not at {expected}: "
                "Redis lost it, or another rebuild is running; try again"
            )

    async def _switch(
        self, tp: TopicPartition, live: int, version: int, *, force: bool
    ) -> PartitionResult:
        end = (await self._consumer.end_offsets([tp]))[tp]
        async with held(self._redis, self._live, tp.partition, end) as offset:
            others = [other for other in self._partitions if other != tp]
            self._consumer.pause(*others)
            await self._catch_up(version, {tp: offset}, lambda: None)
            self._consumer.resume(*others)
            result = PartitionResult(
                tp.partition,
                offset,
                await digest_of_build(self._redis, self._live.layout(tp.partition, live)),
                await digest_of_build(self._redis, self._live.layout(tp.partition, version)),
            )
            if not result.identical and not force:
                raise InvariantBroken(
                    f"partition {tp.partition} at offset {offset}: the live read side "
                    f"({result.digest_live[:12]}) is not what the log says "
                    f"({result.digest_rebuilt[:12]}); nothing was switched there; "
                    "use --force to take the rebuilt one"
                )
            await self._check_index(version)
            await self._redis.set(self._live.control(tp.partition).live, version)
        return result

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

    async def _drop_all_but(self, versions: set[int]) -> None:
        prefix = f"{self._live.prefix}v"

        def doomed(key: bytes) -> bool:
            number = key.decode(errors="replace").removeprefix(prefix).partition(":")[0]
            return number.isdecimal() and int(number) not in versions

        for name in await self._redis.execute_command("FT._LIST"):
            if name.decode().startswith(prefix) and doomed(name):
                with suppress(*REDIS_ERRORS):  # it is not there any more
                    await self._redis.execute_command("FT.DROPINDEX", name)
        await unlink(self._redis, f"{prefix}*", doomed=doomed)
