"""The fold of a namespace that is deleted, and of what comes afterwards."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold_log
from services.readside.collections import CLEARED, CONCEPTS, COUNTS
from tests.builders import (
    NAMESPACE,
    accessed_event,
    completed_event,
    concept_event,
    namespace_deleted_event,
    parameters_event,
    relation_event,
    stored_event,
)
from tests.contract.folding import fold_all
from tests.fakes.projection import MemoryProjection
from tests.sequences import GRAPH, at_offsets, cuts, logs
from tests.unit.services.projection.folds import ANN, BOB, at, folded

OTHER = "acme/other"
FULL: list[MemoryEvent] = [
    concept_event("tea"),
    concept_event("cup"),
    relation_event("tea", "cup"),
    stored_event(ANN, concepts=["tea"], session="monday"),
    accessed_event(ANN),
    parameters_event(decay_rate=0.4),
    completed_event(derive("run")),
]


def test_deleted_namespace_has_nothing_and_is_not_listed() -> None:
    view = folded(*FULL, namespace_deleted_event())

    assert view.memories == {}
    assert NAMESPACE not in view.touched
    assert view.namespaces[NAMESPACE].held == {CLEARED: {None: len(FULL)}}


def test_other_namespaces_stay_as_they_are() -> None:
    other = stored_event(BOB, envelope={"namespace": OTHER})

    view = folded(other, *FULL, namespace_deleted_event())

    assert [*view.memories] == [(OTHER, BOB)]
    assert [*view.touched] == [OTHER]


def test_what_comes_afterwards_begins_the_namespace_anew() -> None:
    view = folded(
        *FULL, namespace_deleted_event(), accessed_event(ANN, envelope=at(1)), stored_event(BOB)
    )

    assert [*view.memories] == [(NAMESPACE, BOB)]
    assert view.namespaces[NAMESPACE][COUNTS]["active"] == 1
    assert view.namespaces[NAMESPACE][CONCEPTS] == {}
    assert view.ignored == {"unknown_memory": 1}


def test_deletion_that_is_delivered_twice_deletes_once() -> None:
    deleted = namespace_deleted_event()

    view = folded(*FULL, deleted, stored_event(BOB), deleted)

    assert [*view.memories] == [(NAMESPACE, BOB)]


@settings(max_examples=100)
@given(st.data())
def test_batches_of_any_size_leave_what_the_whole_log_leaves(data: st.DataObject) -> None:
    kinds = ("stored", "accessed", "corrected", "restored", "namespace deleted", *GRAPH)
    records = at_offsets(data.draw(logs(kinds=kinds, size_max=25)))
    batches = data.draw(cuts(len(records)))
    projection = MemoryProjection()

    asyncio.run(projection.live_version(0))
    asyncio.run(fold_all(projection, [records[each] for each in batches], partition=0))

    assert asyncio.run(projection.digest(0, 1)) == digest_of_view(fold_log(records))
