"""Maintenance's read side in memory. It passes the port's contract."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import numpy as np

from schemas.events import MemoryEvent
from services.maintenance.ports import PAGE, Page, Upkeep
from services.readside.collections import CONCEPTS, COUNTS, MADE, RUNS
from services.readside.documents import Document
from services.readside.due_index import due_fingerprint, due_with_expiry
from services.readside.layout import STATUSES, Status, pack_element
from services.readside.parameters import InForce
from services.readside.runs import Run
from tests.fakes.folded_side import PARTITION, FoldedSide


class DueSide(FoldedSide):
    """A fold with the due index that the projection keeps beside it.

    `due`: when to look at memories, by namespace. `made_with`: fingerprints of the parameters that
    its entries allow for. `used_ms`: when something of a namespace was last used.
    """

    def __init__(self, *events: MemoryEvent, turns: Iterator[int] | None = None) -> None:
        self.due: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.made_with: defaultdict[str, bytes] = defaultdict(bytes)
        self.used_ms: Counter[str] = Counter()
        super().__init__(*events, turns=turns)

    def take(self, *events: MemoryEvent) -> None:
        """Fold more events, and note when to look at what they touch."""
        for event in events:
            super().take(event)
            if event.namespace in self.view.touched:
                self._note(event.namespace)

    def in_force(self, namespace: str) -> InForce:
        """The parameters of a namespace."""
        parameters = self.view.namespace(namespace).parameters
        assert isinstance(parameters, InForce)
        return parameters

    def _note(self, name: str) -> None:
        touched, due = self.view.touch(name), self.due[name]
        for memory_id in touched.memories:
            memory, key = self.view.memories[name, memory_id], str(memory_id)
            self.used_ms[name] = max(self.used_ms[name], memory.state.last_accessed_ms)
            if memory.state.status != "active":
                due.pop(key, None)
            elif memory_id in touched.due:
                bound = due_with_expiry(memory.state, memory.parts.traces, self.in_force(name))
                if bound is not None:
                    due[key] = min(due.get(key, bound), bound)
        touched.due.clear()
        touched.memories.clear()


class FoldedReadSide:
    """`ReadSide` on a fold. `newest_max`: of the newest memories so many are read at most."""

    def __init__(self, side: DueSide, *, newest_max: int = 1_500) -> None:
        self._side = side
        self._newest_max = newest_max

    async def namespaces(self, partition: int) -> list[str]:
        return await self._side.read(
            lambda: sorted(self._side.view.touched) if partition == PARTITION else []
        )

    async def upkeep(self, namespace: str) -> Upkeep:
        def facts() -> Upkeep:
            parameters = self._side.in_force(namespace)
            counts = self._side.view.namespace(namespace)[COUNTS]
            return Upkeep(
                parameters=parameters,
                counts={status: counts.get(status, 0) for status in STATUSES},
                indexed=self._side.made_with[namespace] == due_fingerprint(parameters),
                last_accessed_ms=self._side.used_ms[namespace],
            )

        return await self._side.read(facts)

    async def due(self, namespace: str, until_ms: int, *, limit: int = PAGE) -> list[str]:
        def earliest() -> list[str]:
            due = self._side.due[namespace].items()
            return [name for _, name in sorted((at, name) for name, at in due if at <= until_ms)]

        return (await self._side.read(earliest))[:limit]

    async def page(self, namespace: str, ids: list[str]) -> Page:
        def rows() -> list[tuple[bytes, int] | None]:
            memories = self._side.view.memories
            return [
                (record, memories[namespace, UUID(each)].changed_at)
                if (record := self._side.record(namespace, each)) is not None
                else None
                for each in ids
            ]

        return Page.of(ids, await self._side.read(rows))

    async def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        def names() -> list[str]:
            memories = self._side.memories(namespace).items()
            ordered = [name for _, name in sorted((m.changed_at, name) for name, m in memories)]
            return ordered if newest is None else ordered[-min(newest, self._newest_max) :]

        found = await self._side.read(names)
        for start in range(0, len(found), PAGE):
            yield await self.page(namespace, found[start : start + PAGE])

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        def known() -> dict[str, bool]:
            held = self._side.view.namespace(namespace)
            there = [name for name in names if name in held[CONCEPTS]]
            return {name: pack_element(name) in held[MADE] for name in there}

        return await self._side.read(known)

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        due, memories = self._side.due[namespace], self._side.memories(namespace)
        for name in page.missing:
            due.pop(name, None)
        for name, at, score in zip(page.memories.ids, page.changed_at, next_ms, strict=True):
            if name in due and memories[name].changed_at == at:
                due[name] = max(due[name], float(score))
                if np.isnan(score):
                    del due[name]

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        self._side.due[namespace] = dict.fromkeys(self._side.memories(namespace), 0.0)
        self._side.made_with[namespace] = due_fingerprint(parameters)

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        held = self._side.view.namespace(namespace)
        return await self._side.read(lambda: held[RUNS].get(run_id))

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[Document | None]:
        keys = list(zip(ids, statuses, strict=True))
        return await self._side.read(lambda: self._side.documents(namespace, keys))
