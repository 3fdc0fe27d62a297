"""The graphs of the namespaces asked about lately, each brought up to date before it is used."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from schemas.errors import Unavailable
from services.common.background import Background
from services.readside.layout import SEEN_EVENTS_MAX
from services.retrieval.graph.cached_graph import CachedGraph
from services.retrieval.ports import GraphMoved, GraphReader, GraphSnapshots, Position

ATTEMPTS_MAX = 3
SAVE_SECONDS_MAX = 10.0


@dataclass(frozen=True, kw_only=True)
class GraphBounds:
    """Limits of what is kept of graphs, and read of them at once."""

    # Concepts and relations together, some 600 bytes each.
    elements: int = 500_000
    graphs: int = 1_000
    changes_at_once: int = 5_000
    # What a restart may have to read from Redis again.
    save_seconds: float = 30.0


class GraphCache:
    """Copies of Redis's graphs. Only what has changed since the last look is read."""

    def __init__(
        self,
        reader: GraphReader,
        snapshots: GraphSnapshots,
        *,
        bounds: GraphBounds | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._snapshots = snapshots
        self._bounds = bounds or GraphBounds()
        self._clock = clock
        self._cached: OrderedDict[str, CachedGraph] = OrderedDict()
        self._background = Background()
        self._saving: set[str] = set()
        self._saved_at: dict[str, float] = {}

    async def current(self, namespace: str) -> tuple[Position, CachedGraph]:
        """The graph as it is now, drawn, and the position that is good for.

        Raises:
            Unavailable: the read side cannot answer.
        """
        for _ in range(ATTEMPTS_MAX):
            graph = await self._of(namespace)
            async with graph.lock:
                if self._cached.get(namespace) is not graph:
                    continue
                if await self._caught_up(namespace, graph):
                    if not graph.drawn:
                        await asyncio.to_thread(graph.drawing)
                    self._trim()
                    self._save_soon(namespace, graph)
                    return self._reader.position(namespace, graph.cursor), graph
                # Something was removed, Redis fell back, another build is live, or it is another
                # log altogether. A change of the code may make another graph of the same events,
                # hence the build.
                self._cached[namespace] = CachedGraph()
                await asyncio.to_thread(self._snapshots.drop, namespace)
        raise Unavailable("the graph could not be read in one piece; ask again")

    async def close(self) -> None:
        """Save what has changed since it was last saved."""
        await self._background.drain(SAVE_SECONDS_MAX)
        for namespace, graph in self._cached.items():
            if _worth_saving(graph):
                await self._save(namespace, graph)

    async def _of(self, namespace: str) -> CachedGraph:
        if namespace not in self._cached:
            loaded = await asyncio.to_thread(self._snapshots.load, namespace)
            self._cached.setdefault(namespace, loaded)
        self._cached.move_to_end(namespace)
        return self._cached[namespace]

    async def _caught_up(self, namespace: str, graph: CachedGraph) -> bool:
        """False if what is cached is not the graph of this read side."""
        try:
            return await self._catch_up(namespace, graph)
        except GraphMoved:
            return False

    async def _catch_up(self, namespace: str, graph: CachedGraph) -> bool:
        """See `_caught_up`.

        Raises:
            GraphMoved: it changed under our hands.
        """
        since: int | None = graph.cursor
        while since is not None:
            changes = await self._reader.changes(
                namespace, since, graph.mark, most=self._bounds.changes_at_once
            )
            if graph.version not in (None, changes.version) or not changes.known:
                return False
            graph.version = changes.version
            if changes.concepts or changes.relations:
                graph.put(*await self._reader.values(namespace, changes))
                graph.changed = changes.cursor
            since = changes.more
        if len(graph) != changes.total:
            return False
        graph.cursor, graph.mark = changes.cursor, changes.mark
        return True

    def _trim(self) -> None:
        elements = sum(map(len, self._cached.values()))
        while len(self._cached) > 1 and (
            elements > self._bounds.elements or len(self._cached) > self._bounds.graphs
        ):
            _, dropped = self._cached.popitem(last=False)
            elements -= len(dropped)

    def _save_soon(self, namespace: str, graph: CachedGraph) -> None:
        if namespace in self._saving or not _worth_saving(graph):
            return
        if self._clock() - self._saved_at.get(namespace, -math.inf) < self._bounds.save_seconds:
            return
        self._saved_at[namespace] = self._clock()
        self._saving.add(namespace)
        self._background.start(self._save(namespace, graph))

    async def _save(self, namespace: str, graph: CachedGraph) -> None:
        try:
            async with graph.lock:
                await asyncio.to_thread(self._snapshots.save, namespace, graph)
        finally:
            self._saving.discard(namespace)


def _worth_saving(graph: CachedGraph) -> bool:
    # Also a graph that rests, before its newest event is so old that Redis has forgotten it.
    aged = graph.cursor - graph.saved > SEEN_EVENTS_MAX // 2
    return len(graph) > 0 and (graph.changed > graph.saved or aged)
