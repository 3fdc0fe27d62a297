"""What a consolidation makes of a namespace, on a virtual clock."""

import asyncio
import math
from copy import deepcopy
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryStored
from schemas.fields import Emotion
from schemas.ids import derive
from schemas.inbox import Supersede
from schemas.parameters import Parameters
from services.maintenance.decisions import levels_of
from services.maintenance.events import RunContext
from services.maintenance.jobs.undo import UndoJob
from services.maintenance.phrasing import Nonsense, WordingFailed
from services.readside.collections import CONCEPTS
from tests.builders import accessed_event
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.wording import Told
from tests.unit.services.maintenance.living import (
    DAY_MS,
    HOUR_MS,
    START_MS,
    contents,
    count,
    episodes,
    is_fact,
    level,
    rehearsals,
    status,
    store,
    use,
    world,
)


async def test_one_access_fades_after_a_week_with_downscaling_or_without() -> None:
    own = world()
    memory = await store(own, "The harbour was closed.")

    own.now_ms = START_MS + 7 * DAY_MS
    await own.run("decay")
    assert status(own, memory) == "active"
    own.now_ms = START_MS + round(7.26 * DAY_MS)
    result = await own.run("decay")

    assert status(own, memory) == "decayed"
    assert result.report["memories_decayed"] == 1
    own = world()
    memory = await store(own, "The harbour was closed.")
    own.now_ms += HOUR_MS
    await own.run("consolidation", phases=["prune"])
    own.now_ms = START_MS + round(5.8 * DAY_MS)
    await own.run("decay")
    assert status(own, memory) == "active"
    own.now_ms = START_MS + round(7.254 * DAY_MS)  # one horizon after it was recorded
    await own.run("decay")
    assert status(own, memory) == "decayed"


async def test_consolidation_makes_one_fact_of_what_was_said_again_and_again() -> None:
    own = world()
    said = await episodes(own)
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 1
    (fact,) = contents(own, "semantic")
    assert "tea" in fact
    stored = next(each for each in own.events if is_fact(each))
    assert isinstance(stored, MemoryStored)
    sources = {source.memory_id for source in stored.data.derived_from}
    assert sources == set(said)
    # The fact begins with the uses of its episodes: it is stronger than any of them.
    assert await level(own, UUID(stored.subject)) > max([await level(own, each) for each in said])
    assert count(result, "concepts_added") == len(own.view.namespace(own.namespace)[CONCEPTS]) == 2


async def test_consolidation_learns_nothing_from_what_expires_before_or_after() -> None:
    own = world()
    await episodes(own, expires_at=own.now_ms + 2 * HOUR_MS)

    for _ in range(3):
        own.now_ms += HOUR_MS
        result = await own.run("consolidation")
        assert result.report["facts_extracted"] == 0

    assert contents(own, "semantic") == []
    assert not any(rehearsals(own, name) for _, name in own.view.memories)


async def test_fact_seen_again_is_strengthened_and_not_stored_twice() -> None:
    own = world()
    await episodes(own)
    own.now_ms += HOUR_MS
    await own.run("consolidation")
    own.now_ms += HOUR_MS
    again = await own.run("consolidation", phases=["extract"])
    await store(own, "Ann drinks green tea now")
    own.now_ms += HOUR_MS
    new_evidence = await own.run("consolidation", phases=["extract"])

    assert (again.report["facts_extracted"], again.report["facts_strengthened"]) == (0, 0)
    assert new_evidence.report["facts_extracted"] == 0
    assert new_evidence.report["facts_strengthened"] == 1
    assert len(contents(own, "semantic")) == 1


