"""A namespace whose log, read side and clock are in this process, so that a year takes minutes.

Everything that decides is the services' own code: ingest's events, the fold, the jobs. Only Kafka
and Redis are not there: the log is a list, the read side is the fold itself.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.inbox import InboxCommand, InboxMessage, Store
from schemas.jobs import parameters_of
from schemas.maintenance import Job
from schemas.replies import RunResult
from services.common.embedding.embedder import Embedder
from services.ingest.domain import (
    Received,
    WorkedOut,
    cause_of,
    embedding_of,
    event_of,
    indexed_text,
)
from services.maintenance.adapters.kafka_log import effects_in
from services.maintenance.adapters.redis_side import Page, Upkeep
from services.maintenance.decisions import RunContext
from services.maintenance.phrasing import Wording
from services.maintenance.runner import Runner
from services.projection.fold.fold import fold
from services.projection.fold.view import Memory, View
from services.readside.collections import CONCEPTS, COUNTS, MADE, RUNS, TERMS
from services.readside.columns import Memories
from services.readside.due_index import due_ms
from services.readside.layout import INDEXED, TERM, Status, hash64, pack_element, pack_record
from services.readside.parameters import InForce
from services.readside.runs import Run
from services.retrieval.search.candidates import Candidates, Sources, Statistics
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.plan import SearchPlan

PAGE = 500


@dataclass
class World:
    """One namespace. `now_ms` is the time; whoever moves it makes time pass."""

    embedder: Embedder
    now_ms: int
    namespace: str = "year"
    wording: Wording | None = None
    view: View = field(default_factory=View)
    events: list[MemoryEvent] = field(default_factory=list)
    last_used_ms: int = 0
    # A consolidation of the service looks at 20,000; a year has a thousand consolidations.
    looked_at_max: int = 1_500
    _due: dict[str, float] = field(default_factory=dict)

    def memories(self) -> dict[str, Memory]:
        """All memories by id."""
        return {str(ref[1]): memory for ref, memory in self.view.memories.items()}

    @property
    def next_due_ms(self) -> float:
        """The moment when decay next has something to look at."""
        return min(self._due.values(), default=float("inf"))

    def changed_since_consolidation(self) -> bool:
        """True where the clock would run a consolidation."""
        parameters = self.view.namespace(self.namespace).parameters
        assert isinstance(parameters, InForce)
        last_ms = max((began for began, _, _ in parameters.downscalings), default=0)
        return self.last_used_ms > last_ms

    def take(self, event: MemoryEvent) -> str:
        """Append an event and fold it; its position."""
        offset = len(self.events)
        self.events.append(event)
        fold(self.view, event, offset)
        touched = self.view.touch(self.namespace)
        for memory_id in touched.memories:
            used_ms = self.view.memories[self.namespace, memory_id].state.last_accessed_ms
            self.last_used_ms = max(self.last_used_ms, used_ms)
        parameters = self.view.namespace(self.namespace).parameters
        for memory_id in touched.due:
            memory = self.view.memories[self.namespace, memory_id]
            if memory.state.status == "active" and not memory.state.pinned:
                bound = due_ms(memory.state, memory.parts.traces, parameters)
                self._due[str(memory_id)] = min(self._due.get(str(memory_id), bound), bound)
        for memory_id in touched.memories:
            memory = self.view.memories[self.namespace, memory_id]
            if memory.state.status != "active":
                self._due.pop(str(memory_id), None)
        touched.due.clear()
        touched.memories.clear()
        return f"0:{offset}"

    async def tell(self, command: InboxMessage) -> tuple[UUID, str]:
        """Do as ingest does with a command; returns its event's cause and position."""
        received = Received("inbox", 0, len(self.events), self.now_ms)
        time_ms = command.occurred_at if command.occurred_at is not None else self.now_ms
        worked_out = None
        if isinstance(command, Store):
            vectors = await self.embedder.embed([indexed_text(command, time_ms)])
            worked_out = WorkedOut(
                embedding_of(vectors[0], self.embedder.model, self.embedder.digest)
            )
        event = event_of(command, received, time_ms, worked_out)
        return cause_of(command, received), self.take(event)

    async def run(self, job: Job, **parameters: Any) -> RunResult:
        """Run a job now."""
        context = RunContext(
            run_id=derive("run", job, self.namespace, self.now_ms, len(self.events)),
            namespace=self.namespace,
            job=job,
            now_ms=self.now_ms,
            commanded_ms=self.now_ms,
        )
        return await self.execute(context, parameters_of(job, parameters))

    async def execute(self, context: RunContext, parameters: Any) -> RunResult:
        """Do a run, or do it again."""
        runner = Runner(
            side=WorldSide(self),
            log=WorldLog(self),
            embedder=self.embedder,
            wording=lambda: self.wording,
            clock=lambda: 0.0,
        )
        result, _ = await runner.execute(runner.work_of(context), parameters)
        return result


