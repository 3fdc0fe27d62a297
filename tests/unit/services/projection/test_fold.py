"""The fold, one rule at a time."""

import numpy as np
import pytest

from schemas.errors import Rejected
from schemas.events import MemoryEvent
from schemas.limits import ACCESS_HISTORY_MAX
from services.projection.fold.fold import fold, references
from services.projection.fold.view import Needs, View
from services.readside.collections import CONCEPTS, COUNTS, LINKS, NAMES, TERMS
from services.readside.layout import NOBODY, hash64
from services.readside.terms import terms_of
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    accessed_event,
    adjusted_event,
    concept_event,
    corrected_event,
    decayed_event,
    embedding,
    forgotten_event,
    memory_id,
    relation_event,
    restored_event,
    stored_event,
    superseded_event,
)
from tests.unit.services.projection.folds import (
    ANN,
    BOB,
    at,
    folded,
    kinds,
    only,
    term_rows,
    traces_of,
)


def test_stored_memory_begins_with_its_creation() -> None:
    view = folded(stored_event(ANN, envelope=at(0), context="at home", pinned=True))

    memory = only(view)
    assert kinds(memory) == ["creation"]
    assert memory.state.status == "active"
    assert memory.state.access_count == 1
    assert memory.state.last_accessed_ms == memory.state.created_ms == TIME_MS
    assert memory.state.pinned
    assert list(memory.contexts.values()) == [b"at home"]
    assert view.namespaces[NAMESPACE][COUNTS]["active"] == 1


def test_document_holds_what_was_said() -> None:
    view = folded(
        stored_event(ANN, "Tea.", tags=["b", "a"], metadata={"z": 1, "a": [2]}, speaker="Ann")
    )

    document = only(view).document
    assert document is not None
    assert document["content"] == b"Tea."
    assert document["tags"] == b"b\x1fa"
    assert document["created"] == str(TIME_MS).encode()
    assert b'"metadata":{"a":[2],"z":1}' in document["more"]  # sorted: two replays agree
    assert document["vector"] == only(view).parts.vector


def test_memory_stored_again_by_another_event_stays_as_it_was() -> None:
    first = stored_event(ANN, "Tea is at four.", envelope=at(0))

    view = folded(first, stored_event(ANN, "Tea is at five.", envelope=at(1)))

    assert only(view) == only(folded(first))
    assert view.ignored == {"already_stored": 1}


@pytest.mark.parametrize(
    "event",
    [
        accessed_event(ANN),
        forgotten_event(ANN),
        restored_event(ANN),
        decayed_event(ANN),
        adjusted_event(ANN),
        superseded_event(ANN, BOB),
        corrected_event(ANN, "Tea."),
    ],
    ids=lambda event: event.type,
)
def test_event_about_an_unknown_memory_is_ignored_and_counted(event: MemoryEvent) -> None:
    view = folded(event)

    assert view.memories == {}
    assert view.ignored == {"unknown_memory": 1}
    assert view.touched == {}


def test_memory_of_another_namespace_is_unknown() -> None:
    event = accessed_event(ANN, envelope=at(1) | {"namespace": "acme/other"})

    view = folded(stored_event(ANN), event)

    assert kinds(only(view)) == ["creation"]
    assert view.ignored == {"unknown_memory": 1}


def test_access_of_several_memories_strengthens_each_that_exists() -> None:
    names = [memory_id(name) for name in ("ann", "bob", "nobody")]

    view = folded(
        stored_event(names[0], envelope=at(0, "a")),
        stored_event(names[1], envelope=at(0, "b")),
        accessed_event(*names, envelope=at(1)),
    )

    assert [kinds(memory) for memory in view.memories.values()] == [["creation", "recall"]] * 2
    assert view.ignored == {"unknown_memory": 1}


def test_memory_named_twice_in_one_access_is_accessed_once() -> None:
    view = folded(stored_event(ANN), accessed_event(ANN, ANN, envelope=at(1)))

    assert kinds(only(view)) == ["creation", "recall"]


@pytest.mark.parametrize(
    ("kind", "weight"),
    [("search", 0.02), ("recall", 1.0), ("used", 1.0), ("rehearsal", 0.35)],
)
def test_trace_weighs_what_its_kind_weighs(kind: str, weight: float) -> None:
    view = folded(stored_event(ANN), accessed_event(ANN, kind=kind, envelope=at(1)))  # type: ignore[arg-type] # a parameter

    assert traces_of(only(view))["weight"].tolist() == pytest.approx([1.0, weight])


def test_rehearsal_strengthens_and_is_no_access() -> None:
    view = folded(stored_event(ANN), accessed_event(ANN, kind="rehearsal", envelope=at(1)))

    memory = only(view)
    assert kinds(memory) == ["creation", "rehearsal"]
    assert memory.state.access_count == 1
    assert memory.state.last_accessed_ms == TIME_MS


