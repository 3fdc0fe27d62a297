"""The contract of maintenance's read side, whatever it reads."""

from typing import Any, Protocol

import numpy as np
import pytest

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.maintenance.ports import ReadSide
from services.readside.layout import hash64
from services.readside.parameters import InForce
from tests.builders import (
    TIME_MS,
    concept_event,
    decayed_event,
    forgotten_event,
    memory_id,
    parameters_event,
    progressed_event,
)
from tests.contract.readers_contract import NAMESPACE, around, id_of, ids, stored, used

NEVER = 10**17
LATER = 10.0**15


class MaintenanceSide(Protocol):
    """The read side of one partition, and the fold that it sees."""

    reads: ReadSide

    async def take(self, *events: MemoryEvent) -> None:
        """Fold events."""
        ...


class ReadSideContract:
    """The contract of `ReadSide`. Subclasses give only the `side` fixture."""

    async def test_namespaces_of_a_partition_are_those_that_the_log_has(
        self, side: MaintenanceSide
    ) -> None:
        others = {"namespace": "acme/two"}
        await side.take(
            stored("a"), concept_event(envelope=around(0) | others), used("a", 1, "recall")
        )

        assert await side.reads.namespaces(0) == sorted([NAMESPACE, "acme/two"])

    async def test_upkeep_of_a_namespace_without_memories_is_that_of_none(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(stored("a"))

        upkeep = await side.reads.upkeep("acme/none")

        assert upkeep.parameters == InForce()
        assert upkeep.counts == {"active": 0, "decayed": 0, "deleted": 0}
        assert (upkeep.indexed, upkeep.last_accessed_ms) == (True, 0)

    async def test_upkeep_tells_parameters_counts_and_the_last_use(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(*(stored(name, i) for i, name in enumerate("abcd")))
        await side.take(
            used("a", 9),
            decayed_event(memory_id("b"), envelope=around(10)),
            forgotten_event(memory_id("c"), envelope=around(11)),
            parameters_event(capacity=3, envelope=around(12)),
        )

        upkeep = await side.reads.upkeep(NAMESPACE)

        assert upkeep.parameters.capacity == 3
        assert upkeep.counts == {"active": 2, "decayed": 1, "deleted": 1}
        assert (upkeep.indexed, upkeep.last_accessed_ms) == (True, TIME_MS + 9_000)

    async def test_due_are_active_memories_that_may_have_faded_the_earliest_first(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(
            stored("a", 2),
            stored("b", 1),
            stored("c", 0, pinned=True),
            stored("d", 0),
            decayed_event(memory_id("d"), envelope=around(3)),
        )

        assert await side.reads.due(NAMESPACE, NEVER) == ids("ba")
        assert await side.reads.due(NAMESPACE, NEVER, limit=1) == ids("b")
        assert await side.reads.due(NAMESPACE, TIME_MS) == []

    async def test_page_is_memories_as_they_are_in_the_order_asked_for(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(stored("a", content="tea"), stored("b"), used("a", 1))
        await side.take(forgotten_event(memory_id("b"), envelope=around(2)))

        page = await side.reads.page(NAMESPACE, ids("bxa"))

        assert page.memories.ids == ids("ba")
        assert page.memories.states["status"].tolist() == [2, 0]
        assert page.memories.states["access_count"].tolist() == [1, 2]
        assert page.changed_at == [3, 2]
        assert page.missing == ids("x")
        assert np.linalg.norm(page.vectors, axis=1) == pytest.approx([1, 1], abs=1e-3)
        assert page.terms[1].tolist() == [int.from_bytes(hash64("tea"), "little")]

    async def test_page_of_nothing_is_empty(self, side: MaintenanceSide) -> None:
        await side.take(stored("a"))

        page = await side.reads.page(NAMESPACE, ids("xy"))

        assert (len(page.memories), page.changed_at, page.terms) == (0, [], [])
        assert page.missing == ids("xy")

    async def test_pages_are_all_memories_or_the_newest_in_the_order_of_their_last_change(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(*(stored(name) for name in "abc"), used("a", 1))
        await side.take(forgotten_event(memory_id("b"), envelope=around(2)))

        everything = [page.memories.ids async for page in side.reads.pages(NAMESPACE)]
        newest = [page.memories.ids async for page in side.reads.pages(NAMESPACE, newest=2)]
        nothing = [page async for page in side.reads.pages("acme/none")]

        assert everything == [ids("cab")]
        assert newest == [ids("ab")]
        assert nothing == []

    async def test_settled_are_looked_at_later_but_never_earlier(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(stored("a"), stored("b"), stored("c"))
        page = await side.reads.page(NAMESPACE, ids("abc"))

        await side.reads.settle(NAMESPACE, page, np.array([LATER, LATER / 2, np.nan]))
        settled = await side.reads.due(NAMESPACE, NEVER)
        await side.reads.settle(NAMESPACE, page, np.array([1.0, 1.0, 1.0]))

        assert settled == ids("ba")
        assert await side.reads.due(NAMESPACE, NEVER) == ids("ba")
        assert await side.reads.due(NAMESPACE, int(LATER / 2)) == ids("b")

    async def test_memory_that_changed_since_it_was_read_stays_due(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(stored("a"), stored("b"))
        page = await side.reads.page(NAMESPACE, ids("abx"))
        await side.take(used("b", 1))

        await side.reads.settle(NAMESPACE, page, np.array([np.nan, np.nan]))

        assert await side.reads.due(NAMESPACE, NEVER) == ids("b")

    async def test_other_parameters_make_all_memories_due_once_they_are_looked_at(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(*(stored(name) for name in "ab"))
        await side.take(decayed_event(memory_id("b"), envelope=around(1)))
        await side.take(parameters_event(horizon_seconds=3_600.0, envelope=around(2)))
        before = await side.reads.upkeep(NAMESPACE)

        await side.reads.look_at_all(NAMESPACE, before.parameters)

        assert not before.indexed
        assert (await side.reads.upkeep(NAMESPACE)).indexed
        assert sorted(await side.reads.due(NAMESPACE, 0)) == sorted(ids("ab"))

    async def test_concepts_that_exist_are_told_from_those_that_only_runs_have_added(
        self, side: MaintenanceSide
    ) -> None:
        await side.take(
            concept_event("tea", envelope=around(0)),
            concept_event("cup", run_id=derive("run"), envelope=around(1)),
        )

        found = await side.reads.concepts(NAMESPACE, ["tea", "cup", "jam"])

        assert found == {"tea": False, "cup": True}
        assert await side.reads.concepts(NAMESPACE, []) == {}

    async def test_run_is_what_the_fold_knows_of_it(self, side: MaintenanceSide) -> None:
        run = derive("run")
        await side.take(stored("a"), progressed_event(run, envelope=around(1), done=2, total=3))

        known = await side.reads.run(NAMESPACE, run)

        assert known is not None
        assert (known.done, known.total, known.offset) == (2, 3, 1)
        assert await side.reads.run(NAMESPACE, derive("another")) is None

    async def test_documents_lie_under_the_status_that_a_memory_has(
        self, side: MaintenanceSide
    ) -> None:
        told: dict[str, Any] = {"speaker": "Ann", "session": "s", "metadata": {"n": 1}}
        await side.take(
            stored("a", content="Tea.", memory_type="semantic", **told),
            stored("b", content="Milk."),
        )
        await side.take(decayed_event(memory_id("b"), envelope=around(1)))

        first, second, third, unknown = await side.reads.documents(
            NAMESPACE,
            [id_of("a"), id_of("b"), id_of("b"), id_of("x")],
            ["active", "active", "decayed", "active"],
        )

        assert first is not None
        assert (first.content, first.memory_type, first.speaker) == ("Tea.", "semantic", "Ann")
        assert (first.session, first.metadata) == ("s", {"n": 1})
        assert third is not None
        assert third.content == "Milk."
        assert (second, unknown) == (None, None)
