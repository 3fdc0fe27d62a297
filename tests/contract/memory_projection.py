"""The projection port in memory, for tests that need no Redis. It passes the port's contract."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace

from services.common.read_model import Status
from services.retrieval.digest import digest_of_view
from services.retrieval.domain import Memory, Ref, View
from services.retrieval.ports import Outcome


@dataclass
class Build:
    """What one partition holds in one version."""

    cursor: int = 0
    memories: dict[Ref, Memory] = field(default_factory=dict)
    counts: dict[str, Counter[Status]] = field(default_factory=dict)
    seen: dict[bytes, int] = field(default_factory=dict)


class MemoryProjection:
    """`Projection` on dicts."""

    def __init__(self) -> None:
        self._builds: dict[tuple[int, int], Build] = {}
        self._live: dict[int, int] = {}
        self._holds: dict[int, int] = {}

    async def live_version(self, partition: int) -> int:
        return self._live.setdefault(partition, max(self._live.values(), default=1))

    async def cursor(self, partition: int, version: int) -> int:
        return self._build(partition, version).cursor

    async def load(
        self, partition: int, version: int, refs: Iterable[Ref], event_ids: list[bytes]
    ) -> tuple[int, View]:
        await asyncio.sleep(0)  # others get their turn, as they do while Redis answers
        build = self._build(partition, version)
        wanted = set(refs)
        view = View(
            memories={
                ref: _as_loaded(memory) for ref, memory in build.memories.items() if ref in wanted
            },
            counts={namespace: Counter(build.counts.get(namespace, {})) for namespace, _ in wanted},
            seen={each: build.seen[each] for each in event_ids if each in build.seen},
        )
        return build.cursor, view

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        await asyncio.sleep(0)
        build = self._build(partition, version)
        live = self._live.get(partition, 0)
        hold = self._holds.get(partition)
        if version != live:
            return Outcome("version", live)
        if hold is not None and next_cursor > hold:
            return Outcome("hold", hold)
        if build.cursor != cursor:
            return Outcome("cursor", build.cursor)
        for ref in view.touched:
            build.memories[ref] = _merged(build.memories.get(ref), view.memories[ref])
            build.counts[ref[0]] = Counter(view.counts[ref[0]])
        build.seen |= view.seen_now
        build.cursor = next_cursor
        return Outcome("applied", next_cursor)

    async def digest(self, partition: int, version: int) -> str:
        build = self._build(partition, version)
        return digest_of_view(View(memories=build.memories, counts=build.counts))

    async def hold(self, partition: int, offset: int | None) -> None:
        self._holds.pop(partition, None)
        if offset is not None:
            self._holds[partition] = offset

    async def switch(self, partition: int, version: int) -> None:
        self._live[partition] = version

    async def lose_everything(self) -> None:
        self._builds.clear()
        self._live.clear()
        self._holds.clear()

    def _build(self, partition: int, version: int) -> Build:
        return self._builds.setdefault((partition, version), Build())


def _as_loaded(memory: Memory) -> Memory:
    """What the fold gets to see: neither document nor contexts."""
    return replace(
        deepcopy(memory), document=None, document_status=memory.state.status, contexts={}
    )


def _merged(before: Memory | None, after: Memory) -> Memory:
    kept = {} if before is None else before.contexts
    contexts = {
        name: text
        for name, text in (kept | after.contexts).items()
        if name not in after.contexts_dropped
    }
    document = after.document if before is None else before.document
    return replace(deepcopy(after), document=document, contexts=contexts, contexts_dropped=set())