def test_older_access_folded_later_moves_nothing_back() -> None:
    view = folded(stored_event(ANN, envelope=at(0)), accessed_event(ANN, envelope=at(-5)))

    memory = only(view)
    assert memory.state.last_accessed_ms == TIME_MS
    assert memory.state.created_ms == TIME_MS
    assert memory.state.access_count == 2
    # It was laid down when nothing else was there yet.
    assert traces_of(memory)["decay_rate"].tolist() == pytest.approx([0.5, 0.5])


def test_repeat_decays_faster_the_sooner_it_comes() -> None:
    def decay_of_repeat(hours: float) -> float:
        memory = only(folded(stored_event(ANN), accessed_event(ANN, envelope=at(hours))))
        return float(traces_of(memory)["decay_rate"][1])

    assert decay_of_repeat(0) == pytest.approx(0.7)
    assert decay_of_repeat(1) == pytest.approx(0.5 + 0.2 * np.exp(0.865797 - 1), abs=1e-6)
    assert decay_of_repeat(24) < decay_of_repeat(1)


def test_emotion_slows_the_decay_of_all_traces_of_a_memory() -> None:
    view = folded(stored_event(ANN, emotion={"arousal": 1.0}), accessed_event(ANN, envelope=at(-1)))

    assert traces_of(only(view))["decay_rate"].tolist() == pytest.approx([0.3, 0.3])


def test_forgotten_memory_is_not_strengthened_any_more() -> None:
    view = folded(
        stored_event(ANN),
        forgotten_event(ANN, envelope=at(1)),
        accessed_event(ANN, envelope=at(2)),
        adjusted_event(ANN, -1, envelope=at(3)),
    )

    memory = only(view)
    assert memory.state.status == "deleted"
    assert memory.state.bias == 0.0
    assert kinds(memory) == ["creation"]
    assert view.namespaces[NAMESPACE][COUNTS] == {
        "active": 0,
        "decayed": 0,
        "deleted": 1,
        "length": 0,
    }


@pytest.mark.parametrize("gone", [forgotten_event, decayed_event])
def test_restored_memory_is_active_without_penalty_and_counts_the_access(gone: object) -> None:
    assert callable(gone)
    view = folded(
        stored_event(ANN),
        adjusted_event(ANN, -0.5, envelope=at(0.5)),
        gone(ANN, envelope=at(1)),
        restored_event(ANN, envelope=at(2)),
    )

    memory = only(view)
    assert memory.state.status == "active"
    assert memory.state.bias == 0.0
    assert kinds(memory) == ["creation", "restore"]
    assert memory.state.access_count == 2
    assert memory.state.changes[-1].what == "active"


def test_active_memory_has_nothing_to_restore() -> None:
    view = folded(stored_event(ANN), restored_event(ANN, envelope=at(1)))

    assert kinds(only(view)) == ["creation"]
    assert view.ignored == {"no_effect": 1}


def test_memory_used_since_the_decision_does_not_decay() -> None:
    view = folded(
        stored_event(ANN),
        accessed_event(ANN, envelope=at(1)),
        decayed_event(ANN, envelope=at(2), accesses_seen=1),
    )

    assert only(view).state.status == "active"


def test_use_of_a_decayed_memory_strengthens_it_and_leaves_its_status() -> None:
    view = folded(
        stored_event(ANN),
        decayed_event(ANN, envelope=at(1)),
        accessed_event(ANN, kind="used", envelope=at(2)),
    )

    memory = only(view)
    assert memory.state.status == "decayed"
    assert kinds(memory) == ["creation", "used"]


def test_penalties_add_up() -> None:
    view = folded(
        stored_event(ANN),
        adjusted_event(ANN, -0.5, envelope=at(1)),
        adjusted_event(ANN, 0.2, envelope=at(2)),
    )

    assert only(view).state.bias == pytest.approx(-0.3)


def test_contexts_of_a_thousand_accesses_are_kept() -> None:
    accesses = [
        accessed_event(ANN, envelope=at(hours), context=f"number {hours}")
        for hours in range(1, ACCESS_HISTORY_MAX + 3)
    ]

    view = folded(stored_event(ANN, context="the first"), *accesses)

    memory = only(view)
    shown = {value.decode() for value in memory.contexts.values()}
    assert shown == {f"number {hours}" for hours in range(3, ACCESS_HISTORY_MAX + 3)}
    assert memory.state.access_count == ACCESS_HISTORY_MAX + 3


@pytest.mark.parametrize("subject", ["tea", "", "not-a-uuid"])
def test_subject_that_is_no_id_is_refused(subject: str) -> None:
    event = forgotten_event(ANN).model_copy(update={"subject": subject})

    with pytest.raises(Rejected, match=r"subject: memory\.forgotten\.v1 needs a memory id"):
        references(event, Needs())


@pytest.mark.parametrize("vector", [[0.0], [float("nan")], [float("inf")], [float("-inf"), 1.0]])
def test_vector_that_says_nothing_is_refused_and_changes_nothing(vector: list[float]) -> None:
    view = View()

    with pytest.raises(Rejected, match="every number must be finite, and one not zero"):
        fold(view, stored_event(ANN, embedding=embedding(vector)), 0)

    assert view == View()


