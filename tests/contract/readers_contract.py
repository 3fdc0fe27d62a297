"""The contracts of retrieval's readers, whatever they read."""

from dataclasses import replace
from itertools import count
from typing import Any, Protocol

import numpy as np
import pytest

from schemas.errors import Unavailable
from schemas.events import AccessKind, MemoryEvent
from schemas.ids import derive
from schemas.queries import Search
from services.readside.layout import Status, hash64
from services.readside.parameters import InForce
from services.retrieval.ports import (
    BuildState,
    GraphMoved,
    GraphReader,
    InstallationReader,
    Known,
    MemoryReader,
    SearchReader,
)
from services.retrieval.search.plan import Bounds, SearchPlan, plan_of
from tests.builders import (
    TIME_MS,
    accessed_event,
    concept_event,
    concept_removed_event,
    decayed_event,
    embedding,
    forgotten_event,
    memory_id,
    parameters_event,
    progressed_event,
    relation_event,
    search,
)
from tests.sequences import DIMENSION, NAMESPACES, small_stored

NAMESPACE = NAMESPACES[0]
BOUNDS = Bounds()
NUMBERS = count()


class ReadSide(Protocol):
    """All readers of one partition, and the fold that they see."""

    search: SearchReader
    memories: MemoryReader
    graph: GraphReader
    installation: InstallationReader

    async def take(self, *events: MemoryEvent) -> None:
        """Fold events."""
        ...

    async def rebuild_beside(self, events: int) -> None:
        """Have so many events in a build beside the live one."""
        ...

    async def lose(self, target: int) -> None:
        """Have a loss made good when so many events are folded."""
        ...


def around(seconds: float) -> dict[str, Any]:
    """An envelope with an id of its own."""
    time_ms = TIME_MS + round(1000 * seconds)
    return {"id": derive("event", next(NUMBERS)), "time": time_ms, "namespace": NAMESPACE}


def stored(name: str, seconds: float = 0, **data: Any) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(seconds), **data)


def used(name: str, seconds: float, kind: AccessKind = "used", **data: Any) -> MemoryEvent:
    return accessed_event(memory_id(name), kind=kind, envelope=around(seconds), **data)


def turned(angle: float) -> dict[str, Any]:
    """A vector at an angle to the one that is searched for."""
    numbers = [float(np.cos(angle)), float(np.sin(angle))]
    return {"embedding": embedding(numbers, dimension=DIMENSION)}


def id_of(name: str) -> str:
    return str(memory_id(name))


def ids(names: str) -> list[str]:
    return [id_of(name) for name in names]


def planned(text: str = "tea", **fields: Any) -> SearchPlan:
    query: Search = search(text, **{"namespace": NAMESPACE} | fields)
    vector = np.array([1, 0, 0, 0], np.float16)
    return plan_of(query, derive("cause"), vector, TIME_MS + 99_000)


def filed(names: str, status: Status = "active") -> list[tuple[str, Status]]:
    return [(id_of(name), status) for name in names]