@dataclass(frozen=True)
class WorldSide:
    """`ReadSide` of maintenance over the fold."""

    world: World

    async def upkeep(self, namespace: str) -> Upkeep:
        held = self.world.view.namespace(namespace)
        parameters = held.parameters
        assert isinstance(parameters, InForce)
        statuses: tuple[Status, ...] = ("active", "decayed", "deleted")
        return Upkeep(
            parameters=parameters,
            counts={status: held[COUNTS].get(status, 0) for status in statuses},
            indexed=True,
            last_accessed_ms=self.world.last_used_ms,
        )

    async def due(self, namespace: str, until_ms: int, *, limit: int = PAGE) -> list[str]:
        due = self.world._due
        found = sorted((score, name) for name, score in due.items() if score <= until_ms)
        return [name for _, name in found[:limit]]

    async def page(self, namespace: str, ids: list[str]) -> Page:
        memories = self.world.view.memories
        held = [(each, memories.get((namespace, UUID(each)))) for each in ids]
        there = [(each, memory) for each, memory in held if memory is not None]
        records = [pack_record(memory.state, memory.parts) for _, memory in there]
        vectors = np.array(
            [np.frombuffer(memory.parts.vector, "<f2") for _, memory in there], np.float32
        )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) if there else np.ones((0, 1))
        return Page(
            memories=Memories.of([each for each, _ in there], records),
            changed_at=[memory.changed_at for _, memory in there],
            vectors=vectors / np.maximum(lengths, 1e-9) if there else vectors,
            terms=[np.frombuffer(memory.parts.terms, TERM)["term"] for _, memory in there],
            missing=[each for each, memory in held if memory is None],
        )

    async def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        ordered = sorted(
            (m.changed_at, name)
            for name, m in self.world.memories().items()
            if newest is None or m.state.status != "deleted"
        )
        newest = newest and min(newest, self.world.looked_at_max)
        names = [name for _, name in ordered][-newest if newest else None :]
        for start in range(0, len(names), PAGE):
            yield await self.page(namespace, names[start : start + PAGE])

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        for name, score in zip(page.memories.ids, next_ms.tolist(), strict=True):
            if np.isnan(score):
                self.world._due.pop(name, None)
            elif name in self.world._due:
                self.world._due[name] = max(self.world._due[name], score)

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        self.world._due.update(dict.fromkeys(self.world.memories(), 0.0))

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        held = self.world.view.namespace(namespace)
        return {name: pack_element(name) in held[MADE] for name in names if name in held[CONCEPTS]}

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        return self.world.view.namespace(namespace)[RUNS].get(run_id)

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[dict[str, Any]]:
        memories = self.world.view.memories
        return [_document(memories[namespace, UUID(each)]) for each in ids]


@dataclass(frozen=True)
class WorldLog:
    """`Log` of maintenance over the list."""

    world: World

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        return [self.world.take(event) for event in events]

    async def folded(self, position: str) -> None:
        return  # what is appended is folded

    async def ask(self, command: InboxCommand) -> tuple[dict[str, Any], str | None]:
        subject, position = await self.world.tell(command)  # type: ignore[arg-type] # each is one
        return {"memory_id": str(subject)}, position

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        return effects_in(self.world.events, run_id)


def _document(memory: Memory) -> dict[str, Any]:
    document = memory.document or {}
    return {
        "content": document["content"].decode(),
        "memory_type": document["type"].decode(),
        **orjson.loads(document["more"]),
    }


def columns_of(world: World) -> ColumnCache:
    """All memories as a search caches them."""
    columns = ColumnCache(world.embedder.dimension)
    records = {name: pack_record(m.state, m.parts) for name, m in world.memories().items()}
    columns.put(records, at=len(world.events), fresh=True)
    return columns


def candidates_of(world: World, columns: ColumnCache, plan: SearchPlan) -> Candidates:
    """All of them, for one search."""
    known = world.view.namespace(world.namespace)
    frequencies = [known[TERMS].get(hash64(term), 0) for term in plan.terms]
    statistics = Statistics(
        memories=sum(known[COUNTS].get(status, 0) for status in INDEXED),
        length=known[COUNTS].get("length", 0),
        frequencies=np.array(frequencies, np.float64),
    )
    return Candidates(columns, np.arange(len(columns)), statistics, Sources(), known.parameters)
