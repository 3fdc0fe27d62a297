"""A language model that is slow, answers nonsense or goes down: its phase ends, the rest runs."""

import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from schemas.events import MemoryStored
from schemas.fields import Emotion
from schemas.maintenance import RunJob
from schemas.queries import GraphExport
from schemas.topics import EVENTS
from services.projection.batch import decode
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
from tests.language_model import LocalModel, http, said, sensible

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]
TIMEOUT_SECONDS = 2
TRIES = 3
# A horizon so short that what was stored a moment ago, and is not rehearsed, has faded.
SHORT_SECONDS = 0.05
MOVING = Emotion(valence=0.5, arousal=0.9, salience=0.9)  # all of it is rehearsed
SUBJECTS = 2
EPISODES = [
    *((f"Ann drinks green tea {when}.", f"tea {when}") for when in ("daily", "again", "late")),
    *(
        (f"Bob likes the ferry to the island {when}.", f"ferry {when}")
        for when in ("at noon", "on Mondays", "in May")
    ),
]
# What is done in two sessions is a skill, and is no fact yet.
PRACTISED = [
    (step, f"lab {box}")
    for box in ("red", "blue")
    for step in (f"Open the {box} box.", "Press the start button.", "Write the result down.")
]
FADED = "The key of the door hangs in the hall."


@pytest.fixture(scope="module")
async def model() -> AsyncIterator[LocalModel]:
    """A language model that each test has fail in its way."""
    async with LocalModel(sensible) as own:
        yield own


