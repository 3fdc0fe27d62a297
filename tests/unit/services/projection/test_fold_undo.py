"""What a run of maintenance did to memories, taken back: all of it, and nothing else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.ids import derive, effect_id
from services.projection.digest import Value, rows_of_view
from services.projection.fold.fold import fold_log
from services.projection.fold.maintenance import SOURCE
from services.projection.fold.view import View
from tests.builders import (
    TIME_MS,
    accessed_event,
    adjusted_event,
    decayed_event,
    forgotten_event,
    memory_id,
    restored_event,
    stored_event,
)
from tests.sequences import ALL, NAMES, NAMESPACES, RUNS, TIMES, around, at_offsets, effects, logs
from tests.unit.services.projection.folds import ANN, HOUR_MS, at, folded, kinds, only

RUN = derive("run", "undone")
# Of what is archived there must be enough that a run can bring back.
BEFORE = logs(kinds=(*(kind for kind in ALL if kind not in RUNS), *["decayed"] * 10))


def undoing(namespace: str) -> list[MemoryEvent]:
    """Events that take back what the run did to any memory there."""
    return [
        adjusted_event(
            memory_id(name),
            0.0,
            envelope={**around(TIME_MS, ("undo", name)), "namespace": namespace},
            cause="undo",
            run_id=RUN,
        )
        for name in NAMES
    ]


def rows(view: View, namespace: str) -> dict[str, Value]:
    """All that is known of a namespace, but for where in the log it was changed."""
    view.namespace(namespace), view.touch(namespace)
    return {name: row for name, row in rows_of_view(view, namespace) if name != "changed"}


@given(BEFORE, effects(RUN))
def test_undone_run_leaves_every_memory_and_every_set_of_them_as_it_was(
    before: list[MemoryEvent], done: list[MemoryEvent]
) -> None:
    namespace = NAMESPACES[0]

    undone = fold_log(at_offsets([*before, *done, *undoing(namespace)]))

    assert rows(undone, namespace) == rows(fold_log(at_offsets(before)), namespace)


def of_run(event_type: str, time: dict[str, Any]) -> dict[str, Any]:
    """Around an effect of the run on Ann."""
    return time | {"id": effect_id(RUN, ANN, event_type), "source": SOURCE}


def test_revival_by_a_run_is_no_access_and_leaves_recent_and_frequent_as_they_are() -> None:
    revived = only(
        folded(
            stored_event(ANN),
            decayed_event(ANN, envelope=at(1)),
            restored_event(ANN, envelope=of_run("memory.restored.v1", at(2))),
        )
    )

    assert kinds(revived) == ["creation", "revival"]
    assert revived.state.status == "active"
    assert (revived.state.presentations, revived.state.access_count) == (2, 1)
    assert revived.state.last_accessed_ms == TIME_MS
    assert revived.state.use == 1.0


@given(TIMES, st.integers(1, 3))
def test_use_after_the_run_stays_when_the_run_is_undone(time_ms: int, uses: int) -> None:
    rehearsal = of_run("memory.accessed.v1", at(1)) | {"subject": str(RUN)}
    later = [
        accessed_event(ANN, envelope=around(time_ms + i * HOUR_MS, ("use", i))) for i in range(uses)
    ]
    undo = adjusted_event(ANN, 0.0, envelope=at(2, "undo"), cause="undo", run_id=RUN)

    with_run = folded(
        stored_event(ANN), accessed_event(ANN, kind="rehearsal", envelope=rehearsal), *later, undo
    )

    without = folded(stored_event(ANN), *later)
    assert only(with_run).state == only(without).state
    assert only(with_run).parts == only(without).parts


def test_memory_that_somebody_restored_after_a_run_had_stays_when_the_run_is_undone() -> None:
    archived: list[MemoryEvent] = [stored_event(ANN), decayed_event(ANN, envelope=at(1))]
    revived = restored_event(ANN, envelope=of_run("memory.restored.v1", at(2)))
    by_hand = restored_event(ANN, envelope=at(3, "by hand"))
    undo = adjusted_event(ANN, 0.0, envelope=at(4, "undo"), cause="undo", run_id=RUN)

    undone = only(folded(*archived, revived, by_hand, undo))

    without = only(folded(*archived, by_hand))
    assert (undone.state.status, undone.parts) == ("active", without.parts)
    assert undone.state == without.state


def test_run_brings_back_nothing_that_somebody_has_forgotten_meanwhile() -> None:
    forgotten: list[MemoryEvent] = [
        stored_event(ANN),
        decayed_event(ANN, envelope=at(1)),
        forgotten_event(ANN, envelope=at(2)),
    ]
    revived = restored_event(ANN, envelope=of_run("memory.restored.v1", at(3)))

    found = only(folded(*forgotten, revived))

    assert found.state == only(folded(*forgotten)).state
