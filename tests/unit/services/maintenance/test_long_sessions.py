"""Sessions that repeat a thing often, or that never end."""

import pytest

from schemas.events import MemoryStored
from tests.unit.services.maintenance.living import (
    DAY_MS,
    HOUR_MS,
    count,
    is_fact,
    store,
    world,
)

MINUTE_MS = 60_000


@pytest.mark.parametrize("turns", [12, 40])
async def test_what_four_conversations_repeat_often_is_a_fact_all_four_support(turns: int) -> None:
    own = world()
    for day in range(4):
        for turn in range(turns):
            own.now_ms += MINUTE_MS
            await store(
                own, f"Ann drinks green tea daily n{turns * day + turn}", session=f"day {day}"
            )
        own.now_ms += 2 * DAY_MS
    own.now_ms -= 2 * DAY_MS - HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "facts_extracted") == 1
    stored = next(each for each in own.events if is_fact(each))
    assert isinstance(stored, MemoryStored)
    assert stored.data.metadata["support"] == 4


async def test_agent_with_one_session_that_never_pauses_learns_from_what_comes_all_day() -> None:
    own = world()
    for hour in range(9):
        own.now_ms += HOUR_MS
        await store(own, f"Ann drinks green tea {hour}", session="the only one")

    result = await own.run("consolidation")

    assert count(result, "facts_extracted") == 1
