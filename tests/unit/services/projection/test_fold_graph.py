"""The fold of concepts, relations and parameters."""

import asyncio
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold, fold_log
from services.projection.fold.graph import RUNS_KEPT_MAX
from services.projection.fold.view import View
from services.readside.collections import (
    CONCEPTS,
    GRAPH,
    MADE,
    PARAMETERS,
    RELATIONS,
    RUNS,
    VOCABULARY,
)
from services.readside.concepts import Concept, pack_concept, unpack_concept
from services.readside.layout import relation_field
from services.readside.parameters import InForce, pack_parameters, unpack_parameters
from tests.builders import (
    NAMESPACE,
    accessed_event,
    concept_event,
    concept_removed_event,
    forgotten_event,
    parameters_event,
    progressed_event,
    relation_event,
    relation_removed_event,
    stored_event,
)
from tests.contract.folding import fold_all
from tests.fakes.projection import MemoryProjection
from tests.sequences import at_offsets, cuts, logs
from tests.unit.services.projection.folds import ANN, at, folded, only, traces_of

RUN = derive("run")
ADDED: list[MemoryEvent] = [
    concept_event("tea", run_id=RUN),
    concept_event("cup", run_id=RUN),
    relation_event("tea", "cup", run_id=RUN),
]
REMOVED: list[MemoryEvent] = [
    relation_removed_event("tea", "cup", run_id=RUN),
    concept_removed_event("tea", RUN),
    concept_removed_event("cup", RUN),
]
NAMES = st.text(min_size=1, max_size=20)


def test_concept_is_what_its_newest_event_says() -> None:
    view = folded(
        concept_event("tea", concept_type="drink", activation=0.5, aliases=["chai"]),
        concept_event("tea", concept_type="herb", activation=0.7),
    )

    assert view.namespaces[NAMESPACE][CONCEPTS] == {"tea": Concept("herb", 0.7, ())}
    assert view.namespaces[NAMESPACE][VOCABULARY] == {None: 1}
    assert view.touched[NAMESPACE][CONCEPTS] == {"tea"}


def test_relation_of_known_concepts_stands_at_both_ends_with_its_newest_weight() -> None:
    view = folded(
        concept_event("tea"),
        concept_event("cup"),
        relation_event("tea", "cup", weight=0.25),
        relation_event("tea", "cup", weight=0.75),
        relation_event("tea", "cup", relation_type="like", weight=1.0),
    )

    assert view.namespaces[NAMESPACE][RELATIONS] == {
        ("tea", relation_field("out", "served_in", "cup")): 0.75,
        ("cup", relation_field("in", "served_in", "tea")): 0.75,
        ("tea", relation_field("out", "like", "cup")): 1.0,
        ("cup", relation_field("in", "like", "tea")): 1.0,
    }


@pytest.mark.parametrize("known", [[], ["tea"], ["cup"]])
def test_relation_to_an_unknown_concept_is_ignored_and_counted(known: list[str]) -> None:
    view = folded(*(concept_event(name) for name in known), relation_event("tea", "cup"))

    assert view.namespaces[NAMESPACE][RELATIONS] == {}
    assert view.ignored == {"unknown_concept": 1}
    assert (NAMESPACE in view.touched) == bool(known)


def test_concept_of_another_namespace_is_unknown() -> None:
    elsewhere = at(0) | {"namespace": "acme/other"}

    view = folded(
        concept_event("tea"), concept_event("cup", envelope=elsewhere), relation_event("tea", "cup")
    )

    assert view.ignored == {"unknown_concept": 1}


def test_parameters_act_on_what_is_used_from_then_on() -> None:
    def decays(*, changed_after: int) -> list[float]:
        uses = [accessed_event(ANN, envelope=at(hours)) for hours in (1, 2, 3)]
        changed = parameters_event(spacing_scale=0.0, weight_search=1.0)
        events: list[MemoryEvent] = [
            stored_event(ANN),
            *uses[:changed_after],
            changed,
            *uses[changed_after:],
        ]
        decay_rates: list[float] = traces_of(only(folded(*events)))["decay_rate"].tolist()
        return decay_rates

    plain = decays(changed_after=3)
    assert all(decay > 0.5 for decay in plain[1:])
    assert decays(changed_after=0) == [0.5] * 4
    assert decays(changed_after=2) == [*plain[:3], 0.5]