@pytest.fixture(scope="module")
async def system(
    stack: Engines, model: LocalModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """An installation that asks it."""
    folder = tmp_path_factory.mktemp("language-model")
    async with system_on(stack.kafka, stack.redis, folder, partitions=1) as own:
        own.environment = {
            "HUMAN_MEMORY_EMBEDDING_THREADS": "1",
            "HUMAN_MEMORY_LANGUAGE_MODEL_URL": model.url,
            "HUMAN_MEMORY_LANGUAGE_MODEL": "local",
            "HUMAN_MEMORY_LANGUAGE_MODEL_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        }
        await own.start("ingest", "projection", "retrieval", "maintenance").ready()
        yield own


@pytest.fixture
async def lived(system: System, model: LocalModel) -> AsyncIterator[Agent]:
    """A namespace with material for each phase, and a model that works and was asked nothing."""
    model.asked.clear()
    model.reply, model.answers_max = sensible, None
    await model.listen()
    async with system.bus() as bus:
        agent = Agent(bus, f"model/{secrets.token_hex(6)}")
        never = {"decay_scheduled": 0, "consolidation_scheduled": 0}
        command = builders.parameters(horizon_seconds=SHORT_SECONDS, **never)
        await agent.tell(command.model_copy(update={"namespace": agent.namespace}))
        for text, session in EPISODES + PRACTISED:
            await agent.store(text, session=session, emotion=MOVING)
        faded = await agent.store(FADED, memory_type="semantic", emotion=Emotion())
        await agent.faded(faded, horizon_seconds=SHORT_SECONDS)
        yield agent


async def consolidate(agent: Agent) -> dict[str, Any]:
    """The report of a consolidation."""
    command = RunJob.model_validate(
        {"namespace": agent.namespace, "job": "consolidation", "parameters": {"support_min": 2}}
    )
    result = await agent.tell(command)
    assert result["complete"]
    report: dict[str, Any] = result["report"]
    return report


async def facts(system: System, agent: Agent) -> list[MemoryStored]:
    """The facts that consolidations have stored, as the log has them."""
    events = [decode(record).event for record in await read_all(system, EVENTS)]
    return [
        event
        for event in events
        if isinstance(event, MemoryStored)
        and event.namespace == agent.namespace
        and event.data.tags == ["consolidated"]
    ]


async def concepts(agent: Agent) -> int:
    """How many there are in the graph."""
    query = GraphExport(namespace=agent.namespace, after=agent.position)
    return int((await agent.tell(query))["total"])


def assert_rest_ran(report: dict[str, Any]) -> None:
    """All phases but that of the facts did what there was to do."""
    assert report["episodes_replayed"] == len(EPISODES) + len(PRACTISED)
    assert report["memories_pruned"] == 1
    assert report["phase_4_compiled"] == 1


async def assert_working_model_makes_the_facts(system: System, agent: Agent, missing: int) -> None:
    """The next consolidation is like a first one, and leaves each subject with one whole fact."""
    report = await consolidate(agent)

    assert "extract_error" not in report
    assert report["facts_extracted"] == missing
    stored = await facts(system, agent)
    assert len({event.subject for event in stored}) == len(stored) == SUBJECTS
    for event in stored:
        assert event.data.content.startswith("As ever: ")
        assert event.data.metadata["worded_by"] == "local"
        assert len(event.data.derived_from) == len(EPISODES) // SUBJECTS
        shown = await agent.inspect(UUID(event.subject))
        assert shown["status"] == "active"
    assert await concepts(agent) == 2 * SUBJECTS
    await folded(system)
    await assert_redis_is_the_fold_of_the_log(system)


async def test_model_that_takes_too_long_leaves_no_facts_until_it_answers(
    system: System, model: LocalModel, lived: Agent
) -> None:
    model.reply = lambda *_: None

    report = await consolidate(lived)

    assert report["extract_error"].endswith(f"does not answer: nothing within {TIMEOUT_SECONDS} s")
    assert report["facts_extracted"] == 0
    assert len(model.asked) == TRIES
    assert_rest_ran(report)
    assert await facts(system, lived) == []
    assert await concepts(lived) == 0
    model.reply = sensible
    await assert_working_model_makes_the_facts(system, lived, SUBJECTS)


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (
            said("I think that Ann likes tea!"),
            "nonsense: not the JSON that was asked for: 'I think",
        ),
        (said('{"answer": 42}'), "nonsense: not the JSON that was asked for: '{\"answer\": 42}'"),
        (said('{"fact": "Ann likes tea.", "episodes": [7, 8]}'), "nonsense: it cites 0 of the 3"),
    ],
    ids=["no JSON", "other JSON", "unknown episodes"],
)
async def test_where_a_model_answers_nonsense_an_episode_stands_for_the_fact(
    system: System, model: LocalModel, lived: Agent, answered: bytes, why: str
) -> None:
    model.reply = lambda *_: answered

    report = await consolidate(lived)

    assert why in report["extract_error"]
    assert report["facts_extracted"] == report["facts_worded_by_extraction"] == SUBJECTS
    assert_rest_ran(report)
    told = {text for text, _ in EPISODES}
    for event in await facts(system, lived):
        assert event.data.content in told
        assert event.data.metadata["worded_by"] == "extraction"


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        (http(b"<html>It works!</html>"), "does not answer: JSONDecodeError"),
        (http(b'{"choices": []}'), "does not answer: IndexError"),
    ],
    ids=["no API", "no choices"],
)
async def test_what_is_no_language_model_leaves_no_facts_until_there_is_one(
    system: System, model: LocalModel, lived: Agent, answered: bytes, why: str
) -> None:
    model.reply = lambda *_: answered

    report = await consolidate(lived)

    assert why in report["extract_error"]
    assert report["facts_extracted"] == 0
    assert_rest_ran(report)
    assert await facts(system, lived) == []
    assert await concepts(lived) == 0
    model.reply = sensible
    await assert_working_model_makes_the_facts(system, lived, SUBJECTS)


@pytest.mark.parametrize("refuses", [True, False], ids=["refuses connections", "fails with 500"])
async def test_model_that_is_down_half_way_leaves_what_it_worded_and_the_next_run_the_rest(
    system: System, model: LocalModel, lived: Agent, refuses: bool
) -> None:
    failed = http(b"out of memory", "500 Internal Server Error")
    model.reply = lambda n, question: sensible(n, question) if n == 1 else failed
    model.answers_max = 1 if refuses else None

    report = await consolidate(lived)

    assert ("ConnectError" if refuses else "it answers 500") in report["extract_error"]
    assert report["facts_extracted"] == 1
    assert_rest_ran(report)
    (fact,) = await facts(system, lived)
    assert len(fact.data.derived_from) == len(EPISODES) // SUBJECTS
    assert await concepts(lived) == 2
    model.reply, model.answers_max = sensible, None
    await model.listen()
    await assert_working_model_makes_the_facts(system, lived, SUBJECTS - 1)
