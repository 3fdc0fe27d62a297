"""The fold of concepts that are renamed, merged or deleted, and of names in other spellings."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.collections import CONCEPTS, GRAPH, LINKS, NAMES, RELATIONS
from services.readside.corrections import linked_by
from services.readside.layout import hash64, pack_element, relation_field
from services.readside.terms import concepts_of
from tests.builders import (
    NAMESPACE,
    concept_deleted_event,
    concept_event,
    concept_merged_event,
    concept_renamed_event,
    corrected_event,
    forgotten_event,
    relation_event,
    restored_event,
    stored_event,
)
from tests.contract.folding import fold_all
from tests.fakes.projection import MemoryProjection
from tests.sequences import GRAPH as GRAPH_EVENTS
from tests.sequences import at_offsets, cuts, logs
from tests.unit.services.projection.folds import ANN, folded

KNOWN: list[MemoryEvent] = [
    concept_event("tea", aliases=["brew"]),
    concept_event("cup"),
    concept_event("pot"),
    relation_event("tea", "cup", weight=0.5),
    relation_event("pot", "cup", weight=0.9),
    stored_event(ANN, concepts=["tea"]),
]


def after(*events: MemoryEvent) -> View:
    """The state that the known graph and some more events come to."""
    return folded(*KNOWN, *events)


def linked(view: View) -> set[bytes]:
    """The concepts of the memory, by record; the document must say the same."""
    memory = view.memories[NAMESPACE, ANN]
    assert memory.document is not None
    assert [*concepts_of(memory.parts.concepts)] == linked_by(memory.document["more"])
    return {*concepts_of(memory.parts.concepts)}


def links(view: View) -> dict[bytes, int]:
    """The counts of links that are not zero."""
    return {key: count for key, count in view.namespaces[NAMESPACE][LINKS].items() if count}


def test_names_that_differ_in_case_or_composition_are_one_concept() -> None:
    view = folded(
        concept_event("Caf\u00e9"),
        concept_event("CAFE\u0301", activation=0.9),
        stored_event(ANN, concepts=["CAF\u00c9", "caf\u00e9"]),
        relation_event("caf\u00e9", "CAF\u00c9"),
    )

    graph = view.namespaces[NAMESPACE]
    assert {name: each.activation for name, each in graph[CONCEPTS].items()} == {"Caf\u00e9": 0.9}
    assert {end for end, _ in graph[RELATIONS]} == {"Caf\u00e9"}
    assert linked(view) == {hash64("Caf\u00e9")}
    assert links(view) == {hash64("Caf\u00e9"): 1}


def test_renamed_concept_keeps_memories_relations_and_its_old_name() -> None:
    view = after(concept_renamed_event("TEA", "Chai"), concept_event("tea", activation=0.1))

    graph = view.namespaces[NAMESPACE]
    assert set(graph[CONCEPTS]) == {"Chai", "cup", "pot"}
    assert graph[CONCEPTS]["Chai"].also == ("tea",)
    assert graph[CONCEPTS]["Chai"].activation == 0.1
    assert graph[RELATIONS]["Chai", relation_field("out", "served_in", "cup")] == 0.5
    assert graph[RELATIONS]["cup", relation_field("in", "served_in", "Chai")] == 0.5
    assert pack_element("tea") not in graph[GRAPH]
    assert linked(view) == {hash64("Chai")}
    assert links(view) == {hash64("Chai"): 1}


def test_renaming_back_leaves_what_there_was() -> None:
    view = after(concept_renamed_event("tea", "chai"), concept_renamed_event("chai", "tea"))

    before, now = after().namespaces[NAMESPACE], view.namespaces[NAMESPACE]
    assert now[RELATIONS] == before[RELATIONS]
    assert now[CONCEPTS]["tea"].also == ("brew", "chai")
    assert linked(view) == {hash64("tea")}


def test_name_of_another_concept_is_not_taken() -> None:
    view = after(concept_renamed_event("tea", "CUP"))

    assert view.namespaces[NAMESPACE] == after().namespaces[NAMESPACE]


def test_only_the_spelling_can_be_renamed() -> None:
    view = after(concept_renamed_event("tea", "Tea"))

    assert view.namespaces[NAMESPACE][CONCEPTS]["Tea"].also == ("brew",)
    assert linked(view) == {hash64("Tea")}


def test_merged_concept_is_the_other_one_with_the_stronger_relations() -> None:
    view = after(concept_merged_event("tea", "Pot"))

    graph = view.namespaces[NAMESPACE]
    assert set(graph[CONCEPTS]) == {"cup", "pot"}
    assert graph[CONCEPTS]["pot"].also == ("brew", "tea")
    assert graph[RELATIONS] == {
        ("pot", relation_field("out", "served_in", "cup")): 0.9,
        ("cup", relation_field("in", "served_in", "pot")): 0.9,
    }
    assert linked(view) == {hash64("pot")}


def test_relation_between_two_that_are_merged_is_gone() -> None:
    view = after(concept_merged_event("tea", "cup"))

    assert set(view.namespaces[NAMESPACE][RELATIONS]) == {
        ("pot", relation_field("out", "served_in", "cup")),
        ("cup", relation_field("in", "served_in", "pot")),
    }


def test_deleted_concept_is_gone_with_its_relations_and_links() -> None:
    view = after(concept_deleted_event("Tea"))

    graph = view.namespaces[NAMESPACE]
    assert set(graph[CONCEPTS]) == {"cup", "pot"}
    assert {end for end, _ in graph[RELATIONS]} == {"pot", "cup"}
    assert linked(view) == set()
    assert links(view) == {}


def test_deleted_concept_can_be_made_anew_in_another_spelling() -> None:
    view = after(concept_deleted_event("tea"), concept_event("Tea"))

    assert "Tea" in view.namespaces[NAMESPACE][CONCEPTS]
    assert view.namespaces[NAMESPACE][NAMES]["tea"] == "Tea"


def test_memory_that_was_forgotten_meanwhile_is_linked_to_the_new_name_when_restored() -> None:
    view = after(forgotten_event(ANN), concept_renamed_event("tea", "chai"), restored_event(ANN))

    assert linked(view) == {hash64("chai")}
    assert links(view) == {hash64("chai"): 1}


def test_correction_that_is_taken_back_links_to_the_new_name() -> None:
    view = after(
        corrected_event(ANN, content="Nothing.", concepts=[]),
        concept_renamed_event("tea", "chai"),
        corrected_event(ANN, reversed=True),
    )

    assert linked(view) == {hash64("chai")}
    assert links(view) == {hash64("chai"): 1}


@given(st.data())
@settings(max_examples=100)
def test_batches_of_any_size_leave_the_concepts_that_the_whole_log_leaves(
    data: st.DataObject,
) -> None:
    kinds = ("stored", "corrected", "forgotten", "restored", *GRAPH_EVENTS)
    records = at_offsets(data.draw(logs(kinds=kinds, size_max=25)))
    batches = data.draw(cuts(len(records)))
    projection = MemoryProjection()

    asyncio.run(projection.live_version(0))
    asyncio.run(fold_all(projection, [records[each] for each in batches], partition=0))

    assert asyncio.run(projection.digest(0, 1)) == digest_of_view(fold_log(records))
