"""The projection in Redis: one script writes a batch's changes and its cursor."""

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any, cast

from redis.exceptions import ResponseError

from services.common.read_model import (
    RECENT_MAX,
    SEEN_EVENTS_MAX,
    STATUSES,
    Control,
    Layout,
    Status,
    pack_record,
    unpack_record,
)
from services.common.redis import RedisClient
from services.retrieval.domain import Memory, Ref, View
from services.retrieval.ports import Outcome

APPLY = files("services.retrieval").joinpath("lua/apply.lua").read_text()
INDEXED: tuple[Status, ...] = ("active", "decayed")
Word = bytes | str | int | float


class RedisProjection:
    """`Projection` on Redis with RediSearch."""

    def __init__(
        self, redis: RedisClient, prefix: str, *, dimension: int, rebuilding: bool = False
    ):
        """With `rebuilding` writes go to a build that nobody reads yet: no hold, no version."""
        self._redis = redis
        self.prefix = prefix
        self._dimension = dimension
        self._rebuilding = rebuilding
        self._apply = redis.register_script(APPLY)

    def layout(self, partition: int, version: int) -> Layout:
        return Layout(self.prefix, version, partition)

    def control(self, partition: int) -> Control:
        return Control(self.prefix, partition)

    async def live_version(self, partition: int) -> int:
        live = self.control(partition).live
        version = await self._redis.get(live)
        if version is None:
            # A build that other partitions already read keeps all of them in one index.
            version = str(await self._highest_live_version())
            await self.ensure_index(int(version))
            await self._redis.set(live, version, nx=True)
            version = await self._redis.get(live) or version
        return int(version)

    async def _highest_live_version(self) -> int:
        keys = [key async for key in self._redis.scan_iter(match=f"{self.prefix}live:*")]
        versions = await self._redis.mget(keys) if keys else []
        return max((int(version) for version in versions if version), default=1)

    async def ensure_index(self, version: int) -> None:
        """Create the search indexes of a build where they are missing."""
        layout = self.layout(0, version)
        for status in INDEXED:
            try:
                await self._redis.execute_command(
                    "FT.CREATE", layout.index(status), "ON", "HASH",
                    "PREFIX", 1, layout.index_prefix(status), "STOPWORDS", 0,
                    "SCHEMA",
                    "ns", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "type", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "tags", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "created", "NUMERIC",
                    "text", "TEXT",
                    "vector", "VECTOR", "FLAT", 6,
                    "TYPE", "FLOAT16", "DIM", self._dimension, "DISTANCE_METRIC", "COSINE",
                )  # fmt: skip
            except ResponseError as error:
                if "already exists" not in str(error):
                    raise

    async def cursor(self, partition: int, version: int) -> int:
        return int(await self._redis.get(self.layout(partition, version).cursor) or 0)

    async def expect(self, partition: int, offset: int) -> None:
        """Have queries wait until the fold has come to `offset` again."""
        await self._redis.set(self.control(partition).target, offset)

    async def open(self, partition: int, version: int) -> None:
        """Let queries read a build that nothing has been folded into yet.

        Without a cursor they are refused: there may be a log, and nobody has looked yet.
        """
        await self._redis.set(self.layout(partition, version).cursor, 0, nx=True)

    async def load(
        self, partition: int, version: int, refs: Iterable[Ref], event_ids: list[bytes]
    ) -> tuple[int, View]:
        layout = self.layout(partition, version)
        wanted = list(dict.fromkeys(refs))
        namespaces = list(dict.fromkeys(namespace for namespace, _ in wanted))
        pipe = self._redis.pipeline(transaction=True)
        pipe.get(layout.cursor)
        if event_ids:
            pipe.execute_command("ZMSCORE", layout.seen, *event_ids)
        if wanted:
            pipe.mget([layout.record(*ref) for ref in wanted])
        for namespace in namespaces:
            pipe.hmget(layout.counts(namespace), list(STATUSES))
        replies = iter(await pipe.execute())
        cursor = int(next(replies) or 0)
        scores = next(replies) if event_ids else []
        records = next(replies) if wanted else []
        view = View(
            seen={
                event_id: int(float(score))
                for event_id, score in zip(event_ids, scores, strict=True)
                if score is not None
            }
        )
        for namespace, counts in zip(namespaces, replies, strict=True):
            view.counts[namespace] = Counter(
                {status: int(count or 0) for status, count in zip(STATUSES, counts, strict=True)}
            )
        for ref, record in zip(wanted, records, strict=True):
            if record is not None:
                state, vector, traces = unpack_record(record)
                view.memories[ref] = Memory(state, vector, traces, document_status=state.status)
        return cursor, view

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        layout, control = self.layout(partition, version), self.control(partition)
        words: list[Word] = [
            "" if self._rebuilding else version,
            cursor,
            next_cursor,
        ]
        for command in changes(view, layout, next_cursor):
            words.append(len(command))
            words.extend(command)
        result, at = cast(
            "list[bytes]",
            await self._apply(keys=[layout.cursor, control.live, control.hold], args=words),
        )
        return Outcome(cast("Any", result.decode()), int(at or 0))


def changes(view: View, layout: Layout, next_cursor: int) -> Iterator[list[Word]]:
    """The commands that write what changed in `view`, each an absolute value."""
    for namespace, memory_id in view.touched:
        memory = view.memories[namespace, memory_id]
        yield from _memory_changes(memory, (namespace, memory_id), layout)
    for namespace in {namespace for namespace, _ in view.touched}:
        counts = view.counts[namespace]
        yield ["SADD", layout.namespaces, namespace]
        yield ["ZREMRANGEBYRANK", layout.recent(namespace), 0, -RECENT_MAX - 1]
        pairs = [word for status in STATUSES for word in (status, counts[status])]
        yield ["HSET", layout.counts(namespace), *pairs]
    if view.seen_now:
        for event_id, offset in view.seen_now.items():
            yield ["ZADD", layout.seen, offset, event_id]
        yield ["ZREMRANGEBYSCORE", layout.seen, "-inf", f"({next_cursor - SEEN_EVENTS_MAX}"]


def _memory_changes(memory: Memory, ref: Ref, layout: Layout) -> Iterator[list[Word]]:
    namespace, memory_id = ref
    state = memory.state
    document = layout.document(state.status, namespace, memory_id)
    if memory.document is not None:
        fields = [word for pair in memory.document.items() for word in pair]
        yield ["HSET", document, *fields]
        yield ["ZADD", layout.members(namespace), state.offset, str(memory_id)]
    elif memory.document_status is not None and memory.document_status != state.status:
        yield ["RENAME", layout.document(memory.document_status, *ref), document]
    yield ["SET", layout.record(*ref), pack_record(state, memory.vector, memory.traces)]
    if memory.contexts:
        pairs = [word for pair in memory.contexts.items() for word in pair]
        yield ["HSET", layout.contexts(*ref), *pairs]
    if memory.contexts_dropped:
        yield ["HDEL", layout.contexts(*ref), *memory.contexts_dropped]
    yield ["ZADD", layout.recent(namespace), "GT", state.last_accessed_ms, str(memory_id)]
