"""The reads of the graph in memory. It passes the port's contract."""

from collections.abc import Sequence

from services.readside.collections import CLEARED, CONCEPTS, GRAPH, NAMES, RELATIONS
from services.readside.concepts import Concept, folded
from services.readside.layout import relation_field, unpack_element
from services.retrieval.graph.cached_graph import Mark, Relation
from services.retrieval.ports import Changes, GraphMoved, Position
from tests.fakes.folded_side import PARTITION, FoldedSide


class FoldedGraphReader:
    """`GraphReader` on a fold. `values_read`: the concepts and relations that were read."""

    def __init__(self, side: FoldedSide) -> None:
        self._side = side
        self.values_read: list[str | Relation] = []

    def position(self, namespace: str, cursor: int) -> Position:
        return f"{PARTITION}:{cursor - 1}" if cursor else None

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        known = self._side.view.namespace(namespace)[NAMES]
        return [known.get(folded(each)) or each for each in said]

    async def concept(
        self, namespace: str, name: str
    ) -> tuple[int, Concept | None, dict[tuple[str, str, str], float]]:
        return await self._side.read(lambda: self._concept(namespace, name))

    async def changes(self, namespace: str, since: int, mark: Mark | None, *, most: int) -> Changes:
        return await self._side.read(lambda: self._changes(namespace, since, mark, most=most))

    async def values(
        self, namespace: str, changes: Changes
    ) -> tuple[dict[str, Concept], dict[Relation, float]]:
        self.values_read += [*changes.concepts, *changes.relations]
        return await self._side.read(lambda: self._values(namespace, changes))

    def _concept(
        self, namespace: str, name: str
    ) -> tuple[int, Concept | None, dict[tuple[str, str, str], float]]:
        known = self._side.view.namespace(namespace)
        relations = {}
        for (end, field), weight in known[RELATIONS].items():
            if end == name:
                direction, kind, other = field.decode().split("\x1f", 2)
                relations[direction, kind, other] = weight
        return self._side.cursor, known[CONCEPTS].get(name), relations

    def _changes(self, namespace: str, since: int, mark: Mark | None, *, most: int) -> Changes:
        graph, seen = self._side.view.namespace(namespace)[GRAPH], self._side.view.seen
        listed = sorted((at, element) for element, at in graph.items() if at >= since)[:most]
        full = len(listed) == most
        if full:  # one event may have moved many
            listed = sorted((at, e) for e, at in graph.items() if since <= at <= listed[-1][0])
        elements = [unpack_element(element) for _, element in listed]
        newest = max(((at, event) for event, at in seen.items()), default=None)
        cleared = self._side.view.namespace(namespace)[CLEARED].get(None, -1)
        return Changes(
            version=self._side.live,
            cursor=self._side.cursor,
            concepts=[names[0] for names in elements if len(names) == 1],
            relations=[(names[0], names[1], names[2]) for names in elements if len(names) == 3],
            total=len(graph),
            mark=None if newest is None else (newest[1].hex(), newest[0]),
            known=mark is None
            or (seen.get(bytes.fromhex(mark[0])) == mark[1] and cleared <= mark[1]),
            more=listed[-1][0] + 1 if full else None,
        )

    def _values(
        self, namespace: str, changes: Changes
    ) -> tuple[dict[str, Concept], dict[Relation, float]]:
        known = self._side.view.namespace(namespace)
        if self._side.live != changes.version:
            raise GraphMoved("another build is live")
        try:
            weights = {
                (source, kind, target): known[RELATIONS][
                    source, relation_field("out", kind, target)
                ]
                for source, kind, target in changes.relations
            }
            return {name: known[CONCEPTS][name] for name in changes.concepts}, weights
        except KeyError as gone:
            raise GraphMoved("the graph changed while it was read; ask again") from gone