def test_weight_of_a_kind_is_the_one_in_force_when_it_was_used() -> None:
    view = folded(
        stored_event(ANN),
        accessed_event(ANN, kind="search", envelope=at(1)),
        parameters_event(weight_search=0.5),
        accessed_event(ANN, kind="search", envelope=at(2)),
    )

    assert traces_of(only(view))["weight"].tolist() == pytest.approx([1.0, 0.02, 0.5])


def test_parameters_not_named_have_their_defaults_again() -> None:
    view = folded(parameters_event(spacing_scale=0.0), parameters_event(cosine_weight=3.0))

    assert view.namespaces[NAMESPACE].parameters == InForce(cosine_weight=3.0)
    assert view.touched[NAMESPACE][PARAMETERS]


def test_parameters_of_one_namespace_leave_the_others_alone() -> None:
    elsewhere = at(0) | {"namespace": "acme/other"}

    view = folded(
        stored_event(ANN),
        parameters_event(envelope=elsewhere, spacing_scale=0.0),
        accessed_event(ANN, envelope=at(1)),
    )

    assert traces_of(only(view))["decay_rate"][1] > np.float32(0.5)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("decay_rate", 0.0),
        ("decay_rate", 1.0),
        ("weight_search", 0.0),
        ("neighbour_weight", 1.1),
        ("hops_max", 1.5),
        ("hops_max", 3.0),
        ("horizon_seconds", -1.0),
        ("superseded_nats", 0.1),
        ("importance", 1.0),
    ],
)
def test_parameter_out_of_range_or_unknown_is_refused_by_name_and_changes_nothing(
    name: str, number: float
) -> None:
    view = View()
    wrong: dict[str, Any] = {name: number}

    with pytest.raises(Rejected, match=rf"data\.parameters\.{name}: "):
        fold(view, parameters_event(**wrong), 0)

    assert view.touched == {}
    assert view.seen == {}
    assert view.namespace(NAMESPACE).parameters == InForce()


@settings(max_examples=20)
@given(NAMES, st.floats(0, 1), st.lists(NAMES, max_size=3))
def test_concept_reads_back_as_it_was_packed(
    concept_type: str, activation: float, aliases: list[str]
) -> None:
    concept = Concept(concept_type, activation, tuple(aliases))

    assert unpack_concept(pack_concept(concept)) == concept


def test_parameters_read_back_as_they_were_packed_and_defaults_take_no_room() -> None:
    changed = InForce(hops_max=1, spacing_scale=0.1 + 0.2)

    assert unpack_parameters(pack_parameters(changed)) == changed
    assert pack_parameters(InForce()) == b"{}"
    assert unpack_parameters(None) == unpack_parameters(b"{}") == InForce()


def test_what_a_run_adds_is_its_own_and_gone_when_it_is_taken_back() -> None:
    added = folded(*ADDED)
    removed = folded(*ADDED, *REMOVED)

    graph = removed.namespaces[NAMESPACE]
    assert set(added.namespaces[NAMESPACE][MADE].values()) == {frozenset({RUN})}
    assert len(added.namespaces[NAMESPACE][MADE]) == 3
    assert (graph[CONCEPTS], graph[RELATIONS], graph[GRAPH], graph[MADE]) == ({}, {}, {}, {})
    assert (
        graph[VOCABULARY][None] == len(ADDED) + len(REMOVED) - 1
    )  # whoever keeps names looks again
    assert removed.ignored == {}


def test_run_overwrites_nothing_that_is_there_and_takes_nothing_of_it_away() -> None:
    own: list[MemoryEvent] = [
        concept_event("tea", activation=0.9),
        concept_event("cup"),
        relation_event(weight=0.9),
    ]

    view = folded(*own, *ADDED, *REMOVED)

    kept = folded(*own).namespaces[NAMESPACE]
    assert view.namespaces[NAMESPACE][CONCEPTS] == kept[CONCEPTS]
    assert view.namespaces[NAMESPACE][RELATIONS] == kept[RELATIONS]
    assert view.namespaces[NAMESPACE][GRAPH] == kept[GRAPH]
    assert view.ignored == {"already_there": 3, "no_effect": 3}


@pytest.mark.parametrize(
    "used",
    [
        concept_event("tea", activation=0.9),
        stored_event(ANN, concepts=["tea"]),
        relation_event("tea", "tea", relation_type="like"),
        relation_event("tea", "tea", relation_type="like", run_id=derive("another run")),
    ],
    ids=["upserted", "linked", "related", "related by another run"],
)
def test_concept_that_is_used_by_others_stays(used: MemoryEvent) -> None:
    view = folded(*ADDED, used, *REMOVED)

    assert set(view.namespaces[NAMESPACE][CONCEPTS]) == {"tea"}
    assert view.ignored == {"no_effect": 1}