def test_needs_are_what_the_fold_of_an_event_reads() -> None:
    def needed(event: MemoryEvent) -> Needs:
        needs = Needs()
        references(event, needs)
        assert needs.events == [event.id.bytes]
        assert needs.namespaces == {NAMESPACE}
        return needs

    assert list(needed(accessed_event(ANN, BOB)).memories) == [(NAMESPACE, ANN), (NAMESPACE, BOB)]
    stored = needed(stored_event(ANN, "Tea, tea.", session="monday", concepts=["tea", "cup"]))
    assert list(stored.memories) == [(NAMESPACE, ANN)]
    assert stored.keys == {
        (TERMS, NAMESPACE): {hash64("tea")},
        (LINKS, NAMESPACE): {hash64("tea"), hash64("cup")},
        (NAMES, NAMESPACE): {"tea", "cup"},
    }
    assert stored.places == {(NAMESPACE, "monday", TIME_MS)}
    for changed in (forgotten_event(ANN), restored_event(ANN)):
        assert needed(changed).counted == {(NAMESPACE, ANN)}
    superseded = needed(superseded_event(ANN, BOB))
    assert list(superseded.memories) == [(NAMESPACE, ANN), (NAMESPACE, BOB)]
    for other in (decayed_event(ANN), adjusted_event(ANN)):
        assert list(needed(other).memories) == [(NAMESPACE, ANN)]
        assert needed(other).counted == set()
    assert needed(concept_event("tea")).of(CONCEPTS, NAMESPACE) == {"tea"}
    assert needed(relation_event("tea", "cup")).of(CONCEPTS, NAMESPACE) == {"tea", "cup"}


def test_terms_are_those_of_the_indexed_text_and_know_the_speaker() -> None:
    view = folded(
        stored_event(ANN, "Four teas.", indexed_text="Ann Lee: Four teas, Ann.", speaker="Ann Lee")
    )

    memory = only(view)
    terms = terms_of("Ann Lee: Four teas, Ann.", "Ann Lee")
    assert memory.parts.terms == terms.packed
    assert memory.state.length == terms.length == 5
    assert term_rows(memory) == {
        "ann": (2, True), "lee": (1, True), "four": (1, False), "tea": (1, False),
    }  # fmt: skip


def test_term_that_occurs_more_often_than_a_count_holds_is_still_folded() -> None:
    view = folded(stored_event(ANN, indexed_text="tea " * 70_000))

    assert only(view).state.length == 70_000
    assert term_rows(only(view)) == {"tea": (65_535, False)}


@pytest.mark.parametrize("kind", ["recall", "used"])
def test_recall_and_use_clear_penalties(kind: str) -> None:
    view = folded(
        stored_event(ANN),
        adjusted_event(ANN, -0.5, envelope=at(1)),
        accessed_event(ANN, kind=kind, envelope=at(2)),  # type: ignore[arg-type] # a parameter
    )

    assert only(view).state.bias == 0.0
    assert [change.what for change in only(view).state.changes] == ["adjusted", "cleared"]


@pytest.mark.parametrize("kind", ["search", "rehearsal"])
def test_being_found_or_rehearsed_leaves_penalties(kind: str) -> None:
    view = folded(
        stored_event(ANN),
        adjusted_event(ANN, -0.5, envelope=at(1)),
        accessed_event(ANN, kind=kind, envelope=at(2)),  # type: ignore[arg-type] # a parameter
    )

    assert only(view).state.bias == -0.5


def test_use_without_a_penalty_is_no_change() -> None:
    view = folded(stored_event(ANN), accessed_event(ANN, envelope=at(1)))

    assert only(view).state.changes == []


def test_rehearsal_since_the_decision_makes_it_void_too() -> None:
    events: list[MemoryEvent] = [
        stored_event(ANN),
        accessed_event(ANN, kind="rehearsal", envelope=at(1)),
    ]

    refused = folded(*events, decayed_event(ANN, envelope=at(2), accesses_seen=1))
    taken = folded(*events, decayed_event(ANN, envelope=at(2), accesses_seen=2))

    assert only(refused).state.status == "active"
    assert only(taken).state.status == "decayed"


def test_superseded_memory_knows_its_successor_until_it_is_reversed() -> None:
    events: list[MemoryEvent] = [
        stored_event(ANN),
        stored_event(BOB),
        superseded_event(ANN, BOB, envelope=at(1)),
        accessed_event(ANN, kind="used", envelope=at(2)),
    ]

    state = folded(*events).memories[NAMESPACE, ANN].state
    reversal = superseded_event(ANN, BOB, envelope=at(3), reversed=True)
    back = folded(*events, reversal).memories[NAMESPACE, ANN].state

    assert (state.superseded_by, state.superseded_ms) == (BOB.bytes, at(1)["time"])
    assert (back.superseded_by, back.superseded_ms) == (NOBODY, 0)
