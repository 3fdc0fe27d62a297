"""The memory model in the running system: concepts, words, neighbours, succession, parameters."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import Rejected
from tests import builders
from tests.builders import TIME_MS
from tests.integration.agent import PATIENCE_SECONDS, Agent, ids
from tests.integration.services_fixture import System, assert_redis_is_the_fold_of_the_log
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
DAY_MS = 86_400_000
FILLERS = 510  # More than a namespace of which all is a candidate.


async def concept(agent: Agent, name: str, *aliases: str) -> None:
    await agent.tell(builders.concept(name, namespace=agent.namespace, aliases=list(aliases)))


async def relation(agent: Agent, source: str, target: str, weight: float = 1.0) -> None:
    command = builders.relation(source, target, weight=weight, namespace=agent.namespace)
    await agent.tell(command)


def parts(row: dict[str, Any]) -> dict[str, float]:
    explanation: dict[str, float] = row["explanation"]
    return explanation


async def test_memory_is_linked_to_the_concepts_its_text_names(agent: Agent) -> None:
    await concept(agent, "Python", "CPython")
    await concept(agent, "New York")

    memory = await agent.store("We ran cpython in NEW YORK.", concepts=["work"])

    assert (await agent.inspect(memory))["concepts"] == ["work", "Python", "New York"]


async def test_active_concept_lifts_what_is_linked_to_it(agent: Agent) -> None:
    await concept(agent, "Ada")
    linked = await agent.store("Ada likes tea.", occurred_at=TIME_MS)
    other = await agent.store("Bob likes tea.", occurred_at=TIME_MS)
    now = {"as_of": TIME_MS + DAY_MS, "explain": True}

    plain = await agent.search("Who likes tea?", **now)
    active = await agent.search("Who likes tea?", active_concepts=["Ada"], **now)

    before = {UUID(row["memory_id"]): row for row in plain}
    after = {UUID(row["memory_id"]): row for row in active}
    assert ids(active)[0] == linked
    # Two memories, one of them linked: S = ln(1 + 2), fan 2.
    lift = after[linked]["activation"] - before[linked]["activation"]
    assert lift == pytest.approx(0.4055, abs=1e-4)
    assert after[linked]["reasons"]["concepts"] == {"Ada": pytest.approx(lift)}
    assert after[other]["activation"] == pytest.approx(before[other]["activation"])


async def test_relation_carries_activation_a_step_further(agent: Agent) -> None:
    for name in ("Ada", "tea"):
        await concept(agent, name)
    await relation(agent, "Ada", "tea")
    for number in range(60):
        await agent.store(f"Number {number} is a number.", occurred_at=TIME_MS)
    near = await agent.store("There is tea.", occurred_at=TIME_MS)

    rows = await agent.search(
        "What is there?", active_concepts=["Ada"], as_of=TIME_MS + 1, explain=True, top_k=100
    )

    lifted = [UUID(row["memory_id"]) for row in rows if row["reasons"]["concepts"]]
    assert lifted == [near]


async def test_explanation_adds_up_and_names_what_made_it(agent: Agent) -> None:
    talk = {"session": "s1", "occurred_at": TIME_MS}
    await agent.store("Which instrument do you play?", speaker="Bob", **talk)
    answer = await agent.store("The violin, since I was six.", speaker="Ada", **talk)
    await agent.access(answer, kind="used", occurred_at=TIME_MS + 1000)

    rows = await agent.search(
        "Which instrument does Ada play?", as_of=TIME_MS + DAY_MS, explain=True
    )

    assert ids(rows)[0] == answer
    for row in rows:
        base, spreading, match = (parts(row)[name] for name in ("base", "spreading", "match"))
        rest = (parts(row)[name] for name in ("emotion", "adjustment", "noise"))
        assert base + spreading + match + sum(rest) == pytest.approx(row["activation"], abs=1e-9)
    reasons = rows[0]["reasons"]
    assert reasons["speaker"] > 0
    assert reasons["neighbours"] > 0
    assert reasons["words"].keys() >= {"instrument", "ada"}
    assert UUID(reasons["previous"]) == ids(rows)[1]
    assert {trace["kind"] for trace in reasons["traces"]} == {"used", "creation"}
    assert 0.5 < reasons["retrieval_probability"] <= 1
    assert reasons["retrieval_latency_seconds"] > 0
    assert reasons["retrieval_threshold"] == pytest.approx(-1)


async def test_superseded_fact_comes_after_the_newer_one_and_says_so(agent: Agent) -> None:
    old = await agent.store("Ada lives in Oslo.", occurred_at=TIME_MS)
    new = await agent.store("Bergen is where Ada is now.", occurred_at=TIME_MS + DAY_MS)
    later: dict[str, Any] = {"as_of": TIME_MS + 2 * DAY_MS, "explain": True}
    assert ids(await agent.search("Does Ada live in Oslo?", **later)) == [old, new]
    command = {"namespace": agent.namespace, "superseded_by": new, "occurred_at": TIME_MS + DAY_MS}

    await agent.tell(builders.supersede(old, **command))
    after = await agent.search("Does Ada live in Oslo?", **later)
    then = await agent.search("Does Ada live in Oslo?", as_of=TIME_MS + 1)
    await agent.tell(builders.supersede(old, reversed=True, **command))
    undone = await agent.search("Does Ada live in Oslo?", **later)

    assert ids(after) == [new, old]
    assert UUID(after[1]["superseded_by"]) == new
    reasons = after[0]["reasons"]
    assert [UUID(each) for each in reasons["supersedes"]] == [old]
    assert reasons["inherited"] > 0
    assert after[1]["reasons"]["inherited"] == 0
    assert (ids(then), "superseded_by" in then[0]) == ([old], False)
    assert (ids(undone), "superseded_by" in undone[0]) == ([old, new], False)


async def test_search_notices_that_a_newer_memory_puts_an_older_one_out_of_date(
    agent: Agent,
) -> None:
    said = {"speaker": "Ada"}
    old = await agent.store("I live in Oslo.", occurred_at=TIME_MS, **said)
    new = await agent.store("I moved to Bergen.", occurred_at=TIME_MS + DAY_MS, **said)
    now: dict[str, Any] = {"as_of": TIME_MS + 2 * DAY_MS}

    looked = await agent.search("Does Ada live in Oslo?", **now)
    before = await agent.inspect(old)
    noticed = await agent.search("Does Ada live in Oslo?")

    assert ids(looked) == ids(noticed) == [new, old]
    assert UUID(looked[1]["superseded_by"]) == new
    assert before["superseded_by"] is None

    async def recorded() -> bool:
        return bool((await agent.inspect(old))["superseded_by"] == str(new))

    await eventually(recorded, seconds=PATIENCE_SECONDS)
    back = {"namespace": agent.namespace, "superseded_by": new, "occurred_at": TIME_MS + DAY_MS}
    await agent.tell(builders.supersede(old, reversed=True, **back))
    assert "superseded_by" not in (await agent.search("Does Ada live in Oslo?", **now))[0]
    assert ids(await agent.search("Does Ada live in Oslo?", **now)) == [old, new]


async def test_parameters_of_a_namespace_act_from_then_on(agent: Agent) -> None:
    await agent.store("Tea is at four.", occurred_at=TIME_MS)
    later: dict[str, Any] = {"as_of": TIME_MS + DAY_MS, "explain": True}
    (before,) = await agent.search(**later)
    given = builders.parameters(base_level_weight=0, retrieval_threshold=-20.0)
    given = given.model_copy(update={"namespace": agent.namespace})

    await agent.tell(given)

    (after,) = await agent.search(**later)
    assert parts(before)["base"] == pytest.approx(0.4 * -0.063464, abs=1e-6)
    assert parts(after)["base"] == 0
    assert after["reasons"]["retrieval_threshold"] == -20.0


async def test_parameter_out_of_range_is_refused_by_name(agent: Agent) -> None:
    given = builders.parameters().parameters.model_copy(update={"horizon_seconds": -1.0})
    command = builders.parameters().model_copy(update={"parameters": given})

    with pytest.raises(Rejected, match=r"parameters\.horizon_seconds"):
        (await agent.bus.request(command)).unwrap()


async def test_feeling_in_a_text_slows_its_decay_and_nothing_else(agent: Agent) -> None:
    calm = await agent.store("The meeting was on Tuesday.", occurred_at=TIME_MS)
    upset = await agent.store("The accident was absolutely terrifying!", occurred_at=TIME_MS)

    fresh = [await agent.inspect(each, as_of=TIME_MS) for each in (calm, upset)]
    old = [await agent.inspect(each, as_of=TIME_MS + 7 * DAY_MS) for each in (calm, upset)]

    assert [row["activation"] for row in fresh] == [1.0, 1.0]
    assert old[1]["activation"] > old[0]["activation"] + 0.1
    assert old[0]["effective_decay_rate"] == 0.5


async def test_words_and_neighbours_find_what_the_vector_misses_in_a_large_namespace(
    agent: Agent, system: System
) -> None:
    commands = [
        builders.store(f"The weather report says {number} degrees.", namespace=agent.namespace)
        for number in range(FILLERS)
    ]
    for start in range(0, FILLERS, 100):
        await asyncio.gather(*map(agent.bus.request, commands[start : start + 100]))
    talk = {"session": "s1", "occurred_at": TIME_MS}
    await agent.store("What is the code of the xylophone case?", speaker="Bob", **talk)
    answer = await agent.store("Four, one, nine.", speaker="Ada", **talk)

    rows = await agent.search("xylophone", top_k=2, explain=True, record_access=False)

    assert answer in ids(rows)
    await assert_redis_is_the_fold_of_the_log(system)


async def test_what_is_in_focus_lifts_what_belongs_to_it(agent: Agent) -> None:
    await concept(agent, "violin")
    for number in range(20):
        await agent.store(f"Note {number} says nothing.", occurred_at=TIME_MS)
    old = await agent.store("The violin needs new strings.", occurred_at=TIME_MS)
    before = await agent.search("What is needed?", record_access=False, explain=True, top_k=50)

    await agent.store("I have just practised the violin.")
    after = await agent.search("What is needed?", record_access=False, explain=True, top_k=50)

    def lift(rows: list[dict[str, Any]]) -> float:
        return sum(
            sum(r["reasons"]["concepts"].values()) for r in rows if r["memory_id"] == str(old)
        )

    assert lift(before) == 0
    assert lift(after) > 0