class SearchReaderContract:
    """The contract of `SearchReader`. Subclasses give only the `side` fixture."""

    async def test_first_read_of_a_namespace_without_memories_is_empty(
        self, side: ReadSide
    ) -> None:
        await side.take(stored("a"))

        first = await side.search.first(planned(namespace="acme/none"), Known(None, [], 5), BOUNDS)

        assert (first.cursor, first.changed, first.records) == (1, [], {})
        assert (first.memories, first.length, first.frequencies) == (0, 0, [0])
        assert (first.recent, first.frequent, first.nearest, first.matching) == ([], [], [], [])

    async def test_first_read_tells_what_changed_since_a_cursor_in_the_order_of_the_log(
        self, side: ReadSide
    ) -> None:
        await side.take(stored("a"), stored("b"), stored("c"), used("b", 1), used("a", 2))

        everything = await side.search.first(planned(), Known(None, [], 0), BOUNDS)
        news = await side.search.first(planned(), Known(3, [], 0), BOUNDS)

        assert (everything.cursor, everything.changed) == (5, ids("cba"))
        assert news.changed == ids("ba")

    async def test_no_more_changes_are_told_than_the_bounds_say(self, side: ReadSide) -> None:
        await side.take(*(stored(name) for name in "abcde"))
        bounds = Bounds(whole=2, changes=3)

        everything = await side.search.first(planned(), Known(None, [], 0), bounds)
        news = await side.search.first(planned(), Known(0, [], 0), bounds)

        assert everything.changed == ids("ab")
        assert news.changed == ids("abc")

    async def test_records_that_are_expected_come_with_the_first_read(self, side: ReadSide) -> None:
        await side.take(stored("a"), stored("b"))
        _, (record,) = await side.search.records(NAMESPACE, ids("b"), 0)

        first = await side.search.first(planned(), Known(2, ids("bx"), 0), BOUNDS)

        assert (first.records_at, dict(first.records)) == (
            2,
            {id_of("b"): record, id_of("x"): None},
        )
        assert record is not None

    async def test_used_last_and_used_most_are_in_order_and_bounded(self, side: ReadSide) -> None:
        await side.take(*(stored(name, i) for i, name in enumerate("abcd")))
        await side.take(used("b", 10), used("b", 11), used("a", 12), used("b", 13), used("d", 14))

        first = await side.search.first(planned(), Known(None, [], 0), Bounds(recent=3, frequent=2))

        assert first.recent == ids("dba")
        assert first.frequent[0] == id_of("b")
        assert len(first.frequent) == 2

    async def test_first_read_counts_memories_and_the_terms_of_the_query(
        self, side: ReadSide
    ) -> None:
        await side.take(
            stored("a", content="tea and tea"),
            stored("b", content="coffee"),
            stored("c", content="tea"),
            forgotten_event(memory_id("c"), envelope=around(1)),
            parameters_event(noise_scale=0.25, envelope=around(2)),
        )

        first = await side.search.first(planned("coffee tea milk"), Known(None, [], 0), BOUNDS)

        assert (first.memories, first.length, first.frequencies) == (2, 3, [1, 1, 0])
        assert first.parameters.noise_scale == 0.25

    async def test_index_is_asked_for_the_nearest_in_each_status_unless_for_none(
        self, side: ReadSide
    ) -> None:
        await side.take(*(stored(name, **turned(0.1 * i)) for i, name in enumerate("abcd")))
        await side.take(decayed_event(memory_id("a"), envelope=around(1)))

        strict = planned(include_decayed=False)
        active = await side.search.first(strict, Known(None, [], 2), BOUNDS)
        both = await side.search.first(planned(include_decayed=True), Known(None, [], 2), BOUNDS)
        nothing = await side.search.first(planned(), Known(None, [], 0), BOUNDS)

        assert sorted(active.nearest) == sorted(ids("bc"))
        assert sorted(both.nearest) == sorted(ids("abc"))
        assert (nothing.nearest, nothing.matching) == ([], [])

    async def test_index_finds_what_has_a_word_of_the_query_if_words_count(
        self, side: ReadSide
    ) -> None:
        await side.take(
            stored("a", content="tea"), stored("b", content="coffee"), stored("c", content="milk")
        )
        silent = planned("tea coffee", parameters={"lexical_weight": 0.0})

        found = await side.search.first(planned("tea coffee"), Known(None, [], 9), BOUNDS)
        few = await side.search.first(planned("tea coffee"), Known(None, [], 9), Bounds(matching=1))
        none = await side.search.first(silent, Known(None, [], 9), BOUNDS)

        assert sorted(found.matching) == sorted(ids("ab"))
        assert len(few.matching) == 1
        assert none.matching == []

    @pytest.mark.parametrize(
        ("fields", "names"),
        [
            ({"types": ["semantic"]}, "b"),
            ({"tags": ["red"]}, "ab"),
            ({"tags": ["red", "blue"]}, "a"),
            ({"created_after": TIME_MS + 1_000}, "bc"),
            ({"created_before": TIME_MS + 2_000}, "ab"),
            ({"as_of": TIME_MS + 1_000}, "ab"),
        ],
    )
    async def test_index_finds_only_what_the_filters_admit(
        self, side: ReadSide, fields: dict[str, Any], names: str
    ) -> None:
        await side.take(
            stored("a", 0, tags=["red", "blue"]),
            stored("b", 1, tags=["red"], memory_type="semantic"),
            stored("c", 2),
        )

        first = await side.search.first(planned(**fields), Known(None, [], 9), BOUNDS)

        assert sorted(first.nearest) == sorted(ids(names))

    async def test_records_are_read_at_a_cursor_that_is_not_before_the_one_given(
        self, side: ReadSide
    ) -> None:
        await side.take(stored("a"), stored("b"))

        at, records = await side.search.records(NAMESPACE, ids("ax"), 2)

        assert at == 2
        assert [record is not None for record in records] == [True, False]
        with pytest.raises(Unavailable, match="fell back"):
            await side.search.records(NAMESPACE, ids("a"), 3)

    async def test_attributes_lie_under_the_status_that_a_memory_has(self, side: ReadSide) -> None:
        await side.take(
            stored("a", 3, tags=["red", "blue"], memory_type="semantic"),
            stored("b"),
            decayed_event(memory_id("b"), envelope=around(1)),
        )

        keys = [*filed("ab"), *filed("b", "decayed")]
        first, second, third = await side.search.attributes(NAMESPACE, keys)

        assert first is not None
        assert (first.memory_type, first.tags) == ("semantic", ["red", "blue"])
        assert first.created_ms == TIME_MS + 3_000
        assert second is None
        assert third is not None

    async def test_fans_are_links_and_relations_of_both_directions_added_up(
        self, side: ReadSide
    ) -> None:
        tea, cup = hash64("tea"), hash64("cup")
        await side.take(
            stored("a", concepts=["tea"]),
            stored("b", concepts=["tea", "cup"]),
            stored("c", concepts=["tea"]),
            forgotten_event(memory_id("c"), envelope=around(1)),
            *(concept_event(name, envelope=around(1)) for name in ("tea", "cup")),
            relation_event("tea", "cup", relation_type="IN", weight=0.5, envelope=around(2)),
            relation_event("cup", "tea", relation_type="OF", weight=0.25, envelope=around(3)),
        )

        fans, linked = await side.search.fans(NAMESPACE, [tea, cup, hash64("jam")], linked=9)
        _, (latest,) = await side.search.fans(NAMESPACE, [tea], linked=0)

        assert (fans[tea].links, dict(fans[tea].relations)) == (2, {cup: 0.75})
        assert (fans[cup].links, dict(fans[cup].relations)) == (1, {tea: 0.75})
        assert (fans[hash64("jam")].links, dict(fans[hash64("jam")].relations)) == (0, {})
        assert linked == [ids("ba"), ids("b"), []]
        assert latest == ids("b")


