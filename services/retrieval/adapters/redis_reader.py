"""Reads of the queries: few round trips, each at one instant, always of the live build."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from redis.exceptions import ResponseError

from human_memory.producer import partition_of
from schemas.errors import DeadlineExceeded, InvariantBroken, Unavailable
from services.common.read_model import (
    STATUSES,
    Control,
    Layout,
    State,
    Status,
    unpack_record,
)
from services.common.redis import REDIS_ERRORS, RedisClient, mget
from services.retrieval.adapters.filters import NO_FILTERS, Filters
from services.retrieval.ranking import Histories, decode_histories

NEAREST = 200
RECENT = 200
# A namespace with fewer memories is scored whole.
SMALL = 500
SEARCH_TIMEOUT_MS = 5_000
READ_AT_ONCE = 1_000
WHOLE_AT_ONCE = 2
Queue = Callable[[Any, Layout], None]


@dataclass(frozen=True)
class Candidates:
    """Memories to rank: `vectors` has shape (memories, dimension)."""

    histories: Histories
    vectors: NDArray[np.float16]


@dataclass(frozen=True)
class Entry:
    """Everything about one memory, at one instant."""

    state: State
    histories: Histories
    document: dict[bytes, bytes]
    contexts: dict[bytes, bytes]


class RedisReader:
    """What queries read. Every method raises Unavailable while the read side cannot answer."""

    def __init__(self, redis: RedisClient, prefix: str, *, partitions: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._partitions = partitions
        self._versions: dict[int, int] = {}
        self._large: set[tuple[int, int, str]] = set()
        self._whole = asyncio.Semaphore(WHOLE_AT_ONCE)

    def partition(self, namespace: str) -> int:
        """The partition that holds a namespace whole."""
        return partition_of(namespace.encode(), self._partitions)

    async def cursor(self, partition: int) -> int:
        """How many records of a partition are folded, also while the read side is rebuilt."""
        cursor, _ = await self._read(partition, lambda pipe, layout: None, answering=False)
        return cursor

    async def candidates(
        self, namespace: str, vector: NDArray[np.float16], filters: Filters, *, decayed: bool
    ) -> tuple[str | None, Candidates]:
        """Memories worth ranking, and the position they are good for: see `_position`.

        Nearest by vector and last used; all of a small namespace. With `decayed` those are among
        them too.
        """
        partition = self.partition(namespace)
        indexes: tuple[Status, ...] = ("active", "decayed") if decayed else ("active",)
        large_key = (partition, self._versions.get(partition, 0), namespace)
        known_large = large_key in self._large

        def queue(pipe: Any, layout: Layout) -> None:
            for status in indexes:
                pipe.execute_command(*_nearest(layout.index(status), namespace, vector, filters))
            pipe.zrevrange(layout.recent(namespace), 0, RECENT - 1)
            if not known_large:
                pipe.zrange(layout.members(namespace), 0, SMALL - 1)

        cursor, replies = await self._read(partition, queue)
        # A search reply is the total, then the keys.
        nearest = [_id(key) for reply in replies[: len(indexes)] for key in reply[1:]]
        others = [member.decode() for member in replies[len(indexes)]]
        if not known_large:
            members = [member.decode() for member in replies[-1]]
            if len(members) < SMALL:
                others = members
            else:
                self._large.add(large_key)
        if filters != NO_FILTERS:
            others = await self._admitted(namespace, others, filters, indexes)
        ids = list(dict.fromkeys(nearest + others))
        histories = _decoded(ids, await self._mget(namespace, ids, cursor))
        return _position(partition, cursor), Candidates(histories, _matrix(histories, len(vector)))

    async def histories(
        self, namespace: str, *, sample: int | None = None
    ) -> tuple[str | None, Histories]:
        """All memories of a namespace, in any status, or the `sample` smallest ids of them."""
        # A namespace may be large: two at a time, decoded beside the event loop.
        async with self._whole:
            partition = self.partition(namespace)
            cursor, (members,) = await self._read(
                partition, lambda pipe, layout: pipe.zrange(layout.members(namespace), 0, -1)
            )
            ids = [member.decode() for member in members]
            if sample is not None and len(ids) > sample:
                ids = sorted(ids)[:sample]
            records: list[bytes | None] = []
            for start in range(0, len(ids), READ_AT_ONCE):
                records += await self._mget(namespace, ids[start : start + READ_AT_ONCE], cursor)
            histories = await asyncio.to_thread(_decoded, ids, records)
        return _position(partition, cursor), histories

    async def entry(self, namespace: str, memory_id: UUID) -> tuple[str | None, Entry | None]:
        """One memory whole, in any status; None if the namespace has not got it."""
        partition = self.partition(namespace)

        def queue(pipe: Any, layout: Layout) -> None:
            pipe.get(layout.record(namespace, memory_id))
            pipe.hgetall(layout.contexts(namespace, memory_id))
            for status in STATUSES:
                pipe.hgetall(layout.document(status, namespace, memory_id))

        # At one instant: a document that is moved while we look under each status is under none.
        cursor, (record, contexts, *documents) = await self._read(partition, queue, atomic=True)
        position = _position(partition, cursor)
        if record is None:
            return position, None
        state, _, _ = unpack_record(record)
        return position, Entry(
            state=state,
            histories=decode_histories([str(memory_id)], [record]),
            document=documents[STATUSES.index(state.status)],
            contexts=contexts,
        )

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status], fields: list[str]
    ) -> list[list[bytes | None]]:
        """Fields of some memories' documents."""
        found: list[list[bytes | None]] = []
        places = list(zip(ids, statuses, strict=True))
        for start in range(0, len(places), READ_AT_ONCE):
            some = places[start : start + READ_AT_ONCE]

            def queue(pipe: Any, layout: Layout, some: list[tuple[str, Status]] = some) -> None:
                for memory_id, status in some:
                    pipe.hmget(layout.document(status, namespace, memory_id), fields)

            _, replies = await self._read(self.partition(namespace), queue)
            found += replies
        return found

    async def counts(self, namespace: str) -> tuple[str | None, dict[Status, int]]:
        """Memories by status."""
        partition = self.partition(namespace)
        cursor, (counts,) = await self._read(
            partition, lambda pipe, layout: pipe.hmget(layout.counts(namespace), list(STATUSES))
        )
        by_status = {s: int(count or 0) for s, count in zip(STATUSES, counts, strict=True)}
        return _position(partition, cursor), by_status

    async def _mget(self, namespace: str, ids: list[str], cursor: int) -> list[bytes | None]:
        """Records of the live build, which the read before this one has found at `cursor`."""
        partition = self.partition(namespace)
        layout = Layout(self._prefix, self._versions[partition], partition)
        if not ids:
            return []
        prefix = layout.record(namespace, "")
        try:
            at, *records = await mget(
                self._redis, [layout.cursor, *[prefix + each for each in ids]]
            )
        except REDIS_ERRORS as error:
            raise _unavailable(error) from error
        if int(at or 0) < cursor:
            raise Unavailable("the read side fell back while it was read; ask again")
        return records

    async def _admitted(
        self, namespace: str, ids: list[str], filters: Filters, statuses: tuple[Status, ...]
    ) -> list[str]:
        """Those that pass the filters that the index has applied to the others."""
        admitted = []
        for status in statuses:
            documents = await self.documents(
                namespace, ids, [status] * len(ids), ["type", "tags", "created"]
            )
            for memory_id, (kind, tags, created) in zip(ids, documents, strict=True):
                if created and filters.admits(kind or b"", tags or b"", int(created)):
                    admitted.append(memory_id)
        return admitted

    async def _read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        """Run a pipeline on the live build; its cursor and the replies.

        `answering`: refuse while the read side is being rebuilt after a loss. `atomic`: no write
        comes between the reads.
        """
        control = Control(self._prefix, partition)
        try:
            while True:
                version = self._versions.get(partition, 1)
                layout = Layout(self._prefix, version, partition)
                pipe = self._redis.pipeline(transaction=atomic)
                pipe.get(control.live)
                pipe.get(layout.cursor)
                pipe.get(control.target)
                queue(pipe, layout)
                live, cursor, target, *replies = await pipe.execute(raise_on_error=False)
                for reply in (live, cursor, target):
                    if isinstance(reply, Exception):
                        raise reply
                if live is not None and int(live) != version:
                    self._versions[partition] = int(live)
                    continue
                if live is None or cursor is None:
                    raise Unavailable("the read side is empty; retrieval is about to rebuild it")
                break
            self._versions[partition] = version
            at, goal = int(cursor), int(target or 0)
            if answering and at < goal:
                raise Unavailable(
                    f"the read side is being rebuilt: {at:,} of {goal:,} events; ask again"
                )
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        except REDIS_ERRORS as error:
            raise _unavailable(error) from error
        return at, replies


