"""The fold of a namespace that is deleted, and of what comes afterwards."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.batch import Decoded, apart
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold_log
from services.readside.collections import CLEARED, CONCEPTS, COUNTS, RUNS
from services.readside.runs import BEGIN, RUN_METADATA
from tests.builders import (
    NAMESPACE,
    accessed_event,
    completed_event,
    concept_event,
    namespace_deleted_event,
    parameters_event,
    progressed_event,
    relation_event,
    stored_event,
    undone_event,
)
from tests.contract.folding import Record, fold_all
from tests.fakes.projection import MemoryProjection
from tests.sequences import GRAPH, at_offsets, cuts, logs
from tests.unit.services.projection.folds import ANN, BOB, at, folded

OTHER = "acme/other"
RUN = derive("run")
SOURCE = {"memory_id": ANN, "weight": 1.0}
FULL: list[MemoryEvent] = [
    concept_event("tea"),
    concept_event("cup"),
    relation_event("tea", "cup"),
    stored_event(ANN, concepts=["tea"], session="monday"),
    accessed_event(ANN),
    parameters_event(decay_rate=0.4),
    completed_event(RUN),
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


@pytest.mark.parametrize(
    "event",
    [
        progressed_event(RUN),
        completed_event(RUN, envelope=at(1)),
        undone_event(RUN),
        concept_event("fact", run_id=RUN),
        stored_event(BOB, derived_from=[SOURCE], metadata={RUN_METADATA: str(RUN)}),
    ],
    ids=lambda event: event.type,
)
def test_run_that_was_at_work_brings_nothing_back(event: MemoryEvent) -> None:
    view = folded(*FULL, namespace_deleted_event(), event)

    assert view.ignored == {"of_a_deleted_namespace": 1}
    assert NAMESPACE not in view.touched


def test_run_that_begins_afterwards_has_its_effects() -> None:
    view = folded(
        namespace_deleted_event(),
        progressed_event(RUN, phase=BEGIN),
        concept_event("fact", run_id=RUN),
    )

    assert [*view.namespaces[NAMESPACE][CONCEPTS]] == ["fact"]
    assert view.namespaces[NAMESPACE][RUNS][RUN].effects == {"concept.upserted.v1": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"derived_from": [SOURCE], "metadata": {RUN_METADATA: "no id"}},
        {"derived_from": [SOURCE]},
        {"metadata": {RUN_METADATA: str(RUN)}},
    ],
)
def test_what_somebody_stores_afterwards_is_kept(fields: dict[str, Any]) -> None:
    view = folded(*FULL, namespace_deleted_event(), stored_event(BOB, **fields))

    assert [*view.memories] == [(NAMESPACE, BOB)]


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


@pytest.mark.parametrize(
    ("log", "batches"),
    [
        ("", []),
        ("sss", ["sss"]),
        ("d", ["d"]),
        ("dds", ["d", "d", "s"]),
        ("ss?dsd?", ["ss?", "d", "s", "d", "?"]),
    ],
)
def test_deletion_is_folded_alone(log: str, batches: list[str]) -> None:
    events = {"s": stored_event(BOB), "d": namespace_deleted_event(), "?": None}
    decoded = [Decoded(Record(offset), event=events[each]) for offset, each in enumerate(log)]

    found = list(apart(decoded))

    assert [each for some in found for each in some] == decoded
    assert list(map(len, found)) == list(map(len, batches))
