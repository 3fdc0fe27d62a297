"""Asking: what is found, in which order and why, and that looking does not change."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from schemas.errors import NotFound, Rejected, Unavailable
from schemas.events import MemoryAccessed
from schemas.fields import rfc3339
from schemas.topics import EVENTS
from services.projection.app import live_digest
from services.projection.batch import decode
from tests import builders
from tests.builders import TIME_MS
from tests.integration.agent import NO_THRESHOLD, PATIENCE_SECONDS, Agent, ids
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    read_all,
)
from tests.polling import eventually

# The first of them starts the services, which takes its time on a busy machine.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
DAY_MS = 86_400_000
YEAR_MS = 365 * DAY_MS


async def accesses_in_the_log(system: System, namespace: str) -> list[MemoryAccessed]:
    """What searches and recalls of a namespace have appended."""
    events = [decode(record).event for record in await read_all(system, EVENTS)]
    return [e for e in events if isinstance(e, MemoryAccessed) and e.namespace == namespace]


async def test_memory_that_says_what_is_asked_is_ranked_first(agent: Agent) -> None:
    texts = ["The cat sleeps on the roof.", "Tea is at four o'clock.", "Rent is due on Monday."]
    stored = [await agent.store(text) for text in texts]

    rows = await agent.search("When do we drink tea?")

    assert ids(rows)[0] == stored[1]
    assert set(ids(rows)) == set(stored)
    activations = [row["activation"] for row in rows]
    assert activations == sorted(activations, reverse=True)
    assert rows[0]["content"] == "Tea is at four o'clock."
    assert -1 <= rows[-1]["similarity"] < rows[0]["similarity"] <= 1


async def test_memory_used_more_often_is_ranked_before_its_twin(agent: Agent) -> None:
    twins = [await agent.store("Tea is at four.", occurred_at=TIME_MS) for _ in range(3)]

    for hours in range(3):
        await agent.access(twins[1], occurred_at=TIME_MS + (hours + 1) * 3_600_000)

    rows = await agent.search(as_of=TIME_MS + DAY_MS, collapse=False)
    assert ids(rows)[0] == twins[1]
    assert [row["access_count"] for row in rows] == [4, 1, 1]


async def test_search_filters_by_type_tags_and_time(agent: Agent) -> None:
    plan = {"memory_type": "semantic", "tags": ["tea", "plan"], "occurred_at": TIME_MS}
    wanted = await agent.store("Tea at four.", **plan)
    others = [plan | {"memory_type": "episodic"}, plan | {"tags": ["tea"]}]
    others += [plan | {"occurred_at": TIME_MS + days * DAY_MS} for days in (-2, 2)]
    for other in others:
        await agent.store("Tea at four.", **other)

    rows = await agent.search(
        types=["semantic", "procedural"],
        tags=["plan", "tea"],
        created_after=TIME_MS - DAY_MS,
        created_before=TIME_MS + DAY_MS,
    )

    assert ids(rows) == [wanted]


async def test_window_of_time_begins_with_its_first_moment_and_ends_before_its_last(
    agent: Agent,
) -> None:
    memory = await agent.store(occurred_at=TIME_MS)

    after = await agent.search(created_after=TIME_MS + 1)
    before = await agent.search(created_before=TIME_MS)
    between = await agent.search(created_after=TIME_MS, created_before=TIME_MS + 1)

    assert (after, before) == ([], [])
    assert ids(between) == [memory]


@pytest.mark.parametrize("emoji", ["❤️", "🇩🇪", "🎉", "👍🏽", "🫖"])
async def test_emoji_is_found_by_itself_and_by_its_name(agent: Agent, emoji: str) -> None:
    for other in ("The boiler man comes on Friday.", "🐙", "The keys hang by the door."):
        await agent.store(other)
    memory = await agent.store(emoji)

    found = await agent.search(query=emoji)

    assert ids(found)[:1] == [memory]
    assert found[0]["content"] == emoji


async def test_tag_is_told_from_one_that_differs_in_case_only(agent: Agent) -> None:
    upper, lower = await agent.store(tags=["Tea"]), await agent.store(tags=["tea"])

    assert ids(await agent.search(tags=["Tea"])) == [upper]
    assert ids(await agent.search(tags=["tea"])) == [lower]
    assert await agent.search(tags=["te"]) == []


async def test_search_returns_the_best_top_k_only(agent: Agent) -> None:
    for number in range(12):
        await agent.store(f"Fact {number}: tea is at four.", occurred_at=TIME_MS + number * DAY_MS)
    moment = TIME_MS + YEAR_MS
    everything = await agent.search(top_k=100, as_of=moment)

    few = await agent.search(top_k=5, as_of=moment)

    assert len(everything) == 12
    assert few == everything[:5]


async def test_only_what_is_more_active_than_asked_for_is_found(agent: Agent) -> None:
    for days in range(5):
        await agent.store(occurred_at=TIME_MS - days * 20 * DAY_MS)
    asked: dict[str, Any] = {"as_of": TIME_MS + DAY_MS, "collapse": False}
    rows = await agent.search(**asked)
    border = rows[2]["activation"]

    found = await agent.search(**asked, min_activation=border)

    assert ids(found) == ids(rows)[:2]


async def test_fact_alone_is_found_however_old_and_an_unrelated_question_finds_nothing(
    agent: Agent,
) -> None:
    memory = await agent.store("I live in Leeds.", occurred_at=TIME_MS)
    asked: dict[str, Any] = {"min_activation": None, "as_of": TIME_MS + YEAR_MS // 4}

    found = await agent.search("Where do I live?", **asked)
    unrelated = await agent.search("Who won the 1998 World Cup?", **asked)

    assert ids(found) == [memory]
    assert unrelated == []


async def test_parts_of_an_explanation_add_up_to_the_activation(agent: Agent) -> None:
    felt = {"valence": -0.5, "arousal": 0.9, "salience": 0.9}
    memory = await agent.store(occurred_at=TIME_MS, emotion=felt)
    await agent.access(memory, occurred_at=TIME_MS + DAY_MS)

    (row,) = await agent.search(explain=True, noise=True, seed=7)

    parts = row["explanation"]
    assert sum(parts.values()) == pytest.approx(row["activation"], abs=1e-9)
    assert set(parts) == {"base", "spreading", "match", "emotion", "adjustment", "noise"}
    assert parts["emotion"] > 0
    assert parts["noise"] != 0
    assert "explanation" not in (await agent.search())[0]


async def test_same_seed_gives_the_same_answer_and_no_noise_is_the_default(agent: Agent) -> None:
    for number in range(5):
        await agent.store(f"Fact {number}: tea.")
    moment = int(time.time() * 1000) + DAY_MS

    first = await agent.search(noise=True, seed=1, as_of=moment)
    again = await agent.search(noise=True, seed=1, as_of=moment)
    other = await agent.search(noise=True, seed=2, as_of=moment)
    quiet = [await agent.search(as_of=moment) for _ in range(2)]

    assert first == again
    assert [row["activation"] for row in first] != [row["activation"] for row in other]
    assert quiet[0] == quiet[1]


async def test_search_counts_its_own_access_and_the_log_shows_it(
    system: System, agent: Agent
) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    query_id = uuid4()

    (row,) = await agent.search(query_id=query_id, context="asked by Ada")

    (event,) = await accesses_in_the_log(system, agent.namespace)
    assert row["access_count"] == 2
    assert row["last_accessed"] == rfc3339(event.time)
    assert event.subject == str(query_id)
    assert [(each.memory_id, each.kind) for each in event.data.accesses] == [(memory, "search")]
    newest = (await agent.inspect(memory))["access_history"][0]
    assert newest == {
        "accessed_at": rfc3339(event.time), "kind": "search", "context": "asked by Ada",
    }  # fmt: skip


async def test_search_without_record_access_leaves_everything_as_it_is(
    system: System, agent: Agent
) -> None:
    memory = await agent.store()
    digest = await live_digest(system.settings)

    (row,) = await agent.search(record_access=False)

    assert row["access_count"] == 1
    assert await accesses_in_the_log(system, agent.namespace) == []
    assert await live_digest(system.settings) == digest
    assert (await agent.inspect(memory))["access_count"] == 1


async def test_questions_about_a_past_moment_record_nothing(system: System, agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    digest = await live_digest(system.settings)

    await agent.search(as_of=TIME_MS + DAY_MS)
    await agent.recall(memory, as_of=TIME_MS + DAY_MS)

    assert await live_digest(system.settings) == digest


async def test_past_moment_is_answered_as_it_was(agent: Agent) -> None:
    first = await agent.store("Tea is at four.", occurred_at=TIME_MS)
    later = await agent.store("Tea is at five.", occurred_at=TIME_MS + 10 * DAY_MS)
    await agent.access(first, occurred_at=TIME_MS + 5 * DAY_MS)
    moment = TIME_MS + 2 * DAY_MS

    rows = await agent.search(as_of=moment)

    assert ids(rows) == [first]
    assert rows[0]["access_count"] == 1
    with pytest.raises(NotFound):
        await agent.recall(later, as_of=moment)
    assert ids((await agent.list(as_of=moment))["memories"]) == [first]


async def test_query_that_is_asked_again_with_its_id_counts_once(agent: Agent) -> None:
    memory = await agent.store()
    query_id = uuid4()

    for _ in range(3):
        await agent.search(query_id=query_id)
        await agent.recall(memory, query_id=query_id)

    assert (await agent.inspect(memory))["access_count"] == 2


async def test_recall_brings_the_memory_and_makes_it_stronger(agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    before = (await agent.inspect(memory))["activation"]

    recalled = await agent.recall(memory, context="on a walk", explain=True)

    entry = await agent.inspect(memory)
    assert recalled["content"] == "Tea is at four."
    assert recalled["access_count"] == 2
    assert recalled["activation"] > before
    assert sum(recalled["explanation"].values()) == pytest.approx(recalled["activation"], abs=1e-9)
    assert entry["access_history"][0]["kind"] == "recall"
    assert entry["access_history"][0]["context"] == "on a walk"
    # A moment later it has decayed a little.
    assert entry["activation"] == pytest.approx(recalled["activation"], abs=0.01)


async def test_recall_of_an_unknown_memory_is_not_found(agent: Agent) -> None:
    await agent.store()

    with pytest.raises(NotFound, match=agent.namespace):
        await agent.recall(uuid4())


async def test_memory_of_another_namespace_is_unknown_to_this_one(
    memory: Bus, agent: Agent
) -> None:
    other = Agent(memory, agent.namespace + "-other")
    theirs = await other.store("Tea is at four.")

    for question in (agent.recall, agent.inspect):
        with pytest.raises(NotFound):
            await question(theirs)
    for command in (agent.forget, agent.access):
        await command(theirs)
    assert await agent.search() == []
    assert (await agent.list())["memories"] == []
    assert (await agent.stats())["total"] == 0
    assert (await other.inspect(theirs))["status"] == "active"
    assert (await other.inspect(theirs))["access_count"] == 1


async def test_looking_does_not_change(system: System, agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    await agent.forget(await agent.store())
    digest = await live_digest(system.settings)

    await agent.inspect(memory)
    await agent.list()
    await agent.list(status="deleted", tag="x", memory_type="episodic")
    await agent.stats()

    assert await live_digest(system.settings) == digest


async def test_empty_namespace_has_nothing_and_says_so(agent: Agent) -> None:
    assert await agent.search() == []
    assert (await agent.list())["memories"] == []
    assert await agent.stats() == {
        "total": 0, "active": 0, "decayed": 0, "deleted": 0, "avg_activation": 0.0,
    }  # fmt: skip


async def test_pages_have_neither_gaps_nor_repeats_while_memories_are_used(agent: Agent) -> None:
    stored = [
        await agent.store(f"Fact {number}.", occurred_at=TIME_MS + number * 60_000)
        for number in range(23)
    ]
    seen: list[UUID] = []
    cursor = None

    while True:
        page = await agent.list(limit=5, cursor=cursor)
        seen += ids(page["memories"])
        if (cursor := page["next_cursor"]) is None:
            break
        # The weakest become the strongest, and a new one comes: it belongs to no page of ours.
        await agent.recall(stored[0])
        await agent.recall(stored[11])
        await agent.store("Something new.")

    assert len(seen) == len(set(seen))
    assert set(seen) == set(stored)


async def test_list_by_offset_covers_all_in_the_order_of_their_activation(agent: Agent) -> None:
    stored = [
        await agent.store(f"Fact {number}.", occurred_at=TIME_MS + number * DAY_MS)
        for number in range(7)
    ]

    pages = [await agent.list(limit=3, offset=offset) for offset in (0, 3, 6)]

    assert [each for page in pages for each in ids(page["memories"])] == stored[::-1]
    assert [page["total"] for page in pages] == [7, 7, 7]


async def test_foreign_cursor_is_refused_by_name(agent: Agent) -> None:
    with pytest.raises(Rejected, match=r"cursor: .*begin without it"):
        await agent.list(cursor="1:2:3")


async def test_answer_after_a_write_has_seen_it(memory: Bus, agent: Agent) -> None:
    async def write_and_look(number: int) -> bool:
        own = Agent(memory, f"{agent.namespace}-{number % 5}")
        stored = await own.store(f"Fact {number}.")
        found = {row["memory_id"] for row in (await own.list(limit=200))["memories"]}
        return str(stored) in found

    assert all(await asyncio.gather(*[write_and_look(number) for number in range(50)]))


async def test_position_of_any_reply_can_be_waited_for(agent: Agent) -> None:
    await agent.store()

    # Each of these asks `after` the position of the one before.
    await agent.search()
    await agent.search(record_access=False)
    await agent.list()
    assert (await agent.stats())["total"] == 1
    assert len(await agent.search(record_access=False)) == 1


async def test_position_of_the_future_is_answered_as_unavailable_within_the_time_given(
    memory: Bus, agent: Agent
) -> None:
    await agent.store()
    partition = (agent.position or "").split(":")[0]
    query = builders.stats(namespace=agent.namespace, after=f"{partition}:999999999")

    with pytest.raises(Unavailable, match=f"{partition}:999999999 is not folded yet"):
        await memory.ask(query, timeout_seconds=1.0)


async def test_position_in_a_partition_that_does_not_exist_is_refused(
    memory: Bus, agent: Agent
) -> None:
    query = builders.stats(namespace=agent.namespace, after="99999:1")

    with pytest.raises(Unavailable, match="the log has no partition 99999"):
        await memory.ask(query, timeout_seconds=PATIENCE_SECONDS)


async def test_many_that_wait_for_a_future_write_hold_up_no_other(
    memory: Bus, agent: Agent
) -> None:
    await agent.store()
    partition = (agent.position or "").split(":")[0]
    waits = builders.stats(namespace=agent.namespace, after=f"{partition}:999999999")
    waiting = [
        asyncio.create_task(memory.request(waits, timeout_seconds=PATIENCE_SECONDS))
        for _ in range(200)
    ]
    # Sent before ours, and to the same partition: taken up before it.
    await eventually(lambda: memory._replies.pending >= 200)
    await memory.publish(waits)

    answer = await memory.ask(
        builders.ping(namespace=agent.namespace), timeout_seconds=PATIENCE_SECONDS / 4
    )

    assert "version" in answer
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)


async def test_namespaces_of_one_partition_see_only_themselves(
    system: System, memory: Bus, agent: Agent
) -> None:
    count = system.settings.partitions
    own = partition_of(agent.namespace.encode(), count)
    names = (f"{agent.namespace}.{number}" for number in range(1000))
    neighbours = [name for name in names if partition_of(name.encode(), count) == own][:3]
    # Prefixes of each other too: no key may be found by another's name.
    agents = [agent, *[Agent(memory, name) for name in [*neighbours, agent.namespace + "/"]]]

    stored = [await each.store("Tea is at four.", tags=["tea"]) for each in agents]

    for each, memory_id in zip(agents, stored, strict=True):
        assert ids(await each.search(tags=["tea"])) == [memory_id]
        assert (await each.stats())["total"] == 1


async def test_search_of_a_large_namespace_finds_the_one_and_keeps_to_its_filters(
    memory: Bus, agent: Agent
) -> None:
    texts = [f"Fact {number} is about the weather in {number}." for number in range(600)]
    commands = [
        builders.store(text, namespace=agent.namespace, occurred_at=TIME_MS) for text in texts
    ]
    await asyncio.gather(*[agent.tell(command) for command in commands])
    rare = await agent.store("Tea is at four.", tags=["rare"], occurred_at=TIME_MS)
    await memory.ask(
        builders.stats(namespace=agent.namespace, after=agent.position),
        timeout_seconds=PATIENCE_SECONDS,
    )

    by_meaning = await agent.search("When do we drink tea?", top_k=1, as_of=TIME_MS + DAY_MS)
    by_tag = await agent.search("weather", tags=["rare"], min_activation=NO_THRESHOLD)

    assert ids(by_meaning) == [rare]
    assert ids(by_tag) == [rare]
    assert (await agent.stats())["total"] == 601


async def test_after_all_this_redis_is_the_fold_of_the_log(system: System) -> None:
    await assert_redis_is_the_fold_of_the_log(system)
