"""Decay, runs and undo on the real Kafka and Redis: each slot once, whoever dies when."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.codec import decode_event
from schemas.errors import NotFound, Rejected
from schemas.events import MaintenanceCompleted, MemoryDecayed, MemoryEvent
from schemas.fields import Emotion, milliseconds
from schemas.ids import run_id
from schemas.maintenance import CancelRun, RunJob, UndoRun
from schemas.queries import GraphExport, RunQuery, Runs, WorkingMemoryQuery
from schemas.topics import EVENTS
from tests import builders
from tests.engines import Engines
from tests.integration.agent import Agent
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    read_all,
    system_on,
)
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
# A horizon so short that what was stored a moment ago has faded.
SHORT_SECONDS = 0.05
MANY = 300


@pytest.fixture(scope="module")
async def kept(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """A system with two instances of maintenance, whose clocks are far apart from any slot."""
    folder = tmp_path_factory.mktemp("maintenance")
    async with system_on(stack.kafka, stack.redis, folder, partitions=2) as own:
        own.environment = {"HUMAN_MEMORY_EMBEDDING_THREADS": "1"}
        started = [
            own.start("ingest", "projection", "retrieval", "maintenance"),
            own.start("maintenance"),
        ]
        await asyncio.gather(*[process.ready() for process in started])
        yield own


@pytest.fixture
async def keeper(kept: System, namespace: str) -> AsyncIterator[Agent]:
    """A client of a namespace there."""
    async with kept.bus() as bus:
        yield Agent(bus, namespace)


async def forgetful(agent: Agent, **parameters: float) -> None:
    """Make the namespace one where everything fades at once, and no clock runs."""
    values = {"horizon_seconds": SHORT_SECONDS, "decay_scheduled": 0} | parameters
    command = builders.parameters(**values, consolidation_scheduled=0)
    await agent.tell(command.model_copy(update={"namespace": agent.namespace}))


async def run(
    agent: Agent, job: str = "decay", *, slot: int | None = None, **parameters: Any
) -> dict[str, Any]:
    """A run on demand, of now or of a slot, done."""
    about = {"namespace": agent.namespace, "job": job, "slot": slot}
    command = RunJob.model_validate(about | {"parameters": parameters})
    result = await agent.tell(command)
    assert result["complete"]
    return result


async def events_of(system: System, namespace: str) -> list[MemoryEvent]:
    """The log of one namespace."""
    events = [decode_event(record.value) for record in await read_all(system, EVENTS)]
    return [event for event in events if event.namespace == namespace]


async def test_faded_memory_is_archived_listed_inspected_and_comes_back(
    keeper: Agent, kept: System
) -> None:
    await forgetful(keeper)
    faded = await keeper.store("The harbour was closed in winter.")
    pinned = await keeper.store("The key is under the mat.", pinned=True)
    await keeper.faded(faded, pinned, horizon_seconds=SHORT_SECONDS)

    result = await run(keeper)

    assert result["report"]["memories_decayed"] == 1
    assert (await keeper.inspect(faded))["status"] == "decayed"
    assert (await keeper.inspect(pinned))["status"] == "active"
    assert (await keeper.list(status="decayed"))["total"] == 1
    with pytest.raises(NotFound):
        await keeper.recall(faded)
    assert [
        row["memory_id"] for row in await keeper.search("harbour in winter", include_decayed=False)
    ] == [str(pinned)]
    await keeper.restore(faded)
    assert (await keeper.recall(faded))["content"].startswith("The harbour")
    await assert_redis_is_the_fold_of_the_log(kept)


async def test_strong_cue_brings_an_archived_memory_back_and_a_weak_one_does_not(
    keeper: Agent, kept: System
) -> None:
    await forgetful(keeper)
    faded = await keeper.store("The harbour was closed in winter.")
    await keeper.faded(faded, horizon_seconds=SHORT_SECONDS)
    await run(keeper)

    threshold: dict[str, Any] = {"min_activation": None}  # that of the namespace
    await keeper.search("How much is a kite?", **threshold)
    assert (await keeper.inspect(faded))["status"] == "decayed"  # too weak a cue
    looked_at = {"record_access": False} | threshold
    strict = looked_at | {"include_decayed": False}
    assert await keeper.search("Was the harbour closed in winter?", **strict) == []
    assert len(await keeper.search("Was the harbour closed in winter?", **looked_at)) == 1
    assert (await keeper.inspect(faded))["status"] == "decayed"  # looking changes nothing
    await keeper.search("Was the harbour closed in winter?", **threshold)

    assert (await keeper.inspect(faded))["status"] == "active"
    assert any(
        event.type == "memory.restored.v1" and event.subject == str(faded)
        for event in await events_of(kept, keeper.namespace)
    )


async def test_slot_given_to_two_members_many_times_is_run_once(
    keeper: Agent, kept: System
) -> None:
    await forgetful(keeper)
    memories = [await keeper.store(f"Parcel {number} arrived.") for number in range(3)]
    slot = _later((await keeper.inspect(memories[-1]))["created_at"])
    command = RunJob(namespace=keeper.namespace, job="decay", slot=slot)

    replies = [await keeper.bus.ask(command) for _ in range(2)]
    more = await asyncio.gather(*[keeper.bus.ask(command) for _ in range(5)])

    expected = str(run_id("decay", keeper.namespace, slot))
    assert {reply["run_id"] for reply in [*replies, *more]} == {expected}
    events = await events_of(kept, keeper.namespace)
    assert Counter(type(event) for event in events)[MaintenanceCompleted] == 1
    decayed = [event.subject for event in events if isinstance(event, MemoryDecayed)]
    assert sorted(decayed) == sorted(map(str, memories))
    await folded(kept)
    await assert_redis_is_the_fold_of_the_log(kept)


def _later(created_at: str) -> int:
    return milliseconds(datetime.fromisoformat(created_at)) + round(2_000 * SHORT_SECONDS)


async def test_memory_used_since_it_faded_is_not_archived(keeper: Agent) -> None:
    await forgetful(keeper, horizon_seconds=1.0)
    idle, used = await keeper.store("An idle thought."), await keeper.store("A thought in use.")
    await keeper.faded(idle, used, horizon_seconds=1.0)
    await keeper.access(used)
    moment = milliseconds(datetime.fromisoformat((await keeper.inspect(used))["last_accessed"]))

    result = await run(keeper, slot=moment)

    assert result["report"]["memories_decayed"] == 1
    assert (await keeper.inspect(idle))["status"] == "decayed"
    assert (await keeper.inspect(used))["status"] == "active"


async def test_undone_run_has_never_been(keeper: Agent, kept: System) -> None:
    await forgetful(keeper)
    memories = [await keeper.store(f"Note {number}.") for number in range(5)]
    await keeper.faded(*memories, horizon_seconds=SHORT_SECONDS)
    before = [await keeper.inspect(memory) for memory in memories]
    result = await run(keeper)
    assert result["report"]["memories_decayed"] == 5

    undone = await keeper.tell(UndoRun(namespace=keeper.namespace, run_id=UUID(result["run_id"])))

    after = [await keeper.inspect(memory) for memory in memories]
    assert undone["report"]["memories_affected"] == 5
    fading = ("activation", "effective_decay_rate")
    for one, other in zip(before, after, strict=True):
        assert {k: v for k, v in one.items() if k not in fading} == {
            k: v for k, v in other.items() if k not in fading
        }
    summary = await keeper.tell(RunQuery(namespace=keeper.namespace, run_id=result["run_id"]))
    assert summary["status"] == "undone"
    await assert_redis_is_the_fold_of_the_log(kept)


async def test_runs_are_listed_with_their_reports(keeper: Agent) -> None:
    await forgetful(keeper)
    await keeper.store("Something.")
    first, second = await run(keeper), await run(keeper)

    runs = await keeper.tell(Runs(namespace=keeper.namespace, after=keeper.position, job="decay"))

    assert [each["run_id"] for each in runs["runs"]] == [second["run_id"], first["run_id"]]
    assert runs["runs"][0]["status"] == "completed"
    assert runs["runs"][0]["report"] == second["report"]


async def test_what_cannot_be_done_is_said(keeper: Agent) -> None:
    unknown = uuid4()
    with pytest.raises(Rejected, match="goals"):
        await run(keeper, "strategic_prune", goals=[" "])
    assert (await run(keeper, "strategic_prune", goals=[]))["report"]["memories_affected"] == 0
    with pytest.raises(Rejected, match="capacity"):
        await run(keeper, "capacity", capacity=-1)
    with pytest.raises(NotFound):
        await keeper.tell(UndoRun(namespace=keeper.namespace, run_id=unknown))
    with pytest.raises(NotFound):
        await keeper.tell(CancelRun(namespace=keeper.namespace, run_id=unknown))
    with pytest.raises(NotFound):
        await keeper.tell(RunQuery(namespace=keeper.namespace, run_id=unknown))


async def test_working_memory_is_what_is_strongest_of_what_was_used_lately(keeper: Agent) -> None:
    recalled = await keeper.store("The doctor comes at four.")
    await keeper.recall(recalled)
    await keeper.recall(recalled)
    memories = [await keeper.store(f"Errand {number}.") for number in range(9)]

    focus = await keeper.tell(WorkingMemoryQuery(namespace=keeper.namespace, after=keeper.position))

    found = [each["memory_id"] for each in focus["memories"]]
    assert found == [str(each) for each in (recalled, *reversed(memories[3:]))]
    assert focus["capacity"] == 7
    strengths = [each["activation"] for each in focus["memories"]]
    assert strengths == sorted(strengths, reverse=True)


async def test_run_whose_member_is_killed_is_done_once_by_another(
    keeper: Agent, kept: System
) -> None:
    await forgetful(keeper)
    crates = [keeper.store(f"Crate {number} was opened.") for number in range(MANY)]
    await keeper.faded(*await asyncio.gather(*crates), horizon_seconds=SHORT_SECONDS)
    command = RunJob(namespace=keeper.namespace, job="decay")
    owners = [process for process in kept.processes if process.alive()]

    await keeper.bus.publish(command)
    await owners[-1].kill()
    kept.start("maintenance")

    async def all_archived() -> bool:
        return int((await keeper.stats())["decayed"]) == MANY

    await eventually(all_archived, seconds=120)
    await eventually(lambda: _completed(kept, keeper.namespace, 1), seconds=60)
    decayed = Counter(
        event.subject
        for event in await events_of(kept, keeper.namespace)
        if isinstance(event, MemoryDecayed)
    )
    assert len(decayed) == MANY
    await folded(kept)
    await assert_redis_is_the_fold_of_the_log(kept)


async def _completed(system: System, namespace: str, count: int) -> bool:
    events = await events_of(system, namespace)
    return sum(isinstance(event, MaintenanceCompleted) for event in events) == count


async def test_consolidation_makes_facts_and_skills_that_searches_find(
    keeper: Agent, kept: System
) -> None:
    told = [
        await keeper.store(f"Ann drinks green tea {when}.", session=f"tea {number}")
        for number, when in enumerate(("every morning", "in the morning", "each morning"))
    ]
    for day, box in enumerate(("red", "blue", "green")):
        for step in (f"Open the {box} box.", "Press the start button.", "Write the result down."):
            await keeper.store(step, session=f"lab {day}")

    result = await run(keeper, "consolidation")

    assert result["report"]["facts_extracted"] >= 1
    assert result["report"]["phase_4_compiled"] >= 1
    (fact, *_) = await keeper.search("What does Ann drink?", types=["semantic"])
    assert "tea" in fact["content"]
    inspected = await keeper.inspect(UUID(fact["memory_id"]))
    assert {source["memory_id"] for source in inspected["derived_from"]} == set(map(str, told))
    source = await keeper.inspect(told[0])
    assert source["derivatives"] == [fact["memory_id"]]
    then = await keeper.inspect(told[0], as_of=source["created_at"])
    assert then["derivatives"] == []
    (skill, *_) = await keeper.search("How do I start it?", types=["procedural"])
    assert "2. Press the start button." in skill["content"]
    undone = await keeper.tell(UndoRun(namespace=keeper.namespace, run_id=UUID(result["run_id"])))
    assert undone["report"]["memories_deleted"] >= 2
    assert await keeper.search("What does Ann drink?", types=["semantic"]) == []
    assert (await keeper.inspect(told[0]))["derivatives"] == []
    again = await run(keeper, "consolidation")
    assert (again["report"]["facts_extracted"], again["report"]["phase_4_compiled"]) == (0, 0)
    await keeper.tell(UndoRun(namespace=keeper.namespace, run_id=UUID(again["run_id"])))
    assert result["report"]["concepts_added"] == undone["report"]["concepts_removed"] > 0
    graph = await keeper.tell(GraphExport(namespace=keeper.namespace, after=keeper.position))
    assert (graph["total"], graph["edges"]) == (0, [])
    await folded(kept)
    await assert_redis_is_the_fold_of_the_log(kept)


async def test_consolidation_leaves_a_fresh_plain_memory_lower_and_a_moving_one_higher(
    keeper: Agent,
) -> None:
    plain = await keeper.store("The bus stop is next to the library.")
    felt = Emotion(valence=-0.9, arousal=1.0, salience=0.9)
    moving = await keeper.store("The roof of the barn caught fire.", emotion=felt)
    before = [(await keeper.inspect(each))["activation"] for each in (plain, moving)]

    result = await run(keeper, "consolidation")

    after = [(await keeper.inspect(each))["activation"] for each in (plain, moving)]
    assert result["report"]["episodes_replayed"] == 1
    assert after[0] < before[0] - 0.1  # the downscaling, and a moment more
    assert after[1] > before[1]


async def test_strategies_lower_what_they_say_and_a_second_caller_gets_the_same_report(
    keeper: Agent,
) -> None:
    wanted = await keeper.store("The deployment of the billing service needs two approvals.")
    other = await keeper.store("Noemi has a new kite.")
    command = RunJob.model_validate(
        {
            "namespace": keeper.namespace,
            "job": "strategic_prune",
            "parameters": {"goals": ["deploy the billing service"]},
        }
    )

    first, second = await asyncio.gather(keeper.bus.ask(command), keeper.bus.ask(command))

    assert first["report"]["memories_affected"] == 1
    explained = {
        row["memory_id"]: row["explanation"]["adjustment"]
        for row in await keeper.search("anything", explain=True, after=None)
    }
    assert explained[str(wanted)] == 0.0
    assert explained[str(other)] in (-0.5, -1.0)  # two runs, if the first was over already
    assert second["complete"]
