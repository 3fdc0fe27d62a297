"""What every reader must see of a namespace that was deleted, and begun anew."""

from services.retrieval.ports import Known
from tests.builders import concept_event, memory_id, namespace_deleted_event
from tests.contract.readers_contract import (
    BOUNDS,
    NAMESPACE,
    ReadSide,
    around,
    ids,
    planned,
    stored,
)


class DeletedReadsContract:
    """Subclasses give only the `side` fixture."""

    async def test_search_sees_only_what_came_after_the_deletion(self, side: ReadSide) -> None:
        await side.take(stored("a", concepts=["tea"]), concept_event("tea", envelope=around(0)))
        before = await side.search.first(planned(), Known(None, [], 10), BOUNDS)

        await side.take(namespace_deleted_event(envelope=around(1)), stored("b"))
        after = await side.search.first(planned(), Known(None, [], 10), BOUNDS)

        assert (before.cleared, before.changed, before.nearest) == (-1, ids("a"), ids("a"))
        assert (after.cleared, after.changed, after.nearest) == (2, ids("b"), ids("b"))
        assert (after.memories, after.recent) == (1, ids("b"))

    async def test_memory_of_before_is_not_there(self, side: ReadSide) -> None:
        await side.take(stored("a"), namespace_deleted_event(envelope=around(1)))

        assert await side.memories.entry(NAMESPACE, memory_id("a")) == ("0:1", None)

    async def test_graph_of_before_is_no_start_for_what_is_there(self, side: ReadSide) -> None:
        await side.take(concept_event("tea", envelope=around(0)))
        before = await side.graph.changes(NAMESPACE, 0, None, most=9)

        await side.take(
            namespace_deleted_event(envelope=around(1)), concept_event("cup", envelope=around(2))
        )
        after = await side.graph.changes(NAMESPACE, 0, before.mark, most=9)
        anew = await side.graph.changes(NAMESPACE, 0, after.mark, most=9)

        assert (after.known, after.concepts, after.total) == (False, ["cup"], 1)
        assert anew.known
