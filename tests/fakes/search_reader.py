"""The reads of a search in memory. It passes the port's contract."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from schemas.errors import Unavailable
from services.projection.fold.view import Memory
from services.readside.collections import CLEARED, COUNTS, LINKS, NAMES, RELATIONS, TERMS
from services.readside.concepts import folded
from services.readside.documents import Attributes, DocumentKey
from services.readside.layout import INDEXED, Status, hash64
from services.readside.parameters import InForce
from services.readside.terms import concepts_of, names_of
from services.retrieval.ports import FirstRead, Known, Place
from services.retrieval.search.candidates import Fan
from services.retrieval.search.column_cache import unit_vectors
from services.retrieval.search.plan import Bounds, SearchPlan
from tests.fakes.folded_side import PARTITION, FoldedSide


class FoldedSearchReader:
    """`SearchReader` on a fold. It notes which records were read, and how often the index was."""

    def __init__(self, side: FoldedSide) -> None:
        self._side = side
        self.records_read: list[str] = []
        self.searches = 0

    def place(self, namespace: str) -> Place:
        return Place(PARTITION, self._side.known_live, namespace)

    async def first(self, plan: SearchPlan, known: Known, bounds: Bounds) -> FirstRead:
        self.searches += known.nearest > 0
        return await self._side.read(lambda: self._first(plan, known, bounds))

    async def records(
        self, namespace: str, ids: list[str], cursor: int
    ) -> tuple[int, list[bytes | None]]:
        self.records_read += ids
        at, records = await self._side.read(
            lambda: (self._side.cursor, [self._side.record(namespace, name) for name in ids])
        )
        if at < cursor:
            raise Unavailable("the read side fell back while it was read; ask again")
        return at, records

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        return await self._side.read(lambda: self._side.attributes(namespace, keys))

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        known = self._side.view.namespace(namespace)[NAMES]
        return [known.get(folded(each)) or each for each in said]

    async def fans(
        self, namespace: str, concepts: Sequence[bytes], *, linked: int
    ) -> tuple[dict[bytes, Fan], list[list[str]]]:
        return await self._side.read(lambda: self._fans(namespace, concepts, linked))

    def _first(self, plan: SearchPlan, known: Known, bounds: Bounds) -> FirstRead:
        memories = self._side.memories(plan.namespace)
        namespace = self._side.view.namespace(plan.namespace)
        assert isinstance(namespace.parameters, InForce)
        changed = sorted((memory.changed_at, name) for name, memory in memories.items())
        limit = bounds.whole if known.since is None else bounds.changes
        recent = sorted((m.state.last_accessed_ms, name) for name, m in memories.items())
        used = sorted((m.state.use, name) for name, m in memories.items() if m.state.use > 1)
        return FirstRead(
            place=self.place(plan.namespace),
            cursor=self._side.cursor,
            changed=[name for at, name in changed if at >= (known.since or 0)][:limit],
            records={name: self._side.record(plan.namespace, name) for name in known.expected},
            records_at=self._side.cursor,
            recent=[name for _, name in recent[::-1]][: bounds.recent],
            frequent=[name for _, name in used[::-1]][: bounds.frequent],
            parameters=namespace.parameters,
            memories=sum(namespace[COUNTS].get(status, 0) for status in INDEXED),
            length=namespace[COUNTS].get("length", 0),
            frequencies=[namespace[TERMS].get(hash64(t), 0) for t in plan.terms],
            nearest=self._nearest(plan, known.nearest),
            matching=self._matching(plan, bounds) if known.nearest else [],
            cleared=namespace[CLEARED].get(None, -1),
        )

    def _admitted(self, plan: SearchPlan, status: Status) -> dict[str, Memory]:
        memories = self._side.memories(plan.namespace)
        keys: list[DocumentKey] = [(name, status) for name in memories]
        filters = plan.filters.until(plan.query.as_of)
        attributes = self._side.attributes(plan.namespace, keys)
        return {
            name: memory
            for (name, memory), each in zip(memories.items(), attributes, strict=True)
            if each is not None and filters.admits(each)
        }

    def _nearest(self, plan: SearchPlan, count: int) -> list[str]:
        found: list[str] = []
        for status in plan.statuses:
            admitted = self._admitted(plan, status)
            cosines = {
                name: float(unit_vectors(np.frombuffer(m.parts.vector, "<f2")[None])[0] @ plan.unit)
                for name, m in admitted.items()
                if len(m.parts.vector) == 2 * len(plan.vector)
            }
            found += sorted(cosines, key=lambda name: -cosines[name])[:count]
        return found

    def _matching(self, plan: SearchPlan, bounds: Bounds) -> list[str]:
        wanted = {hash64(term) for term in plan.terms[: bounds.terms]}
        if plan.query.parameters.lexical_weight == 0:
            return []
        found: list[str] = []
        for status in plan.statuses:
            admitted = self._admitted(plan, status).items()
            some = [name for name, m in admitted if wanted & set(names_of(m.parts.terms))]
            found += some[: bounds.matching]
        return found

    def _fans(
        self, name: str, concepts: Sequence[bytes], linked: int
    ) -> tuple[dict[bytes, Fan], list[list[str]]]:
        namespace = self._side.view.namespace(name)
        relations: dict[bytes, dict[bytes, float]] = defaultdict(dict)
        for (end, field), weight in namespace[RELATIONS].items():
            others, other = relations[hash64(end)], hash64(field.split(b"\x1f", 2)[2].decode())
            others[other] = others.get(other, 0.0) + weight
        memories = self._side.memories(name).items()
        lists = []
        for concept in concepts:
            places = [
                (memory.state.offset, memory_id)
                for memory_id, memory in memories
                if memory.state.status != "deleted"
                and concept in concepts_of(memory.parts.concepts)
            ]
            lists.append([memory_id for _, memory_id in sorted(places)[::-1]][: linked + 1])
        fans = {
            each: Fan(namespace[LINKS].get(each, 0), dict(relations[each])) for each in concepts
        }
        return fans, lists
