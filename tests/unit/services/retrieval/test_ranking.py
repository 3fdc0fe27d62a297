"""Activation of folded memories: parts, past moments, and what a reply promises."""

from collections.abc import Iterable
from functools import reduce
from operator import add
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.parameters import ParameterOverrides, Parameters
from schemas.queries import Search
from services.common.read_model import STATUSES, Status, pack_record
from services.retrieval.adapters.redis_reader import Candidates
from services.retrieval.domain import PARAMETERS, Memory, Ref, View, fold_log
from services.retrieval.ranking import (
    DELETED,
    Histories,
    accesses_at,
    activations,
    decode_histories,
    match_of,
    statuses_at,
    threshold_of,
    with_access,
)
from services.retrieval.search import Ranking, rank
from tests.builders import (
    TIME_MS,
    accessed_event,
    embedding,
    forgotten_event,
    memory_id,
    search,
)
from tests.sequences import (
    DAY_MS,
    DIMENSION,
    STATUS_CHANGES,
    TIMES,
    USES,
    adjusted_event,
    around,
    at_offsets,
    logs,
    small_stored,
)

EXAMPLES = settings(max_examples=30)
ANN = memory_id("ann")
NAMESPACE = "acme/one"
CAUSE = derive("cause")
USED = logs(kinds=(*USES, *USES, "adjusted"))
IN_ORDER = logs(kinds=(*USES, *USES, *STATUS_CHANGES), ordered=True)


def stored(name: str = "ann", time_ms: int = TIME_MS, **data: object) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(time_ms, name), **data)


def histories_of(view: View | dict[Ref, Memory]) -> Histories:
    memories = view.memories if isinstance(view, View) else view
    return decode_histories(
        [f"{namespace}:{name}" for namespace, name in memories],
        [pack_record(m.state, m.vector, m.traces) for m in memories.values()],
    )


def folded(events: Iterable[MemoryEvent]) -> Histories:
    return histories_of(fold_log(at_offsets(list(events))))


def candidates_of(*events: MemoryEvent) -> Candidates:
    """All memories as a search finds them, their ids as Redis has them."""
    view = fold_log(at_offsets(list(events)))
    histories = decode_histories(
        [str(name) for _, name in view.memories],
        [pack_record(m.state, m.vector, m.traces) for m in view.memories.values()],
    )
    vectors = np.frombuffer(b"".join(histories.vectors), "<f2")
    return Candidates(histories, vectors.reshape(len(histories), -1))


def ranked(candidates: Candidates, query: Search, now_ms: int = TIME_MS) -> Ranking:
    cue = np.array([1, 0, 0, 0], np.float16)
    return rank(query, CAUSE, candidates, (cue, now_ms))


def names(candidates: Candidates, ranking: Ranking) -> list[UUID]:
    return [UUID(candidates.histories.ids[i]) for i in ranking.order]


@EXAMPLES
@given(USED, TIMES, st.data())
def test_parts_add_up_to_the_activation_exactly(
    events: list[MemoryEvent], now_ms: int, data: st.DataObject
) -> None:
    histories = folded(events)
    some = st.lists(st.floats(-10, 10), min_size=len(histories), max_size=len(histories)).map(
        np.array
    )

    parts = activations(histories, now_ms, PARAMETERS, match=data.draw(some), noise=data.draw(some))

    for i, total in enumerate(parts.total):
        explained = parts.explanation(i).model_dump()
        assert reduce(add, explained.values()) == total
        assert np.isfinite(total)


@EXAMPLES
@given(USED, TIMES)
def test_what_happens_later_does_not_count(events: list[MemoryEvent], moment_ms: int) -> None:
    used = [event for event in events if event.type != "memory.adjusted.v1"]
    known = fold_log(at_offsets([event for event in used if event.time <= moment_ms]))
    all_of_it = fold_log(at_offsets(used))
    there = {ref: all_of_it.memories[ref] for ref in known.memories}
    same = {  # stored again later, or first, is the same memory only if its creation is the same
        ref: memory
        for ref, memory in there.items()
        if memory.state.created_ms == known.memories[ref].state.created_ms
    }
    before = histories_of({ref: known.memories[ref] for ref in same})
    after = histories_of(same)

    assert activations(after, moment_ms, PARAMETERS).total.tolist() == pytest.approx(
        activations(before, moment_ms, PARAMETERS).total.tolist(), abs=1e-6
    )
    counted = accesses_at(after, moment_ms).states
    assert counted["access_count"].tolist() == before.states["access_count"].tolist()
    assert counted["last_accessed_ms"].tolist() == before.states["last_accessed_ms"].tolist()


@EXAMPLES
@given(IN_ORDER, TIMES)
def test_status_at_a_past_moment_is_the_one_folded_by_then(
    events: list[MemoryEvent], moment_ms: int
) -> None:
    known = fold_log(at_offsets([event for event in events if event.time <= moment_ms]))
    now = fold_log(at_offsets(events))

    found = statuses_at(histories_of(now), moment_ms)

    def expected(ref: Ref, memory: Memory) -> Status:
        gone = memory.state.status == "deleted" or ref not in known.memories
        return "deleted" if gone else known.memories[ref].state.status

    assert [STATUSES[code] for code in found] == [
        expected(ref, memory) for ref, memory in now.memories.items()
    ]


