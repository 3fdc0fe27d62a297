"""Decay costs what is due, however much there is: counted, not timed."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from schemas.events import MemoryEvent
from schemas.inbox import InboxMessage
from schemas.jobs import parameters_of
from services.maintenance.events import RunContext
from services.maintenance.ports import Page, Upkeep
from services.maintenance.runner import Runner
from services.readside.columns import Memories
from services.readside.documents import Document
from services.readside.layout import Status, pack_record
from services.readside.parameters import InForce
from services.readside.runs import Run
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import FoldedLog, World
from tests.unit.services.maintenance.living import DAY_MS, START_MS, store, world

DUE = 1_000
NOW_MS = START_MS + 8 * DAY_MS


@dataclass
class Large:
    """`ReadSide` of a namespace with very many memories, of which `left` are due.

    All are one memory under many names, so that their number costs nothing here. What a run reads
    or writes of them is counted.
    """

    world: World
    total: int
    record: bytes
    left: list[str]
    read: int = 0
    settled: int = 0

    async def upkeep(self, namespace: str) -> Upkeep:
        counts: dict[Status, int] = {"active": self.total, "decayed": 0, "deleted": 0}
        return Upkeep(InForce(), counts, indexed=True, last_accessed_ms=0)

    async def due(self, namespace: str, until_ms: int, *, limit: int = 500) -> list[str]:
        assert until_ms == NOW_MS
        return self.left[:limit]

    async def page(self, namespace: str, ids: list[str]) -> Page:
        self.read += len(ids)
        memories = Memories.of(ids, [self.record] * len(ids))
        return Page(memories, [0] * len(ids), np.zeros((len(ids), 1)), [np.zeros(0)] * len(ids))

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        self.settled += len(page.memories)
        gone = set(page.memories.ids)
        self.left = [each for each in self.left if each not in gone]

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        return await FoldedReadSide(self.world).run(namespace, run_id)

    def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        raise AssertionError("decay must not look at all memories")

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        raise AssertionError("the due index is there")

    async def namespaces(self, partition: int) -> list[str]:
        raise AssertionError("decay needs one namespace")

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        raise AssertionError("decay needs no concepts")

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[Document | None]:
        raise AssertionError("decay needs no texts")


@dataclass
class Counting:
    """`Log` that counts what is appended; the world gets to know of the run itself only."""

    world: World
    appended: Counter[str] = field(default_factory=Counter)

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        self.appended.update(event.type for event in events)
        own = [event for event in events if event.type.startswith("maintenance.")]
        await FoldedLog(self.world).append(own)
        return ["0:0"] * len(events)

    async def folded(self, position: str) -> None:
        return

    async def ask(self, command: InboxMessage) -> tuple[dict[str, Any], str | None]:
        raise AssertionError("decay stores nothing")

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        raise AssertionError("decay undoes nothing")


async def large(total: int) -> tuple[Large, Counting]:
    """So many memories, and the log."""
    own = world()
    memory = await store(own, "The harbour was closed.")
    held = own.view.memories[own.namespace, memory]
    names = [str(UUID(int=number)) for number in range(DUE)]
    own.now_ms = NOW_MS
    return Large(own, total, pack_record(held.state, held.parts), names), Counting(own)


@pytest.mark.parametrize("total", [DUE, 1_000_000])
async def test_a_thousand_due_cost_a_thousand_reads_and_writes_among_a_million(total: int) -> None:
    side, log = await large(total)
    runner = Runner(side=side, log=log, embedder=side.world.embedder)
    context = RunContext(
        run_id=UUID(int=1),
        namespace=side.world.namespace,
        job="decay",
        now_ms=NOW_MS,
        commanded_ms=NOW_MS,
    )

    result, _ = await runner.execute(runner.work_of(context), parameters_of("decay", {}))

    assert result.report["memories_processed"] == total
    assert result.report["memories_examined"] == side.read == side.settled == DUE
    assert log.appended["memory.decayed.v1"] == DUE
    # Beside them the beginning, the end, and how far it was, each 500.
    assert log.appended.total() <= DUE + 2 + DUE // 500