def _position(partition: int, cursor: int) -> str | None:
    """The last event that the answer has seen, as `after` takes it; None if there is none yet."""
    return f"{partition}:{cursor - 1}" if cursor else None


def _decoded(ids: list[str], records: list[bytes | None]) -> Histories:
    held = [(id_, record) for id_, record in zip(ids, records, strict=True) if record is not None]
    return decode_histories([id_ for id_, _ in held], [record for _, record in held])


def _matrix(histories: Histories, dimension: int) -> NDArray[np.float16]:
    """Vectors, shape (memories, dimension). Another model's vectors say nothing here: zero."""
    nothing = bytes(2 * dimension)
    same = [v if len(v) == 2 * dimension else nothing for v in histories.vectors]
    return np.frombuffer(b"".join(same), "<f2").reshape(len(same), dimension)


def _nearest(
    index: str, namespace: str, vector: NDArray[np.float16], filters: Filters
) -> list[bytes | str | int]:
    expression, params = filters.expression()
    words = ["ns", namespace, *params]
    return [
        "FT.SEARCH", index, f"({expression})=>[KNN {NEAREST} @vector $vector]",
        "PARAMS", len(words) + 2, *words, "vector", vector.tobytes(),
        "NOCONTENT", "LIMIT", 0, NEAREST, "TIMEOUT", SEARCH_TIMEOUT_MS, "DIALECT", 2,
    ]  # fmt: skip


def _id(key: bytes) -> str:
    return key.rsplit(b":", 1)[1].decode()


def _unavailable(error: Exception) -> Exception:
    text = str(error)
    if isinstance(error, ResponseError) and "no such index" not in text.lower():
        if "timeout" in text.lower():
            return DeadlineExceeded("the search index took too long; ask for less")
        if not text.startswith(("LOADING", "BUSY", "OOM", "READONLY", "MASTERDOWN")):
            return InvariantBroken(f"Redis refused a read: {text}")
    return Unavailable(f"Redis does not answer ({type(error).__name__}); ask again")