@EXAMPLES
@given(logs(kinds=("stored", "accessed", "accessed", "restored", "decayed")), TIMES)
def test_recall_promises_exactly_what_the_fold_then_makes_of_it(
    events: list[MemoryEvent], now_ms: int
) -> None:
    view = fold_log(at_offsets(events))
    for number, (ref, memory) in enumerate(view.memories.items()):
        promised = activations(
            with_access(histories_of({ref: memory}), now_ms, PARAMETERS), now_ms, PARAMETERS
        )
        envelope = around(now_ms, number) | {"namespace": ref[0]}
        recall = accessed_event(ref[1], kind="recall", envelope=envelope)

        after = fold_log(at_offsets([*events, recall])).memories[ref]

        kept = activations(histories_of({ref: after}), now_ms, PARAMETERS)
        assert promised.total.tolist() == kept.total.tolist()


@EXAMPLES
@given(USED, TIMES, st.data())
def test_activation_does_not_depend_on_the_other_candidates(
    events: list[MemoryEvent], now_ms: int, data: st.DataObject
) -> None:
    memories = fold_log(at_offsets([stored(), *events])).memories
    together = activations(histories_of(memories), now_ms, PARAMETERS).total
    which = data.draw(st.integers(0, len(memories) - 1))
    ref = list(memories)[which]

    alone = activations(histories_of({ref: memories[ref]}), now_ms, PARAMETERS).total

    assert together[which] == alone[0]


@pytest.mark.parametrize("ahead_ms", [1, 1_000, 300_000])
def test_memory_dated_ahead_of_our_clock_is_fresh(ahead_ms: int) -> None:
    histories = folded([stored(time_ms=TIME_MS + ahead_ms)])

    assert activations(histories, TIME_MS, PARAMETERS).total.tolist() == [1.0]
    assert statuses_at(histories, TIME_MS).tolist() == [DELETED]


def test_emotion_is_what_arousal_adds_and_base_what_there_would_be_without() -> None:
    day_later = TIME_MS + DAY_MS
    calm = folded([stored()])
    excited = folded([stored(emotion={"arousal": 1.0})])

    parts = activations(excited, day_later, PARAMETERS)

    assert parts.emotion.tolist() == pytest.approx([0.425], abs=5e-4)
    assert parts.base.tolist() == pytest.approx(
        activations(calm, day_later, PARAMETERS).total.tolist(), abs=1e-6
    )


def test_penalties_are_the_adjustment() -> None:
    histories = folded([stored(), adjusted_event(ANN, -0.25, envelope=around(TIME_MS, "penalty"))])

    parts = activations(histories, TIME_MS, PARAMETERS)

    assert parts.explanation(0).adjustment == -0.25
    assert parts.total.tolist() == [0.75]


def test_default_threshold_is_minus_one_and_follows_the_horizon() -> None:
    week = Parameters(horizon_seconds=7 * 86_400)

    assert threshold_of(PARAMETERS) == pytest.approx(-1.0, abs=1e-12)
    assert threshold_of(week) == pytest.approx(-0.982530, abs=5e-7)


def test_match_is_zero_at_the_neutral_cosine() -> None:
    query = np.array([1, 0], np.float16)
    neutral = Parameters(cosine_neutral=0.0)

    cosines, match = match_of(query, np.array([[0, 1], [1, 0]], np.float16), neutral)

    assert cosines.tolist() == [0.0, 1.0]
    assert match.tolist() == [0.0, neutral.cosine_weight]


@pytest.mark.parametrize("offset", [0.0, 1e-9])
def test_memory_at_the_threshold_is_not_retrieved_and_above_it_is(offset: float) -> None:
    candidates = candidates_of(stored())
    total = float(ranked(candidates, search()).total[0])

    ranking = ranked(candidates, search(min_activation=total - offset))

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
    candidates = candidates_of(*events, fresher)
    flat = ParameterOverrides(cosine_weight=0.0)

    ranking = ranked(candidates, search(parameters=flat, top_k=7), TIME_MS + 5000)

    assert names(candidates, ranking) == [
        memory_id("z"),
        *sorted((memory_id(name) for name in near_names), key=str),
        *sorted((memory_id(name) for name in far_names), key=str),
    ]


def test_no_more_than_asked_for_are_returned() -> None:
    candidates = candidates_of(*(stored(name) for name in "abcdef"))

    assert len(ranked(candidates, search(top_k=4)).order) == 4


def test_deleted_memory_is_never_found() -> None:
    candidates = candidates_of(stored(), forgotten_event(ANN, envelope=around(TIME_MS + 10)))

    for query in (
        search(min_activation=-1000),
        search(min_activation=-1000, include_decayed=True),
        search(min_activation=-1000, as_of=TIME_MS + 5),
    ):
        assert ranked(candidates, query, query.as_of or TIME_MS + 20).order == []


def test_noise_is_the_same_for_the_same_seed_and_another_for_another_query() -> None:
    candidates = candidates_of(stored())

    def noise(query: Search, cause: UUID) -> float:
        cue = np.array([1, 0, 0, 0], np.float16)
        return float(rank(query, cause, candidates, (cue, TIME_MS)).parts.noise[0])

    one, other = derive("one"), derive("other")
    assert noise(search(), one) == 0.0
    assert noise(search(noise=True, seed=5), one) == noise(search(noise=True, seed=5), other)
    assert noise(search(noise=True, seed=5), one) != noise(search(noise=True, seed=6), one)
    assert noise(search(noise=True), one) == noise(search(noise=True), one)
    assert noise(search(noise=True), one) != noise(search(noise=True), other)