class MemoryReaderContract:
    """The contract of `MemoryReader`. Subclasses give only the `side` fixture."""

    async def test_whole_namespace_is_in_the_order_of_ids_in_any_status(
        self, side: ReadSide
    ) -> None:
        await side.take(*(stored(name) for name in "abc"))
        await side.take(forgotten_event(memory_id("b"), envelope=around(1)))

        position, parameters, memories = await side.memories.whole(NAMESPACE)
        _, _, some = await side.memories.whole(NAMESPACE, sample=2)

        assert position == "0:3"
        assert parameters == InForce()
        assert memories.ids == sorted(ids("abc"))
        assert sorted(memories.states["status"].tolist()) == [0, 0, 2]
        assert some.ids == sorted(ids("abc"))[:2]

    async def test_memories_used_last_come_with_the_latest_first(self, side: ReadSide) -> None:
        await side.take(*(stored(name, i) for i, name in enumerate("abc")), used("a", 9))

        position, _, memories = await side.memories.recent(NAMESPACE, 2)

        assert position == "0:3"
        assert memories.ids == ids("ac")
        assert memories.states["access_count"].tolist() == [2, 1]

    async def test_entry_is_everything_about_one_memory_in_any_status(self, side: ReadSide) -> None:
        told = {"context": "at home", "metadata": {"n": 1}, "speaker": "Ann", "tags": ["red"]}
        await side.take(
            stored("a", 1, content="Tea.", **told),
            used("a", 2, "recall", context="again"),
            forgotten_event(memory_id("a"), envelope=around(3)),
        )

        position, entry = await side.memories.entry(NAMESPACE, memory_id("a"))

        assert position == "0:2"
        assert entry is not None
        document = entry.document
        assert (document.content, document.context, document.speaker) == ("Tea.", "at home", "Ann")
        assert (document.metadata, document.tags) == ({"n": 1}, ["red"])
        assert (entry.state.status, entry.state.access_count) == ("deleted", 2)
        assert entry.memories.ids == ids("a")
        assert set(entry.contexts.values()) == {b"at home", b"again"}

    async def test_entry_of_an_unknown_memory_is_none(self, side: ReadSide) -> None:
        await side.take(stored("a"))

        assert await side.memories.entry(NAMESPACE, memory_id("x")) == ("0:0", None)

    async def test_derivatives_are_those_made_of_a_memory_by_then_and_not_deleted(
        self, side: ReadSide
    ) -> None:
        source = [{"memory_id": memory_id("a"), "weight": 1.0}]
        await side.take(
            stored("a"),
            stored("b", 1, derived_from=source),
            stored("c", 2, derived_from=source),
            stored("d", 3, derived_from=source),
            decayed_event(memory_id("c"), envelope=around(4)),
            forgotten_event(memory_id("d"), envelope=around(4)),
        )

        made = await side.memories.derivatives(NAMESPACE, memory_id("a"), until_ms=None)
        then = await side.memories.derivatives(NAMESPACE, memory_id("a"), until_ms=TIME_MS + 1_000)

        assert made == sorted(ids("bc"))
        assert then == ids("b")

    async def test_documents_lie_under_the_status_that_a_memory_has(self, side: ReadSide) -> None:
        await side.take(stored("a", content="Tea."), stored("b", content="Milk."))
        await side.take(forgotten_event(memory_id("b"), envelope=around(1)))

        keys = [*filed("abx"), *filed("b", "deleted")]
        found = await side.memories.documents(NAMESPACE, keys)
        attributes = await side.memories.attributes(NAMESPACE, keys)

        contents = [document and document.content for document in found]
        assert contents == ["Tea.", None, None, "Milk."]
        assert [each is not None for each in attributes] == [True, False, False, True]

    async def test_memories_are_counted_by_status(self, side: ReadSide) -> None:
        await side.take(*(stored(name) for name in "abc"))
        await side.take(decayed_event(memory_id("b"), envelope=around(1)))

        counts = await side.memories.counts(NAMESPACE, 0)

        assert counts == ("0:3", {"active": 2, "decayed": 1, "deleted": 0})

    async def test_runs_come_with_the_newest_first_and_one_by_its_id(self, side: ReadSide) -> None:
        runs = [derive("run", number) for number in range(3)]
        await side.take(*(progressed_event(run, envelope=around(1)) for run in runs))
        await side.take(progressed_event(runs[0], phase="later", envelope=around(2)))

        position, found = await side.memories.runs(NAMESPACE, 2)
        _, one = await side.memories.run(NAMESPACE, runs[0])
        nobody = await side.memories.run(NAMESPACE, derive("run", "none"))

        assert position == "0:3"
        assert [run_id for run_id, _ in found] == [runs[2], runs[1]]
        assert one is not None
        assert one.phase == "later"
        assert nobody == ("0:3", None)


