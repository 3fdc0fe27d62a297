"""Reads of whole memories and namespaces from the live build in Redis."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.readside.collections import (
    CHANGED,
    PARAMETERS,
    RECENT,
    RUNS,
    RUNS_BY_OFFSET,
    counted_now,
    reads_of_counts,
)
from services.readside.columns import Memories
from services.readside.documents import (
    WHOLE_DOCUMENT,
    Attributes,
    Document,
    DocumentKey,
)
from services.readside.layout import INDEXED, STATUSES, Layout, Status, unpack_record
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import InForce, unpack_parameters
from services.readside.reader import READ_AT_ONCE, read_attributes, read_documents, read_run
from services.readside.runs import Run, unpack_run
from services.retrieval.ports import Entry, Position

WHOLE_AT_ONCE = 2
DERIVATIVES_MAX = 100


class RedisMemoryReader:
    """`MemoryReader` on the live build."""

    def __init__(self, build: LiveBuild) -> None:
        self._build = build
        self._whole = asyncio.Semaphore(WHOLE_AT_ONCE)

    async def whole(
        self, namespace: str, *, sample: int | None = None
    ) -> tuple[Position, InForce, Memories]:
        # A namespace may be large: two at a time, decoded beside the event loop.
        async with self._whole:
            partition = self._build.partition(namespace)

            def queue(layout: Layout) -> Commands:
                return [
                    ["ZRANGE", CHANGED.key(layout, namespace), 0, -1],
                    ["GET", PARAMETERS.key(layout, namespace)],
                ]

            cursor, (members, parameters) = await self._build.read(partition, queue)
            ids = sorted(member.decode() for member in members)[:sample]
            records: list[bytes | None] = []
            for start in range(0, len(ids), READ_AT_ONCE):
                some = ids[start : start + READ_AT_ONCE]
                records += (await self._build.records(namespace, some, cursor))[1]
            memories = await asyncio.to_thread(_decoded, ids, records)
        return position_of(partition, cursor), unpack_parameters(parameters), memories

    async def recent(self, namespace: str, count: int) -> tuple[Position, InForce, Memories]:
        partition = self._build.partition(namespace)

        def queue(layout: Layout) -> Commands:
            return [
                ["ZREVRANGE", RECENT.key(layout, namespace), 0, count - 1],
                ["GET", PARAMETERS.key(layout, namespace)],
            ]

        cursor, (members, parameters) = await self._build.read(partition, queue)
        ids = [member.decode() for member in members]
        _, records = await self._build.records(namespace, ids, cursor)
        position = position_of(partition, cursor)
        return position, unpack_parameters(parameters), _decoded(ids, records)

    async def entry(self, namespace: str, memory_id: UUID) -> tuple[Position, Entry | None]:
        partition = self._build.partition(namespace)

        def queue(layout: Layout) -> Commands:
            documents = [layout.document(status, namespace, memory_id) for status in STATUSES]
            commands: Commands = [["HMGET", key, *WHOLE_DOCUMENT] for key in documents]
            return [
                ["GET", layout.record(namespace, memory_id)],
                ["GET", PARAMETERS.key(layout, namespace)],
                ["HGETALL", layout.contexts(namespace, memory_id)],
                *commands,
            ]

        # At one instant: a document that is moved while we look under each status is under none.
        cursor, replies = await self._build.read(partition, queue, atomic=True)
        record, parameters, contexts, *documents = replies
        position = position_of(partition, cursor)
        if record is None:
            return position, None
        state, _ = unpack_record(record)
        return position, Entry(
            state=state,
            memories=Memories.of([str(memory_id)], [record]),
            document=Document.of(documents[STATUSES.index(state.status)]),
            contexts=dict(zip(contexts[::2], contexts[1::2], strict=True)),
            parameters=unpack_parameters(parameters),
        )

    async def derivatives(
        self, namespace: str, memory_id: UUID, *, until_ms: int | None
    ) -> list[str]:
        until = "" if until_ms is None else f" @created:[-inf {until_ms}]"

        def queue(layout: Layout) -> Commands:
            return [
                [
                    "FT.SEARCH", layout.index(status), "@ns:{$ns} @sources:{$source}" + until,
                    "PARAMS", 4, "ns", namespace, "source", str(memory_id),
                    "NOCONTENT", "LIMIT", 0, DERIVATIVES_MAX, "DIALECT", 2,
                ]
                for status in INDEXED
            ]  # fmt: skip

        _, replies = await self._build.read(self._build.partition(namespace), queue)
        keys = [key for _, *found in replies for key in found]
        return sorted(key[-36:].decode() for key in keys)[:DERIVATIVES_MAX]

    async def documents(self, namespace: str, keys: Sequence[DocumentKey]) -> list[Document | None]:
        return await read_documents(self._build, namespace, keys)

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        return await read_attributes(self._build, namespace, keys)

    async def counts(self, namespace: str, now_ms: int) -> tuple[Position, dict[Status, int]]:
        partition = self._build.partition(namespace)
        cursor, (counts, expired) = await self._build.read(
            partition,
            lambda layout: reads_of_counts(layout, namespace, now_ms),
            atomic=True,
        )
        return position_of(partition, cursor), counted_now(counts, expired)

    async def runs(self, namespace: str, newest: int) -> tuple[Position, list[tuple[UUID, Run]]]:
        partition = self._build.partition(namespace)
        cursor, (ids,) = await self._build.read(
            partition,
            lambda layout: [["ZREVRANGE", RUNS_BY_OFFSET.key(layout, namespace), 0, newest - 1]],
        )
        packed: list[bytes | None] = []
        if ids:
            cursor, (packed,) = await self._build.read(
                partition, lambda layout: [["HMGET", RUNS.key(layout, namespace), *ids]]
            )
        runs = [
            (UUID(id_.decode()), unpack_run(each))
            for id_, each in zip(ids, packed, strict=True)
            if each is not None
        ]
        return position_of(partition, cursor), runs

    async def run(self, namespace: str, run_id: UUID) -> tuple[Position, Run | None]:
        cursor, run = await read_run(self._build, namespace, run_id)
        return position_of(self._build.partition(namespace), cursor), run


def _decoded(ids: list[str], records: list[bytes | None]) -> Memories:
    there = [(id_, record) for id_, record in zip(ids, records, strict=True) if record is not None]
    return Memories.of([id_ for id_, _ in there], [record for _, record in there])
