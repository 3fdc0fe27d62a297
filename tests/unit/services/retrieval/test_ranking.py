"""Activation of folded memories: parts, order, and what a reply promises."""

from functools import reduce
from operator import add
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.parameters import ParameterOverrides, Parameters
from schemas.queries import Search
from services.projection.fold.fold import fold_log
from services.readside.activation import activations, threshold_of
from services.readside.collections import PARAMETERS
from services.readside.columns import ACTIVE, DECAYED, DELETED
from services.retrieval.queries.memory import with_access
from services.retrieval.search.rows import explanation_of
from tests.builders import (
    TIME_MS,
    accessed_event,
    adjusted_event,
    embedding,
    forgotten_event,
    memory_id,
    search,
)
from tests.sequences import (
    CONCEPTS,
    DAY_MS,
    DIMENSION,
    TIMES,
    USES,
    around,
    at_offsets,
    logs,
    small_stored,
)
from tests.unit.services.projection.folds import ANN, folded, memories_of
from tests.unit.services.retrieval.asking import found, of_namespace, ranked

EXAMPLES = settings(max_examples=20)
DEFAULT = Parameters()
USED = logs(kinds=(*USES, *USES, "adjusted", "parameters"))
QUERIES = st.builds(
    search,
    st.sampled_from(["Is Ann's tea at four?", "cups", "🫖", "the of"]),
    active_concepts=st.lists(st.sampled_from(CONCEPTS), max_size=2, unique=True),
    noise=st.booleans(),
    include_decayed=st.booleans(),
    min_activation=st.just(-1000),
    top_k=st.just(100),
)


def stored(name: str = "ann", time_ms: int = TIME_MS, **data: object) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(time_ms, name), **data)


@EXAMPLES
@given(logs(), TIMES, QUERIES)
def test_parts_add_up_to_the_activation_exactly_in_their_order(
    events: list[MemoryEvent], now_ms: int, query: Search
) -> None:
    view = fold_log(at_offsets(events))
    assume(of_namespace(view))

    ranking = ranked(view, query, now_ms=now_ms)

    for i, total in enumerate(ranking.total):
        parts = explanation_of(ranking.parts, i).model_dump()
        assert list(parts) == ["base", "spreading", "match", "emotion", "adjustment", "noise"]
        assert reduce(add, parts.values()) == total
        assert sum(reversed(parts.values())) == pytest.approx(total, abs=1e-9)
        assert np.isfinite(total)


@EXAMPLES
@given(logs(), TIMES, QUERIES)
def test_what_is_found_is_visible_above_the_threshold_and_in_order(
    events: list[MemoryEvent], now_ms: int, query: Search
) -> None:
    view = fold_log(at_offsets(events))
    assume(of_namespace(view))

    ranking = ranked(view, query, now_ms=now_ms)

    allowed = (ACTIVE, DECAYED) if query.include_decayed else (ACTIVE,)
    now = memories_of(of_namespace(view)).at_present(now_ms)
    codes = dict(zip(map(UUID, now.ids), now.states["status"].tolist(), strict=True))
    assert set(found(ranking)) == {k for k, code in codes.items() if code in allowed}
    totals = [ranking.total[i] for i in ranking.order]
    assert totals == sorted(totals, reverse=True)


@EXAMPLES
@given(logs(kinds=(*USES, *USES)), TIMES)
def test_what_happens_later_does_not_count(events: list[MemoryEvent], moment_ms: int) -> None:
    known = fold_log(at_offsets([event for event in events if event.time <= moment_ms]))
    all_of_it = fold_log(at_offsets(events))
    same = {  # stored again later, or first, is the same memory only if its creation is the same
        ref: all_of_it.memories[ref]
        for ref, memory in known.memories.items()
        if memory.state.created_ms == all_of_it.memories[ref].state.created_ms
    }
    before = memories_of({ref: known.memories[ref] for ref in same})
    after = memories_of(same)

    assert activations(after, moment_ms, DEFAULT).total.tolist() == pytest.approx(
        activations(before, moment_ms, DEFAULT).total.tolist(), abs=1e-6
    )
    counted = after.at(moment_ms).states
    assert counted["access_count"].tolist() == before.states["access_count"].tolist()
    assert counted["last_accessed_ms"].tolist() == before.states["last_accessed_ms"].tolist()


@EXAMPLES
@given(logs(kinds=("stored", "accessed", "accessed", "restored", "decayed", "parameters")), TIMES)
def test_recall_promises_exactly_what_the_fold_then_makes_of_it(
    events: list[MemoryEvent], now_ms: int
) -> None:
    view = fold_log(at_offsets(events))
    for number, (ref, memory) in enumerate(view.memories.items()):
        parameters = view.namespaces[ref[0]].parameters
        promised = activations(
            with_access(memories_of({ref: memory}), now_ms, parameters), now_ms, parameters
        )
        envelope = around(now_ms, number) | {"namespace": ref[0]}
        recall = accessed_event(ref[1], kind="recall", envelope=envelope)

        after = fold_log(at_offsets([*events, recall])).memories[ref]

        kept = activations(memories_of({ref: after}), now_ms, parameters)
        assert promised.total.tolist() == kept.total.tolist()


def test_recall_of_a_penalised_memory_answers_without_the_penalty_it_clears() -> None:
    day_later = TIME_MS + DAY_MS
    penalty = adjusted_event(ANN, -1.0, envelope=around(TIME_MS + 1, "penalty"))
    recall = accessed_event(ANN, kind="recall", envelope=around(day_later, "recall"))
    memories = memories_of(folded(stored(), penalty).memories)

    promised = activations(with_access(memories, day_later, DEFAULT), day_later, DEFAULT)

    kept = activations(memories_of(folded(stored(), penalty, recall).memories), day_later, DEFAULT)
    assert promised.total.tolist() == kept.total.tolist()


