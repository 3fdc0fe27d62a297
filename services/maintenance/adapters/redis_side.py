"""Maintenance's reads of the read side, and the one thing it writes there: the due index."""

from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any
from uuid import UUID

import numpy as np

from schemas.errors import Unavailable
from services.common.redis import REDIS_ERRORS, RedisClient, Word, execute
from services.maintenance.ports import PAGE, Page, Upkeep
from services.readside.collections import CHANGED, CONCEPTS, COUNTS, MADE, PARAMETERS, RECENT
from services.readside.documents import Document
from services.readside.due_index import due_fingerprint
from services.readside.layout import STATUSES, Layout, Status, pack_element
from services.readside.live_build import LiveBuild
from services.readside.parameters import InForce, unpack_parameters
from services.readside.reader import read_documents, read_run
from services.readside.runs import Run

SETTLE = files("services.maintenance").joinpath("lua/settle.lua").read_text()
Commands = list[list[Word]]


class RedisReadSide:
    """`ReadSide` on Redis."""

    def __init__(self, redis: RedisClient, build: LiveBuild, prefix: str) -> None:
        self._redis = redis
        self._build = build
        self._prefix = prefix
        self._settle = redis.register_script(SETTLE)

    async def namespaces(self, partition: int) -> list[str]:
        """All namespaces of a partition."""
        _, (names,) = await self._build.read(
            partition, lambda layout: [["SMEMBERS", layout.namespaces]]
        )
        return sorted(name.decode() for name in names)

    async def upkeep(self, namespace: str) -> Upkeep:
        """A namespace's parameters, counts, and whether its due index can be trusted."""

        def queue(layout: Layout) -> Commands:
            return [
                ["GET", PARAMETERS.key(layout, namespace)],
                ["HMGET", COUNTS.key(layout, namespace), *STATUSES],
                ["GET", layout.due_parameters(namespace)],
                ["ZREVRANGE", RECENT.key(layout, namespace), 0, 0, "WITHSCORES"],
            ]

        _, (packed, counts, made_with, recent) = await self._read(namespace, queue)
        parameters = unpack_parameters(packed)
        numbers = [int(count or 0) for count in counts]
        return Upkeep(
            parameters=parameters,
            counts=dict(zip(STATUSES, numbers, strict=True)),
            indexed=(made_with or b"") == due_fingerprint(parameters),
            last_accessed_ms=int(float(recent[1])) if recent else 0,
        )

    async def due(self, namespace: str, until_ms: int, *, limit: int = PAGE) -> list[str]:
        """Memories that may have faded by then, the earliest first."""
        _, (ids,) = await self._read(
            namespace,
            lambda layout: [
                ["ZRANGEBYSCORE", layout.due(namespace), "-inf", until_ms, "LIMIT", 0, limit]
            ],
        )
        return [each.decode() for each in ids]

    async def page(self, namespace: str, ids: list[str]) -> Page:
        """Memories as they are, at one instant."""

        def queue(layout: Layout) -> Commands:
            return [
                ["MGET", *(layout.record(namespace, each) for each in ids)],
                ["ZMSCORE", CHANGED.key(layout, namespace), *ids],
            ]

        _, (records, changed) = await self._read(namespace, queue, atomic=True)
        rows = [
            None if record is None or offset is None else (record, int(float(offset)))
            for record, offset in zip(records, changed, strict=True)
        ]
        return Page.of(ids, rows)

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        """The concepts, of these, that exist; True where only runs have added it."""
        if not names:
            return {}

        def queue(layout: Layout) -> Commands:
            elements = [pack_element(name) for name in names]
            return [
                ["HMGET", CONCEPTS.key(layout, namespace), *names],
                ["HMGET", MADE.key(layout, namespace), *elements],
            ]

        _, (found, made) = await self._read(namespace, queue, atomic=True)
        return {
            name: runs is not None
            for name, value, runs in zip(names, found, made, strict=True)
            if value is not None
        }

    async def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        """All memories of a namespace, or those that changed last, in the order of that."""
        first = 0 if newest is None else -newest
        _, (ids,) = await self._read(
            namespace, lambda layout: [["ZRANGE", CHANGED.key(layout, namespace), first, -1]]
        )
        names = [each.decode() for each in ids]
        for start in range(0, len(names), PAGE):
            yield await self.page(namespace, names[start : start + PAGE])

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        """Note when to look again at memories that have not changed since they were read."""
        words: list[Word] = []
        for i, memory_id in enumerate(page.memories.ids):
            score = float(next_ms[i])
            words += [memory_id, page.changed_at[i], "" if np.isnan(score) else repr(score)]
        for memory_id in page.missing:
            words += [memory_id, 0, ""]
        layout = self._layout(namespace)
        try:
            await self._settle(
                keys=[layout.due(namespace), CHANGED.key(layout, namespace)], args=words
            )
        except REDIS_ERRORS as error:
            raise Unavailable(f"Redis does not answer ({type(error).__name__})") from error

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        """Make all memories due: entries were made with other parameters."""
        layout = self._layout(namespace)
        due, cursor = layout.due(namespace), b"0"
        while True:
            ((cursor, found),) = await self._write(
                [["ZSCAN", CHANGED.key(layout, namespace), cursor, "COUNT", PAGE]]
            )
            commands: Commands = [["ZADD", due, "LT", 0, each] for each in found[::2]]
            await self._write(commands)
            if int(cursor) == 0:
                break
        made_with = due_fingerprint(parameters)
        await self._write([["SET", layout.due_parameters(namespace), made_with]])

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        """The fold's record of a run."""
        return (await read_run(self._build, namespace, run_id))[1]

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[Document | None]:
        """See `ReadSide`."""
        return await read_documents(self._build, namespace, list(zip(ids, statuses, strict=True)))

    async def _read(
        self, namespace: str, queue: Any, *, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        return await self._build.read(self._build.partition(namespace), queue, atomic=atomic)

    async def _write(self, commands: Commands) -> list[Any]:
        try:
            replies = await execute(self._redis, commands) if commands else []
        except REDIS_ERRORS as error:
            raise Unavailable(f"Redis does not answer ({type(error).__name__})") from error
        for reply in replies:
            if isinstance(reply, Exception):
                raise Unavailable(f"Redis refused a write: {reply}")
        return replies

    def _layout(self, namespace: str) -> Layout:
        partition = self._build.partition(namespace)
        return Layout(self._prefix, self._build.version(partition), partition)
