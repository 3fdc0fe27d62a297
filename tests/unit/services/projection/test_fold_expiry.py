"""Expiry in the fold, and as reads see it at any moment."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.fold.view import View
from services.readside.collections import COUNTS
from services.readside.columns import ACTIVE, Memories, status_name
from services.readside.layout import pack_record
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    decayed_event,
    forgotten_event,
    restored_event,
    stored_event,
)
from tests.unit.services.projection.folds import ANN, at, folded, only

HOUR_MS = 3_600_000


def test_expiry_is_kept_and_changes_nothing_else_of_a_memory() -> None:
    lasting = folded(stored_event(ANN, envelope=at(0)))

    view = folded(stored_event(ANN, envelope=at(0), expires_at=TIME_MS + 5 * HOUR_MS))

    assert only(view).state == replace(only(lasting).state, expires_ms=TIME_MS + 5 * HOUR_MS)
    assert view.namespaces[NAMESPACE][COUNTS] == lasting.namespaces[NAMESPACE][COUNTS]


def test_restoring_what_has_expired_lets_it_last_and_keeps_the_past() -> None:
    view = folded(
        stored_event(ANN, envelope=at(0), expires_at=TIME_MS + 5 * HOUR_MS),
        restored_event(ANN, envelope=at(9)),
    )

    memories = columns(view)
    statuses = [
        status_name(int(memories.at(TIME_MS + hour * HOUR_MS).states["status"][0]))
        for hour in (4, 5, 8, 9, 100)
    ]
    assert statuses == ["active", "decayed", "decayed", "active", "active"]
    assert memories.at_present(TIME_MS + 100 * HOUR_MS) is memories
    assert view.namespaces[NAMESPACE][COUNTS]["active"] == 1


def test_restoring_before_the_expiry_leaves_it_in_force() -> None:
    view = folded(
        stored_event(ANN, envelope=at(0), expires_at=TIME_MS + 5 * HOUR_MS),
        forgotten_event(ANN, envelope=at(1)),
        restored_event(ANN, envelope=at(2)),
    )

    assert only(view).state.expires_ms == TIME_MS + 5 * HOUR_MS


@given(
    expires=st.integers(1, 100),
    steps=st.lists(st.tuples(st.sampled_from(["forget", "restore", "decay"]), st.integers(0, 100))),
    moment=st.integers(0, 100),
)
def test_no_history_shows_as_active_what_has_expired_and_was_not_restored_since(
    expires: int, steps: list[tuple[str, int]], moment: int
) -> None:
    made: dict[str, Callable[..., MemoryEvent]] = {
        "forget": forgotten_event,
        "restore": restored_event,
        "decay": decayed_event,
    }
    steps.sort(key=lambda step: step[1])
    events: list[MemoryEvent] = [
        made[kind](ANN, envelope=at(hour) | {"id": derive("step", str(number))})
        for number, (kind, hour) in enumerate(steps)
    ]

    view = folded(
        stored_event(ANN, envelope=at(0), expires_at=TIME_MS + expires * HOUR_MS), *events
    )

    seen = columns(view).at(TIME_MS + moment * HOUR_MS).states["status"][0]
    restored = any(kind == "restore" and expires <= hour <= moment for kind, hour in steps)
    assert seen != ACTIVE or moment < expires or restored


def columns(view: View) -> Memories:
    memory = only(view)
    return Memories.of([str(ANN)], [pack_record(memory.state, memory.parts)])