def test_relation_that_was_upserted_since_stays_with_its_ends() -> None:
    view = folded(*ADDED, relation_event(weight=0.9), *REMOVED)

    assert set(view.namespaces[NAMESPACE][CONCEPTS]) == {"tea", "cup"}
    assert set(view.namespaces[NAMESPACE][RELATIONS].values()) == {0.9}
    assert view.ignored == {"no_effect": 3}


def test_concept_is_free_to_go_once_its_memory_is_forgotten() -> None:
    linked = stored_event(ANN, concepts=["tea"])

    view = folded(*ADDED, linked, forgotten_event(ANN), *REMOVED)

    assert view.namespaces[NAMESPACE][CONCEPTS] == {}


def test_another_run_takes_nothing_away() -> None:
    other = derive("another run")

    view = folded(*ADDED, concept_removed_event("tea", other), relation_removed_event(run_id=other))

    assert len(view.namespaces[NAMESPACE][GRAPH]) == 3
    assert view.ignored == {"no_effect": 2}


def _of(run: UUID) -> tuple[list[MemoryEvent], list[MemoryEvent]]:
    """What a run adds to the graph, and what takes it away."""
    added: list[MemoryEvent] = [
        concept_event("tea", envelope=at(0, str(run)), run_id=run),
        concept_event("cup", envelope=at(1, str(run)), run_id=run),
        relation_event("tea", "cup", envelope=at(2, str(run)), run_id=run),
    ]
    removed: list[MemoryEvent] = [
        relation_removed_event("tea", "cup", envelope=at(3, str(run)), run_id=run),
        concept_removed_event("tea", run, envelope=at(4, str(run))),
        concept_removed_event("cup", run, envelope=at(5, str(run))),
    ]
    return added, removed


@given(st.permutations(range(3)))
def test_what_several_runs_add_is_there_until_the_last_of_them_is_undone(order: list[int]) -> None:
    runs = [_of(derive("run", number)) for number in range(3)]
    events = [event for added, _ in runs for event in added]

    for number in order:
        assert len(folded(*events).namespaces[NAMESPACE][GRAPH]) == 3
        events += runs[number][1]

    graph = folded(*events).namespaces[NAMESPACE]
    assert (graph[CONCEPTS], graph[RELATIONS], graph[GRAPH], graph[MADE]) == ({}, {}, {}, {})


def test_what_another_run_meets_again_is_no_effect_of_it_and_keeps_its_place_in_the_log() -> None:
    one, other = _of(RUN)[0], _of(derive("another run"))[0]
    began = [
        progressed_event(run, envelope=at(9, str(run))) for run in (RUN, derive("another run"))
    ]

    alone, both = folded(*began, *one), folded(*began, *one, *other)

    assert both.namespaces[NAMESPACE][GRAPH] == alone.namespaces[NAMESPACE][GRAPH]
    effects = [run.effects.total() for run in both.namespaces[NAMESPACE][RUNS].values()]
    assert effects == [3, 0]


def test_what_too_many_runs_have_met_is_nobodys_own_and_stays() -> None:
    runs = [_of(derive("run", number)) for number in range(RUNS_KEPT_MAX + 1)]
    added = [event for events, _ in runs for event in events]

    view = folded(*added, *[event for _, events in runs for event in events])

    assert set(view.namespaces[NAMESPACE][CONCEPTS]) == {"tea", "cup"}
    assert view.namespaces[NAMESPACE][MADE] == {}


def test_what_is_gone_may_come_again() -> None:
    view = folded(*ADDED, *REMOVED, concept_event("tea", activation=0.9))

    assert view.namespaces[NAMESPACE][CONCEPTS] == {"tea": Concept("concept", 0.9, ())}
    assert view.namespaces[NAMESPACE][MADE] == {}


@settings(max_examples=60)
@given(data=st.data())
def test_batches_of_any_size_leave_the_graph_that_the_whole_log_leaves(data: st.DataObject) -> None:
    kinds = ("stored", "forgotten", "concept", "concept", "relation", "relation", "progressed")
    events = data.draw(logs(kinds=(*kinds, "concept removed", "relation removed"), size_max=30))
    parts = data.draw(cuts(len(events)))
    projection = MemoryProjection()
    offsets = at_offsets(events)

    asyncio.run(projection.live_version(0))
    asyncio.run(fold_all(projection, [offsets[part] for part in parts], partition=0))

    assert asyncio.run(projection.digest(0, 1)) == digest_of_view(fold_log(offsets))
