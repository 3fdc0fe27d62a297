"""What counts as a repetition: what one conversation says three times is said once."""

import pytest

from schemas.events import MemoryStored
from tests.unit.services.maintenance.living import (
    DAY_MS,
    HOUR_MS,
    contents,
    count,
    is_fact,
    store,
    world,
)

WHEN = ("daily", "again", "today")
MINUTE_MS = 60_000


async def test_what_one_conversation_repeats_within_minutes_is_no_fact() -> None:
    own = world()
    for when in WHEN:
        own.now_ms += MINUTE_MS
        await store(own, f"Ann drinks green tea {when}", session="chat")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 0


async def test_the_same_told_on_three_days_is_a_fact_whose_support_is_days_not_turns() -> None:
    own = world()
    for day, when in enumerate(WHEN):
        for turn in range(2):
            own.now_ms += MINUTE_MS
            await store(own, f"Ann drinks green tea {when} {turn}", session=f"day {day}")
        own.now_ms += DAY_MS
    own.now_ms -= DAY_MS - HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 1
    stored = next(each for each in own.events if is_fact(each))
    assert isinstance(stored, MemoryStored)
    assert stored.data.metadata["support"] == 3
    assert len(stored.data.derived_from) == 6


async def test_what_came_without_a_session_minutes_ago_is_a_fact() -> None:
    own = world()
    for when in WHEN:
        own.now_ms += MINUTE_MS
        await store(own, f"Ann drinks green tea {when}")

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 1
    assert len(contents(own, "semantic")) == 1


async def test_conversation_that_a_fact_comes_of_is_no_new_evidence_for_it() -> None:
    own = world()
    for day, when in enumerate(WHEN):
        await store(own, f"Ann drinks green tea {when}", session=f"day {day}")
        own.now_ms += MINUTE_MS
    await own.run("consolidation")
    own.now_ms += MINUTE_MS
    await store(own, "Ann drinks green tea now", session="day 2")  # it goes on
    own.now_ms += MINUTE_MS
    same = await own.run("consolidation", phases=["extract"])
    await store(own, "Ann drinks green tea early", session="day 3")
    own.now_ms += MINUTE_MS

    other = await own.run("consolidation", phases=["extract"])

    assert (count(same, "facts_extracted"), count(same, "facts_strengthened")) == (0, 0)
    assert (count(other, "facts_extracted"), count(other, "facts_strengthened")) == (0, 1)


async def test_evidence_strengthens_a_fact_once_however_often_it_is_looked_at() -> None:
    own = world()
    for day, when in enumerate(WHEN):
        await store(own, f"Ann drinks green tea {when}", session=f"day {day}")
    own.now_ms += HOUR_MS
    await own.run("consolidation")
    own.now_ms += MINUTE_MS
    await store(own, "Ann drinks green tea now", session="day 4")
    reports = []
    for _ in range(3):
        own.now_ms += MINUTE_MS
        reports.append(await own.run("consolidation", phases=["extract"]))

    assert [count(each, "facts_strengthened") for each in reports] == [1, 0, 0]


@pytest.mark.parametrize("happened", [-2, -30])  # minutes before it was recorded
async def test_evidence_recorded_after_the_moment_of_a_late_run_counts_once(happened: int) -> None:
    own = world()
    for day, when in enumerate(WHEN):
        await store(own, f"Ann drinks green tea {when}", session=f"day {day}")
    own.now_ms += MINUTE_MS
    await own.run("consolidation")
    own.now_ms += 20 * MINUTE_MS
    slot_ms = own.now_ms
    own.now_ms += MINUTE_MS
    at_ms = own.now_ms + happened * MINUTE_MS
    await store(own, "Ann drinks green tea now", session="day 4", occurred_at=at_ms)
    late_ms = own.now_ms
    strengthened = []
    for moment in (slot_ms, late_ms + MINUTE_MS, late_ms + 2 * MINUTE_MS):
        own.now_ms = moment
        report = await own.run("consolidation", phases=["extract"])
        strengthened.append(count(report, "facts_strengthened"))

    assert strengthened == [0, 1, 0]


async def test_sequence_seen_again_strengthens_its_skill_once() -> None:
    own = world()

    async def routine(day: int) -> None:
        for step in ("open the red box", "press the start button", "write the result down"):
            own.now_ms += MINUTE_MS
            await store(own, step, session=f"day {day}")

    for day in range(3):
        await routine(day)
    own.now_ms += MINUTE_MS
    await own.run("consolidation", phases=["compile"])
    await routine(3)
    reports = []
    for _ in range(3):
        own.now_ms += MINUTE_MS
        reports.append(await own.run("consolidation", phases=["compile"]))

    assert [count(each, "skills_strengthened") for each in reports] == [1, 0, 0]