async def test_only_what_is_salient_contradicted_or_needed_is_rehearsed() -> None:
    own = world()
    felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
    moving = await store(own, "The roof burnt.", emotion=felt)
    older, newer = [await store(own, f"Meet at {hour}.") for hour in ("noon", "five")]
    about = {"memory_id": older, "superseded_by": newer}
    await own.tell(Supersede.model_validate({"namespace": own.namespace} | about))
    used = await store(own, "Kites need wind.")
    await use(own, used)
    said = [await store(own, "Ann drinks green tea", session=f"s{number}") for number in range(3)]
    found = await store(own, "The ferry is white.")
    for number in range(3):
        envelope = {"id": derive("search", number), "time": own.now_ms, "namespace": own.namespace}
        own.take(accessed_event(found, kind="search", envelope=envelope))
    plain = await store(own, "The bridge closed.")
    own.now_ms += 1_000
    before = await level(own, plain)

    result = await own.run("consolidation")

    assert [rehearsals(own, each) for each in (moving, older, used)] == [1, 1, 1]
    assert sorted(rehearsals(own, each) for each in said) == [0, 0, 1]  # one stands for all
    assert [rehearsals(own, each) for each in (newer, found, plain)] == [0, 0, 0]
    assert result.report["episodes_replayed"] == 4
    assert await level(own, plain) == pytest.approx(before + math.log(0.9))


@settings(max_examples=15)
@given(count=st.integers(1, 12), seconds=st.floats(0.001, 3_600))
def test_consolidation_leaves_everything_lower_that_was_merely_said(
    count: int, seconds: float
) -> None:
    async def levels_before_and_after() -> list[tuple[float, float]]:
        own = world()
        memories = [await store(own, f"word{number} {number}") for number in range(count)]
        own.now_ms += max(1, round(1000 * seconds))
        before = [await level(own, each) for each in memories]
        await own.run("consolidation")
        return list(zip(before, [await level(own, each) for each in memories], strict=True))

    for before, after in asyncio.run(levels_before_and_after()):
        assert after < before


async def test_repeated_sequence_becomes_a_skill_with_its_steps() -> None:
    own = world()
    for day, colour in enumerate(("red", "blue", "green")):
        for step in (f"open the {colour} box", "press the start button", "write the result down"):
            own.now_ms += 60_000
            await store(own, step, session=f"day {day}")
        own.now_ms += HOUR_MS

    result = await own.run("consolidation", phases=["compile"])

    assert result.report["phase_4_compiled"] == 1
    (skill,) = contents(own, "procedural")
    assert "press the start button" in skill
    assert skill.startswith("1. ")
    repeated = await own.run("consolidation", phases=["compile"])
    assert repeated.report["phase_4_compiled"] == 0


async def test_downscaling_changes_the_ranking_and_spares_what_was_used() -> None:
    own = world()
    idle = await store(own, "An idle thought.")
    own.now_ms += HOUR_MS
    used = await store(own, "A thought in use.")
    await own.run("consolidation", phases=["prune"])
    before = await level(own, idle)
    own.now_ms += 1
    await use(own, used)
    parameters = own.view.namespace(own.namespace).parameters

    page = await FoldedReadSide(own).page(own.namespace, [str(idle), str(used)])
    plain = levels_of(page.memories, own.now_ms, Parameters())
    scaled = levels_of(page.memories, own.now_ms, parameters)

    assert scaled[0] - plain[0] == pytest.approx(-0.10536, abs=1e-5)
    assert scaled[1] == plain[1]
    own.now_ms += 6 * HOUR_MS
    await own.run("consolidation", phases=["prune"])
    # Not cumulative: twice downscaled is as once.
    twice = await level(own, idle)
    assert twice < before
    page = await FoldedReadSide(own).page(own.namespace, [str(idle)])
    parameters = own.view.namespace(own.namespace).parameters
    now = levels_of(page.memories, own.now_ms, parameters) - levels_of(
        page.memories, own.now_ms, Parameters()
    )
    assert now[0] == pytest.approx(-0.10536, abs=1e-5)


async def test_without_its_language_model_the_phase_says_so_and_the_rest_runs() -> None:
    own = world()
    own.wording = Told(WordingFailed("nobody answers"))
    await episodes(own)
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert result.report["facts_extracted"] == 0
    assert result.report["extract_error"] == "nobody answers"
    assert count(result, "memories_downscaled") > 0