class GraphReaderContract:
    """The contract of `GraphReader`. Subclasses give only the `side` fixture."""

    async def test_concept_comes_with_its_relations_in_both_directions(
        self, side: ReadSide
    ) -> None:
        await side.take(
            concept_event("tea", activation=0.5, aliases=["chai"], envelope=around(0)),
            *(concept_event(name, envelope=around(0)) for name in ("cup", "pot")),
            relation_event("tea", "cup", relation_type="IN", weight=0.5, envelope=around(1)),
            relation_event("pot", "tea", relation_type="OF", weight=0.25, envelope=around(2)),
        )

        cursor, concept, weights = await side.graph.concept(NAMESPACE, "tea")
        _, nobody, nothing = await side.graph.concept(NAMESPACE, "jam")

        assert (cursor, side.graph.position(NAMESPACE, cursor)) == (5, "0:4")
        assert side.graph.position(NAMESPACE, 0) is None
        assert concept is not None
        assert (concept.activation, concept.aliases) == (0.5, ("chai",))
        assert weights == {("out", "IN", "cup"): 0.5, ("in", "OF", "pot"): 0.25}
        assert (nobody, nothing) == (None, {})

    async def test_changes_are_read_piece_by_piece_in_the_order_of_the_log(
        self, side: ReadSide
    ) -> None:
        await side.take(
            concept_event("tea", envelope=around(0)),
            concept_event("cup", envelope=around(1)),
            relation_event("tea", "cup", relation_type="IN", envelope=around(2)),
        )

        some = await side.graph.changes(NAMESPACE, 0, None, most=2)
        assert some.more is not None
        rest = await side.graph.changes(NAMESPACE, some.more, some.mark, most=2)

        assert (some.concepts, some.relations, some.total) == (["tea", "cup"], [], 3)
        assert (rest.concepts, rest.relations, rest.more) == ([], [("tea", "IN", "cup")], None)
        assert (some.known, rest.known, rest.cursor) == (True, True, 3)

    async def test_event_that_is_not_where_it_was_is_not_known(self, side: ReadSide) -> None:
        await side.take(concept_event("tea", envelope=around(0)))
        changes = await side.graph.changes(NAMESPACE, 0, None, most=2)
        assert changes.mark is not None

        elsewhere = (changes.mark[0], changes.mark[1] + 1)
        moved = await side.graph.changes(NAMESPACE, 0, elsewhere, most=2)
        gone = await side.graph.changes(NAMESPACE, 0, (derive("x").hex, 0), most=2)

        assert (moved.known, gone.known) == (False, False)

    async def test_values_are_those_of_now_as_long_as_all_are_there(self, side: ReadSide) -> None:
        run = derive("run")
        await side.take(
            *(concept_event(name, envelope=around(0)) for name in ("tea", "cup")),
            concept_event("pot", activation=0.5, run_id=run, envelope=around(0)),
            relation_event("tea", "cup", relation_type="IN", weight=0.5, envelope=around(1)),
        )
        changes = await side.graph.changes(NAMESPACE, 0, None, most=9)

        concepts, weights = await side.graph.values(NAMESPACE, changes)
        await side.take(concept_removed_event("pot", run, envelope=around(2)))

        assert concepts["pot"].activation == 0.5
        assert weights == {("tea", "IN", "cup"): 0.5}
        with pytest.raises(GraphMoved):
            await side.graph.values(NAMESPACE, changes)


