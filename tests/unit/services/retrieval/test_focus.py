"""Working memory: few memories, used on purpose, lately."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import AccessKind, MemoryEvent
from schemas.parameters import Parameters
from services.projection.fold.fold import fold_log
from services.readside.activation import activations
from services.readside.columns import ACTIVE, statuses_at
from services.retrieval.working_memory import focus_of
from tests.builders import (
    TIME_MS,
    accessed_event,
    decayed_event,
    forgotten_event,
    memory_id,
    restored_event,
    stored_event,
)
from tests.sequences import STATUS_CHANGES, TIMES, USES, around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import HOUR_MS, folded, kinds, memories_of, traces_of
from tests.unit.services.retrieval.asking import of_namespace

SPANS = st.sampled_from([1.0, 3_600.0, 86_400.0 * 30])


def stored(name: str, time_ms: int = TIME_MS) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(time_ms, name))


def in_focus(*events: MemoryEvent, now_ms: int, **parameters: float) -> list[str]:
    memories = memories_of(folded(*events).memories)
    wanted = Parameters.model_validate(parameters)
    return [memories.ids[i] for i in focus_of(memories, now_ms, wanted)]


@settings(max_examples=20)
@given(logs(kinds=(*USES, *STATUS_CHANGES)), TIMES, st.integers(0, 5), SPANS)
def test_focus_holds_the_strongest_that_were_used_on_purpose_within_the_window(
    events: list[MemoryEvent], now_ms: int, capacity: int, seconds: float
) -> None:
    folded_memories = of_namespace(fold_log(at_offsets(events)))
    memories = memories_of(folded_memories)
    deliberate = ("creation", "recall", "used", "restore")
    last: dict[int, int] = {}
    for row, memory in enumerate(folded_memories.values()):
        for kind, trace in zip(kinds(memory), traces_of(memory), strict=True):
            if kind in deliberate and now_ms - seconds * 1000 <= trace["time_ms"] <= now_ms:
                last[row] = max(last.get(row, 0), int(trace["time_ms"]))
    active = np.flatnonzero(statuses_at(memories.states, now_ms) == ACTIVE).tolist()

    found = focus_of(memories, now_ms, Parameters(focus_capacity=capacity, focus_seconds=seconds))

    there = [row for row in last if row in active]
    assert len(found) == min(capacity, len(there))
    assert set(found) <= set(there)
    total = activations(memories, now_ms, Parameters()).total
    assert list(found.values()) == pytest.approx([total[row] for row in found])
    ordered = [(found[row], last[row]) for row in found]
    assert ordered == sorted(ordered, reverse=True)
    left = [total[row] for row in set(there) - set(found)]
    assert max(left, default=-np.inf) <= min(found.values(), default=np.inf) + 1e-9


@given(st.lists(st.integers(0, HOUR_MS), min_size=1, max_size=12), st.integers(0, 12))
def test_focus_of_memories_used_once_each_holds_the_latest_the_latest_first(
    ages_ms: list[int], capacity: int
) -> None:
    memories = memories_of(
        folded(*[stored(str(i), TIME_MS - age) for i, age in enumerate(ages_ms)]).memories
    )

    found = focus_of(memories, TIME_MS, Parameters(focus_capacity=capacity))

    assert [TIME_MS - memories.states["created_ms"][row] for row in found] == (
        sorted(ages_ms)[:capacity]
    )


@pytest.mark.parametrize(
    ("kind", "inside"), [("recall", True), ("used", True), ("search", False), ("rehearsal", False)]
)
def test_only_deliberate_use_brings_into_focus(kind: AccessKind, inside: bool) -> None:
    old = stored("ann", TIME_MS - 48 * HOUR_MS)
    use = accessed_event(memory_id("ann"), kind=kind, envelope=around(TIME_MS - 1000))

    assert in_focus(old, use, now_ms=TIME_MS) == [str(memory_id("ann"))] * inside


@pytest.mark.parametrize(
    ("age_ms", "inside"), [(0, True), (HOUR_MS, True), (HOUR_MS + 1, False), (-1, False)]
)
def test_window_ends_after_an_hour(age_ms: int, inside: bool) -> None:
    found = in_focus(stored("ann", TIME_MS - age_ms), now_ms=TIME_MS)

    assert found == [str(memory_id("ann"))] * inside


def test_memory_recalled_twice_keeps_its_seat_before_newer_ones() -> None:
    old, now_ms = memory_id("ann"), TIME_MS + HOUR_MS
    recalls = [
        accessed_event(old, envelope=around(TIME_MS + minute * 60_000, minute)) for minute in (1, 2)
    ]
    newer = [stored(str(i), TIME_MS + (10 + i) * 60_000) for i in range(3)]
    latest = [str(memory_id(str(i))) for i in (2, 1, 0)]

    held = {"now_ms": now_ms, "focus_capacity": 3}
    assert in_focus(stored("ann"), *recalls, *newer, **held) == [str(old), *latest[:2]]
    assert in_focus(stored("ann"), *newer, **held) == latest


def test_of_equally_strong_memories_the_one_used_last_comes_first() -> None:
    # Without weight of the base level all are equal, so that only the time of use decides.
    events = [stored(str(i), TIME_MS - i) for i in (1, 0, 2)]
    latest = [str(memory_id(str(i))) for i in range(3)]

    assert in_focus(*events, now_ms=TIME_MS, base_level_weight=0.0) == latest


def test_seven_are_held_unless_told_otherwise_the_latest_first() -> None:
    events = [stored(str(i), TIME_MS + i) for i in range(10)]
    latest = [str(memory_id(str(i))) for i in range(9, -1, -1)]

    assert in_focus(*events, now_ms=TIME_MS + 10) == latest[:7]
    assert in_focus(*events, now_ms=TIME_MS + 10, focus_capacity=2) == latest[:2]
    assert in_focus(*events, now_ms=TIME_MS + 10, focus_capacity=0) == []


def test_what_is_not_active_is_in_nobodys_focus_until_it_comes_back() -> None:
    name, ago = memory_id("ann"), TIME_MS - 48 * HOUR_MS
    fresh = stored("ann", TIME_MS - 1000)

    for gone in (forgotten_event, decayed_event):
        left = gone(name, envelope=around(TIME_MS - 500))
        assert in_focus(fresh, left, now_ms=TIME_MS) == []
        back = restored_event(name, envelope=around(TIME_MS - 100))
        assert in_focus(stored("ann", ago), left, back, now_ms=TIME_MS) == [str(name)]


def test_fact_that_was_made_of_others_takes_no_seat_until_it_is_used() -> None:
    told = [stored(name) for name in "abc"]
    sources = [{"memory_id": memory_id(name), "weight": 1.0} for name in "abc"]
    fact = stored_event(
        memory_id("fact"), envelope=around(TIME_MS + 1, "fact"), derived_from=sources
    )
    used = accessed_event(memory_id("fact"), kind="used", envelope=around(TIME_MS + 2, "use"))

    names = [str(memory_id(name)) for name in "abc"]
    assert sorted(in_focus(*told, fact, now_ms=TIME_MS + 9)) == sorted(names)
    assert in_focus(*told, fact, used, now_ms=TIME_MS + 9)[0] == str(memory_id("fact"))
