"""The live build of a fold, without Redis: its reads take a while, and writes come in between."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

from schemas.events import MemoryEvent
from services.common.redis import RedisClient
from services.projection.fold.fold import fold
from services.projection.fold.view import View
from services.readside.layout import STATUSES, Layout
from services.readside.live_build import Commands, LiveBuild, Queue
from services.readside.parameters import pack_parameters
from tests.unit.services.projection.folds import record_of
from tests.unit.services.retrieval.asking import NAMESPACE, of_namespace

PREFIX = "hm:"


class FoldedBuild(LiveBuild):
    """`LiveBuild` on one namespace of a fold.

    Every read waits some turns before it sees the fold, and some until its reply is there.
    """

    def __init__(self, turns: Iterator[int]) -> None:
        super().__init__(cast("RedisClient", None), PREFIX, partitions=1)
        self.view = View()
        self.folded = 0
        self.records_read: list[str] = []
        self.searches = 0
        self._turns = turns

    def take(self, event: MemoryEvent) -> None:
        """Fold one event."""
        fold(self.view, event, self.folded)
        self.folded += 1

    async def turns(self) -> None:
        """Let others go on."""
        for _ in range(next(self._turns)):
            await asyncio.sleep(0)

    async def read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        commands: Commands = queue(Layout(PREFIX, 1, partition))
        await self.turns()
        seen = self.folded, [self._reply(command) for command in commands]
        await self.turns()
        return seen

    async def records(
        self, namespace: str, ids: list[str], cursor: int
    ) -> tuple[int, list[bytes | None]]:
        self.records_read += ids
        await self.turns()
        held = {str(ref[1]): record_of(m) for ref, m in of_namespace(self.view).items()}
        seen = self.folded, [held.get(name) for name in ids]
        await self.turns()
        return seen

    def _reply(self, command: list[Any]) -> Any:
        layout = Layout(PREFIX, 1, 0)
        memories = {str(ref[1]): memory for ref, memory in of_namespace(self.view).items()}
        known = self.view.namespace(NAMESPACE)
        match command:
            case ["ZRANGEBYSCORE", key, since, "+inf", "LIMIT", 0, limit]:
                assert key == layout.changed(NAMESPACE)
                changed = sorted((m.changed_at, name) for name, m in memories.items())
                return [name.encode() for at, name in changed if at >= since][:limit]
            case ["MGET", cursor, *keys]:
                assert cursor == layout.cursor
                held = {
                    layout.record(NAMESPACE, name): record_of(m) for name, m in memories.items()
                }
                return [b"%d" % self.folded, *[held.get(key) for key in keys]]
            case ["ZREVRANGE", key, 0, last] if key == layout.recent(NAMESPACE):
                times = sorted((m.state.last_accessed_ms, name) for name, m in memories.items())
                return [name.encode() for _, name in reversed(times)][: last + 1]
            case ["ZREVRANGE", *_] | ["HGETALL", *_]:
                return []
            case ["GET", key]:
                assert key == layout.parameters(NAMESPACE)
                return pack_parameters(known.parameters)
            case ["HMGET", key, *fields] if key == layout.counts(NAMESPACE):
                counts = {status: known.statuses[status] for status in STATUSES}
                return [b"%d" % (counts | {"length": known.length})[field] for field in fields]
            case ["HMGET", key, *fields] if key == layout.document_frequencies(NAMESPACE):
                return [b"%d" % known.document_frequencies.get(field, 0) for field in fields]
            case ["HMGET", key, *fields] if key == layout.links(NAMESPACE):
                return [b"%d" % known.links.get(field, 0) for field in fields]
            case ["FT.SEARCH", *_]:
                self.searches += 1
                active = [name for name, m in memories.items() if m.state.status == "active"]
                keys = [layout.document("active", NAMESPACE, name).encode() for name in active]
                return [len(keys), *keys]
            case _:
                raise AssertionError(f"no reply to {command}")
