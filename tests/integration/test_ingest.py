"""From a wish to a fact: what a producer sends, and what is remembered of it."""

import asyncio
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from schemas.codec import encode
from schemas.errors import NotFound, Rejected
from schemas.events import MemoryAccessed, MemoryStored
from schemas.fields import milliseconds, rfc3339
from schemas.ids import cause_of_key, cause_of_record
from schemas.inbox import Store
from schemas.topics import EVENTS, INBOX
from services.projection.batch import decode
from tests import builders
from tests.builders import TIME_MS
from tests.integration.agent import PATIENCE_SECONDS, Agent, ids
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    read_all,
)

# The first of them starts the services, which takes its time on a busy machine.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
DAY_MS = 86_400_000


async def events_of(system: System, namespace: str) -> list[object]:
    """The events of a namespace in the log."""
    records = await read_all(system, EVENTS)
    events = [decode(record).event for record in records]
    return [event for event in events if event is not None and event.namespace == namespace]


async def test_stored_memory_is_answered_with_its_id_and_where_it_is_in_the_log(
    system: System, memory: Bus, namespace: str
) -> None:
    command = builders.store(namespace=namespace, idempotency_key="k1")

    reply = await memory.request(command, timeout_seconds=PATIENCE_SECONDS)

    result = reply.unwrap()
    assert UUID(result["memory_id"]) == cause_of_key(namespace, "k1")
    assert result["activation"] == 1.0
    assert reply.position is not None
    partition, offset = (int(part) for part in reply.position.split(":"))
    assert partition == partition_of(namespace.encode(), system.settings.partitions)
    (event,) = [
        decode(record).event
        for record in await read_all(system, EVENTS)
        if (record.partition, record.offset) == (partition, offset)
    ]
    assert isinstance(event, MemoryStored)
    assert event.subject == result["memory_id"]
    assert event.namespace == namespace


async def test_memory_without_a_key_is_named_by_the_record_it_came_in(
    memory: Bus, agent: Agent
) -> None:
    command = builders.store(namespace=agent.namespace)

    at = await memory.publish(command, timeout_seconds=PATIENCE_SECONDS)

    expected = cause_of_record(at.topic, at.partition, at.offset, at.timestamp)
    later = await agent.store("Something later in the same partition.")
    rows = (await agent.list())["memories"]
    assert set(ids(rows)) == {expected, later}


async def test_same_key_twice_is_one_memory_and_another_body_under_it_is_refused(
    system: System, agent: Agent
) -> None:
    first = await agent.store("Tea is at four.", idempotency_key="k")

    second = await agent.store("Tea is at four.", idempotency_key="k")
    with pytest.raises(Rejected, match=r"^idempotency_key: "):
        await agent.store("Tea is at five.", idempotency_key="k")

    assert second == first
    (row,) = (await agent.list())["memories"]
    assert row["content"] == "Tea is at four."
    assert row["access_count"] == 1
    assert len(await events_of(system, agent.namespace)) == 1


async def test_same_key_in_another_namespace_is_another_memory(memory: Bus, agent: Agent) -> None:
    other = Agent(memory, agent.namespace + "-other")

    mine, theirs = await asyncio.gather(
        agent.store(idempotency_key="k"), other.store(idempotency_key="k")
    )

    assert mine != theirs
    assert (await agent.stats())["total"] == 1
    assert (await other.stats())["total"] == 1


async def test_equal_texts_without_a_key_are_separate_memories(agent: Agent) -> None:
    first, second = await agent.store("Tea is at four."), await agent.store("Tea is at four.")

    assert first != second
    assert (await agent.stats())["total"] == 2


async def test_time_it_happened_is_kept_apart_from_the_time_it_was_recorded(agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)

    entry = await agent.inspect(memory)

    assert entry["created_at"] == rfc3339(TIME_MS)
    assert entry["recorded_at"] > "2025-07"
    assert entry["last_accessed"] == rfc3339(TIME_MS)


async def test_time_it_happened_is_the_broker_s_where_the_producer_gives_none(
    agent: Agent,
) -> None:
    memory = await agent.store()

    entry = await agent.inspect(memory)

    assert entry["created_at"] == entry["recorded_at"]


