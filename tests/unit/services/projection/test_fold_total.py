"""Whatever the schema admits can be folded, ranked and decayed: no exception, no NaN, no inf."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.parameters import DAY_SECONDS, SECONDS_MIN, ParameterOverrides
from services.maintenance.decisions import decide
from services.projection.adapters.redis_changes import changes
from services.projection.fold import presentations
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.activation import activations, threshold_of
from services.readside.columns import Memories
from services.readside.layout import Layout, pack_record, unpack_record
from services.readside.parameters import pack_parameters, unpack_parameters
from services.retrieval.ports import Entry
from services.retrieval.queries.memory import _effective_decay_rate, with_access
from services.retrieval.search.ranking import rank
from services.retrieval.search.rows import explanation_of, reasons_of
from services.retrieval.working_memory import focus_of
from tests.builders import accessed_event, memory_id, parameters_event, restored_event, search
from tests.extremes import LEAST_MS, LOGGED, MOMENTS_MS, MOST_MS, ONCE, OVERRIDES, corners
from tests.extremes import extreme_logs as logs
from tests.sequences import CONCEPTS, NAMESPACES, around, at_offsets, small_stored
from tests.unit.services.projection.folds import ANN, BOB, memories_of, traces_of
from tests.unit.services.retrieval.asking import candidates_of, of_namespace, planned

MASSED = 20
# Laid down under parameters of once, or massed, and then compacted or inherited.
TRACES = [("decay_rate", each) for each in (0.0, 1e-45, 1e-38, 0.0037, 5_000.0, 3e38)]
TRACES += [("weight", each) for each in (1e-45, 1e12)]
DERIVED = [{"memory_id": ANN, "weight": 1e-300}, {"memory_id": BOB, "weight": 1.0}]


@pytest.fixture(autouse=True)
def short_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories are compacted early, so that small logs have it all."""
    monkeypatch.setattr(presentations, "TRACES_MAX", 16)
    monkeypatch.setattr(presentations, "ACCESS_HISTORY_MAX", 6)


def history(parameters: dict[str, float]) -> list[MemoryEvent]:
    """What is massed, moving, dull, pinned, of year 1 and of year 9999, in no order."""
    calm = {"arousal": 0.0, "salience": 0.0}
    moved = {"arousal": 1.0, "salience": 1.0}
    return [
        parameters_event(envelope=around(0), **parameters),
        small_stored(ANN, envelope=around(0, "ann"), emotion=moved, session="s"),
        small_stored(BOB, envelope=around(LEAST_MS, "bob"), emotion=calm, session="s"),
        *(accessed_event(ANN, BOB, kind="search", envelope=around(0, i)) for i in range(MASSED)),
        accessed_event(ANN, kind="recall", envelope=around(MOST_MS, "late")),
        accessed_event(BOB, kind="rehearsal", envelope=around(LEAST_MS, "early")),
        small_stored(
            memory_id("cid"), envelope=around(MOST_MS, "cid"), derived_from=DERIVED, emotion=calm
        ),
        small_stored(memory_id("dan"), envelope=around(LEAST_MS, "dan"), pinned=True),
        restored_event(memory_id("dan"), envelope=around(0, "dan")),
    ]


def assert_written_and_read(view: View) -> None:
    """What the fold made can be written down, and is the same when it is read."""
    for command in changes(view, Layout("hm:", 1, 0), 1_000):
        assert all(word == word for word in command)
    for memory in view.memories.values():
        assert unpack_record(pack_record(memory.state, memory.parts)) == (
            memory.state,
            memory.parts,
        )
    for known in view.namespaces.values():
        assert unpack_parameters(pack_parameters(known.parameters)) == known.parameters


def assert_judged(memories: Memories, now_ms: int, view: View, name: str) -> None:
    """Activation, decay, working memory and recall say numbers of all memories."""
    parameters = view.namespaces[name].parameters
    assert np.isfinite(activations(memories, now_ms, parameters).total).all()
    decisions = decide(memories, now_ms, parameters)
    assert not np.isinf(decisions.next_ms).any()
    assert all(np.isfinite(level) for level in focus_of(memories, now_ms, parameters).values())
    for i in range(len(memories)):
        own = memories.only(np.arange(len(memories)) == i)
        entry = cast("Entry", SimpleNamespace(memories=own, parameters=parameters))
        assert 0 <= _effective_decay_rate(entry, now_ms) < np.inf
        again = activations(with_access(own, now_ms, parameters), now_ms, parameters)
        assert np.isfinite(again.total).all()


