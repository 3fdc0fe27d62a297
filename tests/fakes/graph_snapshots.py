"""Snapshots of graphs in memory."""

from services.retrieval.graph.cached_graph import CachedGraph


class MemorySnapshots:
    """`GraphSnapshots` that end with the process."""

    def __init__(self) -> None:
        self._saved: dict[str, CachedGraph] = {}

    def load(self, namespace: str) -> CachedGraph:
        saved = self._saved.get(namespace)
        return CachedGraph() if saved is None else _copy(saved)

    def save(self, namespace: str, graph: CachedGraph) -> None:
        graph.saved = graph.cursor
        self._saved[namespace] = _copy(graph)

    def drop(self, namespace: str) -> None:
        self._saved.pop(namespace, None)


def _copy(graph: CachedGraph) -> CachedGraph:
    """Another graph of the same content; since its cursor nothing has changed."""
    at = graph.cursor
    copy = CachedGraph(version=graph.version, cursor=at, mark=graph.mark, changed=at, saved=at)
    copy.put(graph.concepts(), graph.relations())
    return copy