class InstallationReaderContract:
    """The contract of `InstallationReader`. Subclasses give only the `side` fixture."""

    async def test_parameters_are_those_that_hold_in_a_namespace(self, side: ReadSide) -> None:
        await side.take(stored("a"), parameters_event(noise_scale=0.25, envelope=around(1)))

        position, parameters = await side.installation.parameters(NAMESPACE)
        _, defaults = await side.installation.parameters("acme/none")

        assert position == "0:1"
        assert parameters.noise_scale == 0.25
        assert defaults == InForce()

    async def test_namespaces_are_those_with_folded_events(self, side: ReadSide) -> None:
        other = small_stored(memory_id("c"), envelope={**around(0), "namespace": NAMESPACES[1]})
        forgotten = forgotten_event(memory_id("b"), envelope=around(1))
        await side.take(stored("a"), stored("b"), other, forgotten)

        names = await side.installation.namespaces()
        counts = await side.installation.counts([*NAMESPACES, "acme/none"], 0)

        assert sorted(names) == sorted(NAMESPACES)
        assert counts == {
            NAMESPACES[0]: {"active": 1, "decayed": 0, "deleted": 1},
            NAMESPACES[1]: {"active": 1, "decayed": 0, "deleted": 0},
            "acme/none": {"active": 0, "decayed": 0, "deleted": 0},
        }

    async def test_builds_tell_of_a_rebuild_and_of_a_loss(self, side: ReadSide) -> None:
        await side.take(stored("a"), stored("b"))
        (at_rest,) = await side.installation.builds()
        await side.rebuild_beside(1)
        (beside,) = await side.installation.builds()
        await side.lose(5)
        (lost,) = await side.installation.builds()

        assert at_rest == BuildState(0, 1, folded=2, target=0, beside=None, rebuilding=False)
        assert beside == replace(at_rest, beside=(3, 1), rebuilding=True)
        assert lost == replace(beside, target=5)