def assert_ranked(
    view: View, now_ms: int, name: str, overrides: ParameterOverrides, **asked: Any
) -> None:
    """A search is answered with numbers, down to every reason."""
    query = search(
        "x tea", namespace=name, active_concepts=list(CONCEPTS), include_decayed=True,
        min_activation=-1e6, noise=True, top_k=100, **asked,
    ).model_copy(update={"parameters": overrides})  # fmt: skip
    plan = planned(query, now_ms=now_ms)
    candidates = candidates_of(view, plan, name=name)
    ranking = rank(candidates, plan)
    assert np.isfinite(ranking.total).all()
    assert np.isfinite(threshold_of(candidates.parameters))
    for i in ranking.order:
        explanation_of(ranking.parts, i)  # both refuse what is not finite
        reasons_of(ranking, i, [])


def assert_total(view: View, now_ms: int, overrides: ParameterOverrides) -> None:
    """All of it, in each namespace that has memories."""
    assert_written_and_read(view)
    for name in NAMESPACES:
        if held := of_namespace(view, name):
            assert_judged(memories_of(held), now_ms, view, name)
            assert_ranked(view, now_ms, name, overrides)
            assert_ranked(view, now_ms, name, overrides, as_of=now_ms)


def test_every_corner_of_the_box_is_folded_and_decayed() -> None:
    for parameters in corners():
        view = fold_log(at_offsets(history(parameters)))

        assert_written_and_read(view)
        for memory in view.memories.values():
            assert (traces_of(memory)["decay_rate"] > 0).all()
        assert_judged(memories_of(of_namespace(view)), MOST_MS, view, NAMESPACES[0])


@pytest.mark.parametrize(
    "parameters",
    [
        {"decay_rate": 1e-300},
        {"decay_rate": 0.9999999999999999, "decay_rate_min": 0.9999999999999999},
        {
            "decay_rate": 0.9999999,
            "spacing_scale": 5.0,
            "fresh_activation": -10.0,
            "arousal_effect": 1.0,
        },
        *({name: value} for name, values in ONCE.items() for value in values),
    ],
    ids=repr,
)
def test_what_was_accepted_once_is_folded_as_the_nearest_bound(
    parameters: dict[str, float],
) -> None:
    view = fold_log(at_offsets(history(parameters)))

    for now_ms in MOMENTS_MS:
        assert_total(view, now_ms, ParameterOverrides())


@pytest.mark.parametrize(("field", "value"), TRACES, ids=repr)
@pytest.mark.parametrize("onset_seconds", [SECONDS_MIN, 30 * DAY_SECONDS])
def test_traces_that_an_earlier_version_laid_down_leave_nothing_undefined(
    field: str, value: float, onset_seconds: float
) -> None:
    view = fold_log(at_offsets(history({"onset_seconds": onset_seconds})))
    for memory in view.memories.values():
        traces = traces_of(memory).copy()
        traces[field] = value
        memory.parts = memory.parts.with_traces(traces.tobytes())

    for now_ms in MOMENTS_MS:
        assert_total(view, now_ms, ParameterOverrides())


@given(st.lists(LOGGED, min_size=1, max_size=3), st.sampled_from(MOMENTS_MS), OVERRIDES)
@settings(max_examples=30)
def test_parameters_anywhere_in_the_box_leave_nothing_undefined(
    changed: list[dict[str, float]], now_ms: int, overrides: ParameterOverrides
) -> None:
    logs = [history(each) for each in changed]

    view = fold_log(at_offsets([event for log in logs for event in log]))

    assert_total(view, now_ms, overrides)


@given(logs(), st.sampled_from(MOMENTS_MS), OVERRIDES)
@settings(max_examples=40)
def test_every_log_that_the_schema_admits_is_folded_and_ranked(
    events: list[MemoryEvent], now_ms: int, overrides: ParameterOverrides
) -> None:
    view = fold_log(at_offsets(events))

    assert_total(view, now_ms, overrides)
