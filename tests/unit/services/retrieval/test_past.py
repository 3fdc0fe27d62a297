"""Questions about a past moment: penalties, status and succession of then."""

import pytest
from hypothesis import given, settings

from schemas.events import MemoryEvent
from schemas.parameters import Parameters
from services.projection.fold.fold import fold_log
from services.readside.activation import activations
from services.readside.columns import ACTIVE, DECAYED, DELETED
from tests.builders import (
    TIME_MS,
    accessed_event,
    adjusted_event,
    decayed_event,
    restored_event,
    search,
    superseded_event,
)
from tests.sequences import STATUS_CHANGES, TIMES, USES, around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import ANN, BOB, CID, folded, memories_of
from tests.unit.services.retrieval.asking import found, ranked

EXAMPLES = settings(max_examples=20)
IN_ORDER = logs(kinds=(*USES, *USES, *STATUS_CHANGES, "adjusted", "adjusted"), ordered=True)
STORED = small_stored(ANN, envelope=around(TIME_MS, "ann"))


def at(seconds: int) -> dict[str, object]:
    return around(TIME_MS + 1000 * seconds, seconds)


def bias_of(*events: MemoryEvent, as_of: int) -> float:
    ranking = ranked(
        folded(STORED, *events), search(as_of=TIME_MS + 1000 * as_of), now_ms=TIME_MS + 10**9
    )
    return float(ranking.parts.adjustment[0])


@EXAMPLES
@given(IN_ORDER, TIMES)
def test_status_at_a_past_moment_is_the_one_folded_by_then(
    events: list[MemoryEvent], moment_ms: int
) -> None:
    known = fold_log(at_offsets([event for event in events if event.time <= moment_ms]))
    now = fold_log(at_offsets(events))

    then = memories_of(now.memories).at(moment_ms)

    before = memories_of(known.memories).at_present(moment_ms)
    statuses = dict(zip(known.memories, before.states["status"].tolist(), strict=True))
    for (ref, memory), code in zip(now.memories.items(), then.states["status"], strict=True):
        gone = memory.state.status == "deleted" or ref not in known.memories
        assert code == (DELETED if gone else statuses[ref])


@EXAMPLES
@given(IN_ORDER, TIMES)
def test_activation_at_a_past_moment_is_that_of_the_log_until_then(
    events: list[MemoryEvent], moment_ms: int
) -> None:
    known = fold_log(at_offsets([event for event in events if event.time <= moment_ms]))
    now = fold_log(at_offsets(events))
    both = [ref for ref in known.memories if now.memories[ref].state.status != "deleted"]

    then = memories_of({ref: now.memories[ref] for ref in both}).at(moment_ms)

    before = memories_of({ref: known.memories[ref] for ref in both})
    parts = activations(then, moment_ms, Parameters())
    expected = activations(before, moment_ms, Parameters())
    assert parts.adjustment.tolist() == pytest.approx(expected.adjustment.tolist(), abs=1e-12)
    assert parts.total.tolist() == pytest.approx(expected.total.tolist(), abs=1e-6)


@EXAMPLES
@given(IN_ORDER)
def test_the_last_moment_is_now(events: list[MemoryEvent]) -> None:
    memories = memories_of(fold_log(at_offsets(events)).memories)
    last_ms = max(event.time for event in events)
    now = memories.at_present(last_ms)

    then = memories.at(last_ms)

    assert then.states["status"].tolist() == now.states["status"].tolist()
    assert then.states["bias"].tolist() == pytest.approx(now.states["bias"].tolist())
    assert then.states["access_count"].tolist() == now.states["access_count"].tolist()


@pytest.mark.parametrize(
    ("as_of", "expected"), [(0, 0.0), (1, -0.5), (2, -0.75), (3, 0.0), (4, -0.25)]
)
def test_penalties_are_those_of_then(as_of: int, expected: float) -> None:
    events: list[MemoryEvent] = [
        adjusted_event(ANN, -0.5, envelope=at(1)),
        adjusted_event(ANN, -0.25, envelope=at(2)),
        accessed_event(ANN, kind="used", envelope=at(3)),
        adjusted_event(ANN, -0.25, envelope=at(4)),
    ]

    assert bias_of(*events, as_of=as_of) == expected


@pytest.mark.parametrize(
    ("as_of", "status"), [(-1, DELETED), (0, ACTIVE), (1, DECAYED), (2, ACTIVE), (3, DECAYED)]
)
def test_status_is_that_of_then(as_of: int, status: int) -> None:
    view = folded(
        STORED,
        decayed_event(ANN, envelope=at(1)),
        restored_event(ANN, envelope=at(2)),
        decayed_event(ANN, envelope=at(3), accesses_seen=2),
    )
    query = search(as_of=TIME_MS + 1000 * as_of, min_activation=-1000, include_decayed=True)

    ranking = ranked(view, query, now_ms=TIME_MS + 10**9)

    assert ranking.memories.states["status"].tolist() == [status]
    assert found(ranking) == ([] if status == DELETED else [ANN])


def superseded_as_of(*events: MemoryEvent, seconds: int) -> str | None:
    view = folded(
        STORED,
        small_stored(BOB, envelope=around(TIME_MS, "bob")),
        small_stored(CID, envelope=around(TIME_MS, "cid")),
        *events,
    )
    query = search(as_of=TIME_MS + 1000 * seconds)
    ranking = ranked(view, query, now_ms=TIME_MS + 10**9)
    return ranking.memories.successor(ranking.memories.ids.index(str(ANN)))


@pytest.mark.parametrize(("seconds", "expected"), [(4, None), (5, str(BOB)), (6, str(BOB))])
def test_succession_is_that_of_then(seconds: int, expected: str | None) -> None:
    assert superseded_as_of(superseded_event(ANN, BOB, envelope=at(5)), seconds=seconds) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(4, None), (5, str(BOB)), (7, None)])
def test_succession_that_was_reversed_later_held_until_then(
    seconds: int, expected: str | None
) -> None:
    events: list[MemoryEvent] = [
        superseded_event(ANN, BOB, envelope=at(5)),
        superseded_event(ANN, BOB, envelope=at(7), reversed=True),
    ]

    assert superseded_as_of(*events, seconds=seconds) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(5, str(BOB)), (7, str(CID))])
def test_successor_is_the_one_of_then(seconds: int, expected: str) -> None:
    events: list[MemoryEvent] = [
        superseded_event(ANN, BOB, envelope=at(5)),
        superseded_event(ANN, CID, envelope=at(7)),
    ]

    assert superseded_as_of(*events, seconds=seconds) == expected