async def test_all_that_was_sent_is_there_again(agent: Agent) -> None:
    memory = await agent.store(
        "Ben's tea is at four.",
        memory_type="semantic",
        context="kitchen",
        tags=["Tea", "afternoon tea"],
        metadata={"cups": 2, "nested": {"π": [None, 1.5, "ä"]}},
        concepts=["tea", "cup"],
        emotion={"valence": -0.5, "arousal": 0.9, "salience": 0.7},
        session="s1",
        speaker="Ada",
        pinned=True,
    )

    entry = await agent.inspect(memory)

    assert entry["content"] == "Ben's tea is at four."
    assert entry["memory_type"] == "semantic"
    assert entry["context"] == "kitchen"
    assert entry["tags"] == ["Tea", "afternoon tea"]
    assert entry["metadata"] == {"cups": 2, "nested": {"π": [None, 1.5, "ä"]}}
    assert entry["concepts"] == ["tea", "cup"]
    assert entry["emotion_valence"] == -0.5
    assert entry["emotion_arousal"] == 0.9
    assert entry["salience"] == 0.7
    assert (entry["session"], entry["speaker"], entry["pinned"]) == ("s1", "Ada", True)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z"])
async def test_event_of_long_ago_is_remembered_with_its_time(agent: Agent, moment: str) -> None:
    memory = await agent.store(occurred_at=moment)

    entry = await agent.inspect(memory)
    rows = await agent.search()

    assert entry["created_at"] == moment
    assert ids(rows) == [memory]


async def test_time_far_in_the_future_is_refused_by_name(agent: Agent) -> None:
    with pytest.raises(Rejected, match=r"occurred_at: 9999.* is in the future"):
        await agent.store(occurred_at="9999-12-31T23:59:59Z")


async def test_memory_dated_a_little_ahead_of_our_clock_is_found_and_shown_at_once(
    agent: Agent,
) -> None:
    before = await agent.store("Something else.")
    recorded = datetime.fromisoformat((await agent.inspect(before))["recorded_at"])
    at_ms = milliseconds(recorded) + 200_000

    memory = await agent.store("Tea is at four.", occurred_at=at_ms)

    assert (await agent.search())[0]["memory_id"] == str(memory)
    assert (await agent.inspect(memory))["created_at"] == rfc3339(at_ms)
    assert memory in ids((await agent.list())["memories"])
    assert (await agent.recall(memory, record_access=False))["access_count"] == 2
    assert (await agent.stats())["active"] == 2


async def test_reported_access_strengthens_and_is_shown_with_its_kind_and_context(
    agent: Agent,
) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    weak = (await agent.inspect(memory))["activation"]

    await agent.access(memory, kind="used", context="in an answer")

    entry = await agent.inspect(memory)
    assert entry["activation"] > weak
    assert entry["access_count"] == 2
    assert [(each["kind"], each["context"]) for each in entry["access_history"]] == [
        ("used", "in an answer"),
        ("creation", "initial_store"),
    ]


