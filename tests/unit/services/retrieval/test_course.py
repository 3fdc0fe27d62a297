"""The course of a memory's activation: it agrees with `inspect` at each moment, and with decay."""

from typing import Any

import pytest
from hypothesis import given, settings

from schemas.events import MemoryEvent
from schemas.parameters import Parameters
from schemas.queries import InspectResult
from services.maintenance.decisions import decide
from services.retrieval.queries.memory import MemoryQueries
from tests.builders import TIME_MS, accessed_event, decayed_event, inspect
from tests.fakes.event_log import MemoryEventLog
from tests.fakes.folded_side import FoldedSide
from tests.fakes.memory_reader import FoldedMemoryReader
from tests.sequences import NAMESPACES, STATUS_CHANGES, USES, around, logs, small_stored
from tests.unit.services.projection.folds import ANN, memories_of

EXAMPLES = settings(max_examples=20)
HISTORIES = logs(kinds=(*USES, *USES, *STATUS_CHANGES, "adjusted"), ordered=True)
DAY_MS = 86_400_000
NOW_MS = TIME_MS + 3 * DAY_MS


def queries_of(*events: MemoryEvent) -> MemoryQueries:
    log = MemoryEventLog()  # never written to: looking appends nothing
    return MemoryQueries(FoldedMemoryReader(FoldedSide(*events)), log)  # type: ignore[arg-type] # its rest


async def inspected(
    events: list[MemoryEvent], *, now_ms: int = NOW_MS, **asked: Any
) -> InspectResult:
    queries = queries_of(*events)
    reply = await queries.inspect(inspect(ANN, namespace=NAMESPACES[0], **asked), now_ms)
    return InspectResult.model_validate(reply.result)


def used(days: float, number: int = 1) -> MemoryEvent:
    return accessed_event(ANN, kind="used", envelope=around(TIME_MS + int(days * DAY_MS), number))


STORED = small_stored(ANN, envelope=around(TIME_MS, "ann"))


async def test_a_course_is_only_told_where_it_is_asked_for() -> None:
    queries = queries_of(STORED)

    reply = await queries.inspect(inspect(ANN, namespace=NAMESPACES[0]), NOW_MS)

    assert "course" not in (reply.result or {})


@pytest.mark.parametrize("days", [1, 2, 20])
async def test_past_is_what_inspect_would_have_told_and_now_what_it_tells(days: int) -> None:
    events = [STORED, used(0.5, 1), used(0.9, 2)]
    now_ms = TIME_MS + days * DAY_MS

    told = await inspected(events, now_ms=now_ms, course=20)

    assert told.course is not None
    assert told.course.ahead[0].at == now_ms
    assert told.course.ahead[0].activation == pytest.approx(told.activation, abs=1e-9)
    for point in told.course.past:
        then = await inspected(events, now_ms=now_ms, as_of=point.at)
        assert point.activation == pytest.approx(then.activation, abs=1e-9)


async def test_use_is_a_jump_that_the_points_show() -> None:
    told = await inspected([STORED, used(2)], course=2)

    assert told.course is not None
    levels = {point.at: point.activation for point in told.course.past}
    at = TIME_MS + 2 * DAY_MS
    assert levels[at] > levels[at - 1] + 1


async def test_it_fades_at_the_moment_from_which_decay_takes_it() -> None:
    events = [STORED, used(2)]
    told = await inspected(events, course=2)
    assert told.course is not None
    assert told.course.fades_at is not None
    side = FoldedSide(*events)
    columns = memories_of(dict(side.view.memories))

    taken = [
        decide(columns, told.course.fades_at + late_ms, Parameters()).faded
        for late_ms in (-1_000, 1_000)
    ]

    assert taken == [[], [0]]


async def test_with_a_use_now_it_is_stronger_and_stays_longer() -> None:
    told = await inspected([STORED, used(2)], course=20)

    course = told.course
    assert course is not None
    assert course.fades_at is not None
    assert course.fades_at_if_used is not None
    assert course.fades_at_if_used > course.fades_at
    both = zip(course.ahead, course.ahead_if_used, strict=True)
    assert all(better.activation > other.activation for other, better in both)


@pytest.mark.parametrize(
    "events",
    [
        [small_stored(ANN, envelope=around(TIME_MS, "ann"), pinned=True)],
        [STORED, decayed_event(ANN, envelope=around(TIME_MS, "decay"), accesses_seen=1)],
    ],
    ids=["pinned", "faded"],
)
async def test_pinned_or_faded_memory_has_no_moment_of_fading(events: list[MemoryEvent]) -> None:
    told = await inspected(events, course=5)

    assert told.course is not None
    assert told.course.fades_at is None


async def test_expiry_comes_before_fading_and_no_use_puts_it_off() -> None:
    ends_ms = NOW_MS + DAY_MS
    envelope = around(TIME_MS, "ann")

    told = await inspected([small_stored(ANN, envelope=envelope, expires_at=ends_ms)], course=5)

    assert told.course is not None
    assert (told.course.fades_at, told.course.fades_at_if_used) == (ends_ms, ends_ms)


@EXAMPLES
@given(HISTORIES)
async def test_any_history_has_a_course(events: list[MemoryEvent]) -> None:
    course = (await inspected([STORED, *events], course=10)).course

    assert course is not None
    moments = [point.at for point in (*course.past, *course.ahead)]
    assert moments == sorted(set(moments))
    assert len(course.ahead) == len(course.ahead_if_used)
    assert course.fades_at is None or course.fades_at >= TIME_MS


async def test_course_as_of_a_past_moment_knows_nothing_of_later_uses() -> None:
    moment_ms = TIME_MS + DAY_MS

    then = await inspected([STORED, used(2)], as_of=moment_ms, course=10)
    without = await inspected([STORED], now_ms=moment_ms, course=10)

    assert then.course == without.course