@EXAMPLES
@given(USED, TIMES, st.data())
def test_activation_does_not_depend_on_the_other_memories(
    events: list[MemoryEvent], now_ms: int, data: st.DataObject
) -> None:
    memories = fold_log(at_offsets([stored(), *events])).memories
    together = activations(memories_of(memories), now_ms, DEFAULT).total
    which = data.draw(st.integers(0, len(memories) - 1))
    ref = list(memories)[which]

    alone = activations(memories_of({ref: memories[ref]}), now_ms, DEFAULT).total

    assert together[which] == alone[0]


@pytest.mark.parametrize("ahead_ms", [1, 1_000, 300_000])
def test_memory_dated_ahead_of_our_clock_is_fresh(ahead_ms: int) -> None:
    memories = memories_of(folded(stored(time_ms=TIME_MS + ahead_ms)).memories)

    assert activations(memories, TIME_MS, DEFAULT).total.tolist() == [1.0]
    assert memories.at(TIME_MS).states["status"].tolist() == [DELETED]


def test_emotion_is_what_arousal_adds_and_base_what_there_would_be_without() -> None:
    day_later = TIME_MS + DAY_MS
    calm = memories_of(folded(stored()).memories)
    excited = memories_of(folded(stored(emotion={"arousal": 1.0})).memories)

    parts = activations(excited, day_later, DEFAULT)

    assert parts.emotion.tolist() == pytest.approx([0.425], abs=5e-4)
    assert parts.base.tolist() == pytest.approx(
        activations(calm, day_later, DEFAULT).total.tolist(), abs=1e-6
    )


@pytest.mark.parametrize(("nats", "shown"), [(-0.25, -0.25), (-1.5, -1.5), (-50.0, -2.0)])
def test_penalties_are_the_adjustment_and_leave_a_fresh_memory_at_the_threshold(
    nats: float, shown: float
) -> None:
    penalty = adjusted_event(ANN, nats, envelope=around(TIME_MS, "penalty"))
    memories = memories_of(folded(stored(), penalty).memories)

    parts = activations(memories, TIME_MS, DEFAULT)

    assert explanation_of(parts, 0).adjustment == pytest.approx(shown, abs=1e-12)
    assert parts.total.tolist() == pytest.approx([1 + shown], abs=1e-12)


def test_default_threshold_is_minus_one_and_follows_the_horizon() -> None:
    week = Parameters(horizon_seconds=7 * 86_400)

    assert threshold_of(DEFAULT) == pytest.approx(-1.0, abs=1e-12)
    assert threshold_of(week) == pytest.approx(-0.982530, abs=5e-7)


@pytest.mark.parametrize("offset", [0.0, 1e-9])
def test_memory_at_the_threshold_is_not_retrieved_and_above_it_is(offset: float) -> None:
    view = folded(stored())
    total = float(ranked(view).total[0])

    ranking = ranked(view, search(min_activation=total - offset))

    assert len(ranking.order) == (offset > 0)


def test_order_is_by_activation_then_cosine_then_id() -> None:
    # With a match of no weight, equal histories tie; half of them are nearer to the cue.
    far_names, near_names = ["b", "c", "a"], ["e", "f", "d"]
    vectors = {name: [1.0, 0.0] for name in near_names} | {name: [1.0, 1.0] for name in far_names}
    events = [
        stored(name, embedding=embedding(vectors[name], dimension=DIMENSION))
        for name in (*far_names, *near_names)
    ]
    fresher = stored("z", TIME_MS + 1000, embedding=embedding([0.0, 1.0], dimension=DIMENSION))
    flat = ParameterOverrides(cosine_weight=0.0)

    ranking = ranked(
        folded(*events, fresher), search(parameters=flat, top_k=7), now_ms=TIME_MS + 5000
    )

    assert found(ranking) == [
        memory_id("z"),
        *sorted((memory_id(name) for name in near_names), key=str),
        *sorted((memory_id(name) for name in far_names), key=str),
    ]


def test_no_more_than_asked_for_are_returned() -> None:
    view = folded(*(stored(name) for name in "abcdef"))

    assert len(ranked(view, search(top_k=4)).order) == 4


def test_deleted_memory_is_never_found() -> None:
    view = folded(stored(), forgotten_event(ANN, envelope=around(TIME_MS + 10)))

    for query in (
        search(min_activation=-1000),
        search(min_activation=-1000, include_decayed=True),
        search(min_activation=-1000, as_of=TIME_MS + 5),
    ):
        assert ranked(view, query, now_ms=TIME_MS + 20).order == []


def test_noise_is_the_same_for_the_same_seed_and_another_for_another_query() -> None:
    view = folded(stored())

    def noise(query: Search, cause: UUID) -> float:
        return float(ranked(view, query, cause=cause).parts.noise[0])

    one, other = derive("one"), derive("other")
    assert noise(search(), one) == 0.0
    assert noise(search(noise=True, seed=5), one) == noise(search(noise=True, seed=5), other)
    assert noise(search(noise=True, seed=5), one) != noise(search(noise=True, seed=6), one)
    assert noise(search(noise=True), one) == noise(search(noise=True), one)
    assert noise(search(noise=True), one) != noise(search(noise=True), other)


def test_parameters_of_the_namespace_and_those_of_the_search_both_count() -> None:
    view = folded(stored())
    changed = Parameters(cosine_weight=10.0, length_weight=0.0)
    view.put(PARAMETERS, "acme/one", None, changed)

    own = ranked(view)
    overridden = ranked(view, search(parameters=ParameterOverrides(cosine_weight=20.0)))

    assert (overridden.parts.match - own.parts.match).tolist() == pytest.approx([10 * 0.7])
