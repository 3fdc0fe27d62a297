"""The graphs of the namespaces asked about lately, each brought up to date before it is used."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from schemas.errors import Unavailable
from services.readside.layout import SEEN_EVENTS_MAX
from services.retrieval.adapters.graph_reader import GraphMoved, GraphReader
from services.retrieval.adapters.graph_snapshots import GraphSnapshots
from services.retrieval.graph.cached_graph import HeldGraph

# Concepts and relations together, some 600 bytes each.
ELEMENTS_MAX = 500_000
GRAPHS_MAX = 1_000
# What a restart may have to read from Redis again.
SAVE_SECONDS = 30.0
ATTEMPTS_MAX = 3


class GraphCache:
    """Copies of Redis's graphs. Only what has changed since the last look is read."""

    def __init__(
        self,
        reader: GraphReader,
        snapshots: GraphSnapshots,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._snapshots = snapshots
        self._clock = clock
        self._held: OrderedDict[str, HeldGraph] = OrderedDict()
        self._saves: dict[str, asyncio.Task[None]] = {}
        self._saved_at: dict[str, float] = {}

    async def current(self, namespace: str) -> tuple[str | None, HeldGraph]:
        """The graph as it is now, drawn, and the position that is good for.

        Raises:
            Unavailable: the read side cannot answer.
        """
        for _ in range(ATTEMPTS_MAX):
            held = await self._of(namespace)
            async with held.lock:
                if self._held.get(namespace) is not held:
                    continue
                if await self._caught_up(namespace, held):
                    if not held.drawn:
                        await asyncio.to_thread(held.drawing)
                    self._trim()
                    self._save_soon(namespace, held)
                    return self._reader.position(namespace, held.cursor), held
                # Something was removed, Redis fell back, another build is live, or it is another
                # log altogether. A change of the code may make another graph of the same events,
                # hence the build.
                self._held[namespace] = HeldGraph()
        raise Unavailable("the graph could not be read in one piece; ask again")

    async def close(self) -> None:
        """Save what has changed since it was last saved."""
        if self._saves:
            await asyncio.wait(self._saves.values())
        for namespace, held in self._held.items():
            if _worth_saving(held):
                await self._save(namespace, held)

    async def _of(self, namespace: str) -> HeldGraph:
        if namespace not in self._held:
            loaded = await asyncio.to_thread(self._snapshots.load, namespace)
            self._held.setdefault(namespace, loaded)
        self._held.move_to_end(namespace)
        return self._held[namespace]

    async def _caught_up(self, namespace: str, held: HeldGraph) -> bool:
        """False if what is held is not the graph of this read side."""
        try:
            return await self._catch_up(namespace, held)
        except GraphMoved:
            return False

    async def _catch_up(self, namespace: str, held: HeldGraph) -> bool:
        """See `_caught_up`.

        Raises:
            GraphMoved: it changed under our hands.
        """
        since: int | None = held.cursor
        while since is not None:
            changes = await self._reader.changes(namespace, since, held.mark)
            if held.version not in (None, changes.version) or not changes.known:
                return False
            held.version = changes.version
            if changes.concepts or changes.relations:
                held.put(*await self._reader.values(namespace, changes))
                held.changed = changes.cursor
            since = changes.more
        if len(held) != changes.total:
            return False
        held.cursor, held.mark = changes.cursor, changes.mark
        return True

    def _trim(self) -> None:
        elements = sum(map(len, self._held.values()))
        while len(self._held) > 1 and (elements > ELEMENTS_MAX or len(self._held) > GRAPHS_MAX):
            _, dropped = self._held.popitem(last=False)
            elements -= len(dropped)

    def _save_soon(self, namespace: str, held: HeldGraph) -> None:
        if namespace in self._saves or not _worth_saving(held):
            return
        if self._clock() - self._saved_at.get(namespace, -SAVE_SECONDS) < SAVE_SECONDS:
            return
        self._saved_at[namespace] = self._clock()
        task = asyncio.create_task(self._save(namespace, held))
        self._saves[namespace] = task
        task.add_done_callback(lambda _: self._saves.pop(namespace))

    async def _save(self, namespace: str, held: HeldGraph) -> None:
        async with held.lock:
            await asyncio.to_thread(self._snapshots.save, namespace, held)


def _worth_saving(held: HeldGraph) -> bool:
    # Also a graph that rests, before its newest event is so old that Redis has forgotten it.
    aged = held.cursor - held.saved > SEEN_EVENTS_MAX // 2
    return len(held) > 0 and (held.changed > held.saved or aged)
