"""Expiry in the fold, and as reads see it at any moment."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.fold.view import View
from services.readside.collections import COUNTS
from services.readside.columns import ACTIVE, Memories, status_name
from services.readside.corrections import FIELD
from services.readside.layout import pack_record
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    corrected_event,
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
    expected = ["active", "decayed", "decayed", "active", "active"]
    assert statuses(view, 4, 5, 8, 9, 100) == expected
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


LEASED = stored_event(ANN, envelope=at(0), expires_at=TIME_MS + 5 * HOUR_MS)
LONGER = corrected_event(ANN, envelope=at(9), expires_at=TIME_MS + 50 * HOUR_MS)
BACK = corrected_event(ANN, envelope=at(10), reversed=True)


def test_corrected_expiry_holds_as_if_it_had_been_said_from_the_start() -> None:
    view = folded(LEASED, LONGER)

    assert statuses(view, 4, 5, 49, 50) == ["active", "active", "active", "decayed"]
    assert only(view).state.expires_ms == TIME_MS + 50 * HOUR_MS
    assert only(view).parts == only(folded(LEASED)).parts
    assert ANN in view.touched[NAMESPACE].due


def test_memory_that_decay_archived_as_expired_is_active_once_that_is_corrected() -> None:
    archived = decayed_event(ANN, envelope=at(6), reason="expired")
    view = folded(LEASED, archived, LONGER)

    assert only(view).state.status == "active"
    assert statuses(view, 4, 7, 49, 50) == ["active", "active", "active", "decayed"]
    assert view.namespaces[NAMESPACE][COUNTS] == folded(LEASED).namespaces[NAMESPACE][COUNTS]


def test_memory_whose_expiry_was_corrected_is_not_archived_by_a_run_that_did_not_know_yet() -> None:
    view = folded(LEASED, LONGER, decayed_event(ANN, envelope=at(6), reason="expired"))

    assert only(view).state.status == "active"


def test_memory_that_has_faded_stays_archived_whatever_is_said_of_its_expiry() -> None:
    view = folded(LEASED, decayed_event(ANN, envelope=at(4)), LONGER)

    assert only(view).state.status == "decayed"
    assert statuses(view, 3, 4, 9) == ["active", "decayed", "decayed"]


def test_expiry_can_be_given_and_taken_away_later() -> None:
    lasting = stored_event(ANN, envelope=at(0))
    never = corrected_event(ANN, envelope=at(10), expires_at="never")

    given, taken = folded(lasting, LONGER), folded(LEASED, never)

    assert statuses(given, 49, 50) == ["active", "decayed"]
    assert statuses(taken, 4, 5, 1000) == ["active"] * 3
    assert only(taken).document == only(folded(lasting)).document | {  # type: ignore[operator]
        FIELD: only(taken).document[FIELD]  # type: ignore[index]
    }


@pytest.mark.parametrize("archived", [[], [decayed_event(ANN, envelope=at(6), reason="expired")]])
def test_correction_of_an_expiry_that_is_taken_back_leaves_the_one_before(
    archived: list[MemoryEvent],
) -> None:
    view, expected = folded(LEASED, *archived, LONGER, BACK), folded(LEASED)

    assert only(view).document == only(expected).document
    assert only(view).state.expires_ms == only(expected).state.expires_ms
    assert statuses(view, 4, 5, 6, 20) == ["active", "decayed", "decayed", "decayed"]


def test_what_was_outlived_holds_no_more_when_a_correction_is_taken_back() -> None:
    restored = restored_event(ANN, envelope=at(9))
    noted = corrected_event(ANN, envelope=at(10), metadata={"n": 1})
    taken = corrected_event(ANN, envelope=at(11), reversed=True)
    view = folded(LEASED, restored, noted, taken)

    assert statuses(view, 4, 5, 9, 100) == ["active", "decayed", "active", "active"]


@given(
    first=st.none() | st.integers(1, 40),
    said=st.lists(st.none() | st.integers(1, 80), max_size=4),
    written=st.lists(st.booleans(), min_size=5, max_size=5),
    moment=st.integers(0, 100),
)
def test_reads_show_the_same_whether_decay_has_written_an_expiry_down_or_not(
    first: int | None, said: list[int | None], written: list[bool], moment: int
) -> None:
    expires = None if first is None else TIME_MS + first * HOUR_MS
    bare: list[MemoryEvent] = [stored_event(ANN, envelope=at(0), expires_at=expires)]
    full, now = list(bare), expires
    for number, hour in enumerate(said):
        at_ms = TIME_MS + (41 + number) * HOUR_MS
        if written[number] and now is not None and now <= at_ms:
            full.append(decayed_event(ANN, envelope=at(41 + number, "decay"), reason="expired"))
        now = None if hour is None else TIME_MS + hour * HOUR_MS
        correction = corrected_event(
            ANN, envelope=at(41.5 + number), expires_at="never" if now is None else now
        )
        bare, full = [*bare, correction], [*full, correction]

    expected = "active" if now is None or moment * HOUR_MS < now - TIME_MS else "decayed"
    assert statuses(folded(*bare), moment) == statuses(folded(*full), moment) == [expected]


def statuses(view: View, *hours: int) -> list[str]:
    """The statuses that reads show as of some hours."""
    memories = columns(view)
    seen = [memories.at(TIME_MS + hour * HOUR_MS).states["status"][0] for hour in hours]
    return [status_name(int(each)) for each in seen]


def columns(view: View) -> Memories:
    memory = only(view)
    return Memories.of([str(ANN)], [pack_record(memory.state, memory.parts)])
