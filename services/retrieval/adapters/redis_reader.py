"""Reads of whole memories and namespaces; the candidates of a search are `candidates.py`'s."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from schemas.parameters import Parameters
from services.readside.columns import Memories
from services.readside.layout import INDEXED, STATUSES, Layout, State, Status, unpack_record
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import unpack_parameters

READ_AT_ONCE = 1_000
WHOLE_AT_ONCE = 2
DERIVATIVES_MAX = 100


@dataclass(frozen=True)
class Entry:
    """Everything about one memory, at one instant. `memories` has one row."""

    state: State
    memories: Memories
    document: dict[bytes, bytes]
    contexts: dict[bytes, bytes]
    parameters: Parameters


class RedisReader:
    """What queries read. Every method raises Unavailable while the read side cannot answer."""

    def __init__(self, build: LiveBuild) -> None:
        self._build = build
        self._whole = asyncio.Semaphore(WHOLE_AT_ONCE)

    async def whole(
        self, namespace: str, *, sample: int | None = None
    ) -> tuple[str | None, Parameters, Memories]:
        """All memories of a namespace, in any status, or the `sample` smallest ids of them."""
        # A namespace may be large: two at a time, decoded beside the event loop.
        async with self._whole:
            partition = self._build.partition(namespace)

            def queue(layout: Layout) -> Commands:
                return [
                    ["ZRANGE", layout.changed(namespace), 0, -1],
                    ["GET", layout.parameters(namespace)],
                ]

            cursor, (members, parameters) = await self._build.read(partition, queue)
            ids = sorted(member.decode() for member in members)[:sample]
            records: list[bytes | None] = []
            for start in range(0, len(ids), READ_AT_ONCE):
                some = ids[start : start + READ_AT_ONCE]
                records += (await self._build.records(namespace, some, cursor))[1]
            memories = await asyncio.to_thread(_decoded, ids, records)
        return position_of(partition, cursor), unpack_parameters(parameters), memories

    async def entry(self, namespace: str, memory_id: UUID) -> tuple[str | None, Entry | None]:
        """One memory whole, in any status; None if the namespace has not got it."""
        partition = self._build.partition(namespace)

        def queue(layout: Layout) -> Commands:
            documents = [layout.document(status, namespace, memory_id) for status in STATUSES]
            commands: Commands = [
                ["GET", layout.record(namespace, memory_id)],
                ["GET", layout.parameters(namespace)],
            ]
            hashes = [layout.contexts(namespace, memory_id), *documents]
            return commands + [["HGETALL", key] for key in hashes]

        # At one instant: a document that is moved while we look under each status is under none.
        cursor, replies = await self._build.read(partition, queue, atomic=True)
        record, parameters, *hashes = replies
        contexts, *documents = (_pairs(reply) for reply in hashes)
        position = position_of(partition, cursor)
        if record is None:
            return position, None
        state, _ = unpack_record(record)
        return position, Entry(
            state=state,
            memories=Memories.of([str(memory_id)], [record]),
            document=documents[STATUSES.index(state.status)],
            contexts=contexts,
            parameters=unpack_parameters(parameters),
        )

    async def derivatives(
        self, namespace: str, memory_id: UUID, *, until_ms: int | None
    ) -> list[str]:
        """Memories that were made of one, by a moment if one is given, and are not deleted."""
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

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status], fields: list[str]
    ) -> list[list[bytes | None]]:
        """Fields of some memories' documents."""
        found: list[list[bytes | None]] = []
        places = list(zip(ids, statuses, strict=True))
        for start in range(0, len(places), READ_AT_ONCE):
            some = places[start : start + READ_AT_ONCE]

            def queue(layout: Layout, some: list[tuple[str, Status]] = some) -> Commands:
                return [
                    ["HMGET", layout.document(status, namespace, memory_id), *fields]
                    for memory_id, status in some
                ]

            _, replies = await self._build.read(self._build.partition(namespace), queue)
            found += replies
        return found

    async def counts(self, namespace: str) -> tuple[str | None, dict[Status, int]]:
        """Memories by status."""
        partition = self._build.partition(namespace)
        cursor, (counts,) = await self._build.read(
            partition, lambda layout: [["HMGET", layout.counts(namespace), *STATUSES]]
        )
        by_status = {s: int(count or 0) for s, count in zip(STATUSES, counts, strict=True)}
        return position_of(partition, cursor), by_status


def _pairs(reply: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _decoded(ids: list[str], records: list[bytes | None]) -> Memories:
    held = [(id_, record) for id_, record in zip(ids, records, strict=True) if record is not None]
    return Memories.of([id_ for id_, _ in held], [record for _, record in held])