async def test_where_the_language_model_answers_nonsense_an_episode_stands_for_the_fact() -> None:
    own = world()
    own.wording = Told(Nonsense("42"))
    for thing in ("green tea daily", "kites fly high"):
        for when in ("now", "then", "soon"):
            await store(own, f"{thing} {when}")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "facts_extracted") == count(result, "facts_worded_by_extraction") == 2
    assert result.report["extract_error"] == "the language model answers nonsense: 42"
    assert {text.rpartition(" ")[0] for text in contents(own, "semantic")} == {
        "green tea daily",
        "kites fly high",
    }
    assert count(result, "memories_downscaled") > 0


async def test_what_only_happened_or_greets_becomes_no_fact_and_a_habit_does() -> None:
    own = world()
    for told in ("The lamp was repaired", "Thanks for your help", "Ann plays the cello"):
        for when in ("at noon", "in winter", "after work"):
            await store(own, f"{told} {when}", speaker="Noemi")
    await store(own, "Hi Ann, thanks for the cello", speaker="Ann")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    (fact,) = contents(own, "semantic")
    assert fact.startswith("Ann plays the cello")
    assert count(result, "facts_extracted") == 1


async def test_language_model_that_is_down_half_way_leaves_what_it_said_and_the_rest_runs() -> None:
    own = world()
    tired = WordingFailed("nobody answers any more")
    own.wording = Told(Nonsense("42"), "Ann likes tea.", tired)
    for thing in ("green tea daily", "kites fly high", "old bridge repairs", "red boats sailing"):
        for when in ("now", "then", "soon"):
            await store(own, f"{thing} {when}")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation")

    assert count(result, "facts_worded_by_extraction") == 1
    assert count(result, "facts_extracted") == 2
    assert result.report["extract_error"] == "nobody answers any more"
    assert "Ann likes tea." in contents(own, "semantic")
    assert count(result, "memories_downscaled") > 0


async def test_what_the_language_model_said_is_in_the_event() -> None:
    own = world()
    own.wording = Told("Ann likes tea.")
    await episodes(own)
    own.now_ms += HOUR_MS

    await own.run("consolidation")

    stored = next(each for each in own.events if is_fact(each))
    assert isinstance(stored, MemoryStored)
    assert stored.data.content == "Ann likes tea."
    assert stored.data.metadata["worded_by"] == "told"


async def test_what_comes_back_every_two_weeks_becomes_a_skill_though_it_fades_in_between() -> None:
    own = world()
    for day in range(3):
        for step in ("open the box", "press the start button", "write the result down"):
            own.now_ms += 60_000
            await store(own, step, session=f"day {day}")
        own.now_ms += 14 * DAY_MS
        await own.run("decay")

    result = await own.run("consolidation", phases=["compile"])

    assert result.report["phase_4_compiled"] == 1


async def test_faded_fact_that_is_met_again_comes_back_and_undo_leaves_it_as_it_was() -> None:
    own = world()
    await episodes(own)
    own.now_ms += HOUR_MS
    await own.run("consolidation")
    fact = next(UUID(each.subject) for each in own.events if is_fact(each))
    own.now_ms += 60 * DAY_MS
    await own.run("decay")
    assert status(own, fact) == "decayed"
    before = deepcopy(own.view.memories[own.namespace, fact])
    await store(own, "Ann drinks green tea now", session="new")
    own.now_ms += HOUR_MS

    result = await own.run("consolidation", phases=["extract"])

    assert (result.report["facts_extracted"], result.report["facts_strengthened"]) == (0, 1)
    assert status(own, fact) == "active"
    context = RunContext(
        run_id=derive("undo", str(result.run_id)),
        namespace=own.namespace,
        job="undo",
        now_ms=own.now_ms,
        commanded_ms=own.now_ms,
    )
    await own.execute(context, UndoJob(run_id=result.run_id))
    after = own.view.memories[own.namespace, fact]
    assert (after.parts, after.state) == (before.parts, before.state)