async def test_rehearsal_strengthens_without_counting_as_an_access(agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    weak = (await agent.inspect(memory))["activation"]

    await agent.access(memory, kind="rehearsal")

    entry = await agent.inspect(memory)
    assert entry["activation"] > weak
    assert entry["access_count"] == 1
    assert entry["last_accessed"] == rfc3339(TIME_MS)
    assert len(entry["access_history"]) == 1


async def test_access_with_a_key_counts_once_however_often_it_is_sent(agent: Agent) -> None:
    memory = await agent.store()

    for _ in range(3):
        await agent.access(memory, memory, idempotency_key="a1")

    assert (await agent.inspect(memory))["access_count"] == 2


async def test_accesses_of_one_message_count_for_each_memory(agent: Agent) -> None:
    first, second = await agent.store(), await agent.store()

    await agent.access(first, second, uuid4())

    assert (await agent.inspect(first))["access_count"] == 2
    assert (await agent.inspect(second))["access_count"] == 2


async def test_access_dated_before_another_is_shown_in_its_place(agent: Agent) -> None:
    memory = await agent.store(occurred_at=TIME_MS)
    await agent.access(memory, occurred_at=TIME_MS + 2 * DAY_MS)

    await agent.access(memory, occurred_at=TIME_MS + DAY_MS)

    entry = await agent.inspect(memory)
    times = [each["accessed_at"] for each in entry["access_history"]]
    assert times == [rfc3339(TIME_MS + days * DAY_MS) for days in (2, 1, 0)]
    assert entry["last_accessed"] == rfc3339(TIME_MS + 2 * DAY_MS)


async def test_forgotten_memory_is_in_no_search_and_no_recall_but_can_be_inspected(
    agent: Agent,
) -> None:
    kept, forgotten = await agent.store("Tea is at four."), await agent.store("Tea is hot.")

    await agent.forget(forgotten, reason="asked to")

    assert ids(await agent.search(include_decayed=True)) == [kept]
    with pytest.raises(NotFound):
        await agent.recall(forgotten)
    assert (await agent.inspect(forgotten))["status"] == "deleted"
    assert ids((await agent.list(status="deleted"))["memories"]) == [forgotten]
    assert await agent.stats() | {"avg_activation": 0} == {
        "total": 2, "active": 1, "decayed": 0, "deleted": 1, "avg_activation": 0,
    }  # fmt: skip


async def test_access_to_a_forgotten_memory_changes_nothing(agent: Agent) -> None:
    memory = await agent.store()
    await agent.forget(memory)
    before = await agent.inspect(memory, as_of=None)

    await agent.access(memory)

    after = await agent.inspect(memory)
    assert after["access_count"] == before["access_count"]
    assert after["status"] == "deleted"


async def test_restored_memory_is_found_again_and_the_restoring_is_an_access(
    agent: Agent,
) -> None:
    memory = await agent.store()
    await agent.forget(memory)

    await agent.restore(memory)

    entry = await agent.inspect(memory)
    assert entry["status"] == "active"
    assert entry["access_history"][0]["kind"] == "restore"
    assert entry["access_count"] == 2
    assert ids(await agent.search()) == [memory]


async def test_commands_about_a_memory_that_never_was_are_accepted_and_change_nothing(
    system: System, agent: Agent
) -> None:
    unknown = uuid4()

    for command in (agent.access, agent.forget, agent.restore):
        assert (await command(unknown))["accepted"] is True

    assert (await agent.stats())["total"] == 0
    with pytest.raises(NotFound):
        await agent.inspect(unknown)
    await assert_redis_is_the_fold_of_the_log(system)


async def test_records_keyed_by_a_foreign_partitioner_go_where_their_namespace_says(
    system: System, agent: Agent
) -> None:
    own = partition_of(agent.namespace.encode(), system.settings.partitions)
    others = [number for number in range(system.settings.partitions) if number != own]
    producer = AIOKafkaProducer(**system.settings.connection_arguments())
    await producer.start()

    for number, key in zip(others, [agent.namespace.encode(), b"another/key", None], strict=False):
        command = Store(
            namespace=agent.namespace, content=f"Fact {number}.", idempotency_key=f"k{number}"
        )
        await producer.send_and_wait(
            system.topic(INBOX), encode(command), key=key, partition=number
        )
    await producer.stop()

    expected = {cause_of_key(agent.namespace, f"k{number}") for number in others[:3]}
    for number in others[:3]:
        # Told again through the right partition, it is answered once the first is in the log.
        again = await agent.store(f"Fact {number}.", idempotency_key=f"k{number}")
        assert again in expected
    assert set(ids((await agent.list())["memories"])) == expected
    partitions = {
        record.partition
        for record in await read_all(system, EVENTS)
        if agent.namespace.encode() in (record.value or b"")
    }
    assert partitions == {own}


async def test_hundreds_of_stores_and_searches_at_once_are_all_answered_and_each_folded_once(
    system: System, memory: Bus, namespace: str
) -> None:
    agents = [Agent(memory, f"{namespace}-{number}") for number in range(8)]

    async def live(number: int) -> tuple[UUID, list[dict[str, object]]]:
        agent = Agent(memory, agents[number % 8].namespace)
        stored = await agent.store(f"Fact {number}: tea is at four.", idempotency_key=f"k{number}")
        return stored, await agent.search(f"Fact {number}: tea", top_k=100)

    outcomes = await asyncio.gather(*[live(number) for number in range(200)])

    assert len({stored for stored, _ in outcomes}) == 200
    for stored, rows in outcomes:
        assert str(stored) in {row["memory_id"] for row in rows}
    await folded(system)
    totals = [(await agent.stats())["total"] for agent in agents]
    assert totals == [25] * 8
    accesses = [
        event
        for agent in agents
        for event in await events_of(system, agent.namespace)
        if isinstance(event, MemoryAccessed)
    ]
    assert len(accesses) == 200
    counted = 0
    for agent in agents:
        rows = (await agent.list(limit=200))["memories"]
        counted += sum(row["access_count"] for row in rows)
    assert counted == 200 + sum(len(event.data.accesses) for event in accesses)
    await assert_redis_is_the_fold_of_the_log(system)
