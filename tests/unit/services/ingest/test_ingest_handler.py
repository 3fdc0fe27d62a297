"""A batch of the inbox on its way: what becomes of good and bad records, and after a failure."""

import asyncio
import json
import time
from typing import Any
from uuid import UUID

import pytest

from schemas.events import MemoryEvent
from schemas.ids import cause_of_key, cause_of_record
from schemas.inbox import InboxMessage, Store
from schemas.limits import CONTENT_CHARACTERS_MAX
from schemas.topics import CORRELATION_ID, REPLAYED_FROM, REPLY_PARTITION, REPLY_TO, TIMEOUT_MS
from services.ingest import handlers
from services.ingest.domain import event_of
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    access,
    concept,
    forget,
    memory_id,
    relation,
    restore,
    store,
)
from tests.polling import eventually
from tests.unit.services.ingest.inbox import INBOX, ONE, ZERO, Member, Record, asking, record

STORE = {"type": "store", "namespace": NAMESPACE, "content": "Tea."}


@pytest.fixture
async def member() -> Member:
    return await Member().begin()


def contents(member: Member) -> list[str]:
    """Contents of the memories in the log, in order."""
    return [event.data.content for event in member.log.events if event.type == "memory.stored.v1"]


def stores(*offsets: int, **fields: Any) -> list[Record]:
    return [
        record(offset, store(f"number {offset}"), headers=asking(f"q{offset}"), **fields)
        for offset in offsets
    ]


async def test_store_becomes_a_memory_named_by_its_record(member: Member) -> None:
    await member.handle(record(5, store("Tea."), headers=asking("q1")))

    (event,) = member.log.events
    memory = cause_of_record(INBOX, 0, 5, TIME_MS)
    assert event.subject == str(memory)
    assert event.time == TIME_MS
    assert member.consumer.offsets == {ZERO: 6}
    reply = member.producer.replies()["q1"]
    assert reply.position == member.log.positions[0]
    assert reply.unwrap() == {
        "memory_id": str(memory),
        "activation": 1.0,
        "created_at": "2025-06-15T15:06:40.000Z",
    }


async def test_reply_goes_to_the_partition_it_was_asked_for_at(member: Member) -> None:
    await member.handle(record(0, store(), headers=asking("q1", partition=4)))

    (sent,) = member.producer.sent
    assert (sent.partition, sent.key) == (4, b"q1")
    assert (CORRELATION_ID, b"q1") in sent.headers


async def test_who_does_not_ask_gets_no_reply(member: Member) -> None:
    await member.handle(record(0, store()))

    assert member.producer.sent == []


@pytest.mark.parametrize(
    ("command", "event_type"),
    [
        (access(memory_id("m1")), "memory.accessed.v1"),
        (forget(), "memory.forgotten.v1"),
        (restore(), "memory.restored.v1"),
        (concept(), "concept.upserted.v1"),
        (relation(), "relation.upserted.v1"),
    ],
    ids=lambda value: getattr(value, "type", ""),
)
async def test_command_is_answered_with_the_id_of_its_event(
    member: Member, command: Any, event_type: str
) -> None:
    await member.handle(record(0, command, headers=asking()))

    (event,) = member.log.events
    assert event.type == event_type
    assert member.producer.replies()["q1"].unwrap() == {
        "accepted": True,
        "event_id": str(event.id),
    }


async def test_equal_texts_are_separate_memories(member: Member) -> None:
    await member.handle(record(0, store("Tea.")), record(1, store("Tea.")))

    assert len({event.subject for event in member.log.events}) == 2


async def test_records_that_were_skipped_are_asked_for_again(member: Member) -> None:
    await member.handle(*stores(0, 1))

    await member.ingest.handle(tuple(stores(4)))  # 2 and 3 got lost beside a damaged record

    assert member.consumer.sought == [(ZERO, 2)]
    assert contents(member) == ["number 0", "number 1"]
    await member.ingest.handle(tuple(stores(2, 3, 4)))
    assert contents(member) == [f"number {offset}" for offset in range(5)]


async def test_hole_in_the_inbox_is_passed_when_it_is_found_a_second_time(member: Member) -> None:
    await member.handle(*stores(0))

    await member.ingest.handle(tuple(stores(7)))
    await member.ingest.handle(tuple(stores(7)))

    assert contents(member) == ["number 0", "number 7"]


async def test_dead_letter_sent_back_twice_is_one_memory(member: Member) -> None:
    again = [(REPLAYED_FROM, b"memory.inbox:0:17:1750000000000")]

    await member.handle(record(0, store("Tea."), headers=again))
    await member.handle(record(1, store("Tea."), headers=again))
    await member.handle(record(2, store("Tea.", namespace="acme/other"), headers=again))

    assert contents(member) == ["Tea.", "Tea."]
    assert len({event.subject for event in member.log.events}) == 2


def bad(**fields: Any) -> bytes:
    return json.dumps(STORE | fields).encode()


FUTURE = "2026-01-01T00:00:00Z"
REFUSED: dict[str, tuple[bytes | None, list[tuple[str, bytes | None]], str]] = {
    "no value": (None, asking(), "no value"),
    "not JSON": (b"{", asking(), "JSON"),
    "not UTF-8": (b'"\xff"', asking(), "JSON"),
    "a list": (b"[]", asking(), "object"),
    "unknown type": (bad(type="stroe"), asking(), "stroe"),
    "missing content": (b'{"type":"store","namespace":"a"}', asking(), "content"),
    "blank content": (bad(content=" \n"), asking(), "content"),
    "long content": (bad(content="x" * (CONTENT_CHARACTERS_MAX + 1)), asking(), "32,768"),
    "bad namespace": (bad(namespace="a b"), asking(), "namespace"),
    "NaN": (bad(metadata={"a": float("nan")}), asking(), "metadata"),
    "unknown field": (bad(colour="red"), asking(), "colour"),
    "future": (bad(occurred_at=FUTURE), asking(), "in the future"),
    "foreign reply topic": (bad(), [*asking()[1:], (REPLY_TO, b"elsewhere")], "replies go to"),
    "no correlation id": (bad(), [(REPLY_TO, b"memory.replies")], CORRELATION_ID),
    "bad reply partition": (bad(), asking(partition=6), REPLY_PARTITION),
}


@pytest.mark.parametrize(("value", "headers", "why"), REFUSED.values(), ids=REFUSED)
async def test_bad_record_is_a_dead_letter_and_its_neighbours_go_on(
    member: Member, value: bytes | None, headers: list[tuple[str, bytes | None]], why: str
) -> None:
    before, after = record(0, store("before")), record(2, store("after"))

    await member.handle(before, Record(1, value, headers), after)

    assert contents(member) == ["before", "after"]
    ((kept, reason),) = member.producer.dead_letters()
    assert kept == (value or b"")
    assert why in reason.reason
    assert (reason.topic, reason.partition, reason.offset) == (INBOX, 0, 1)
    assert reason.value_was_null == (value is None)
    assert member.consumer.offsets == {ZERO: 3}
    replies = member.producer.replies()
    assert [reply.error.code for reply in replies.values() if reply.error] == ["validation"] * len(
        replies
    )
    assert bool(replies) == (headers == asking())


async def test_strange_headers_do_no_harm(member: Member) -> None:
    headers = [("x", b"\xff\xfe"), ("null", None), ("x", b"again"), ("é", b"")]

    await member.handle(Record(0, bad(), headers), Record(1, b"{", headers))

    assert contents(member) == ["Tea."]
    assert len(member.producer.dead_letters()) == 1


@pytest.mark.parametrize("timeout", [b"1", b"soon", b""])
async def test_command_is_carried_out_though_nobody_waits_any_more(
    member: Member, timeout: bytes
) -> None:
    await member.handle(record(0, store("late"), headers=[(TIMEOUT_MS, timeout)]))

    assert contents(member) == ["late"]


async def test_time_within_the_skew_is_kept(member: Member) -> None:
    await member.handle(record(0, store(occurred_at=TIME_MS + 300_000)))

    assert member.log.events[0].time == TIME_MS + 300_000


async def test_log_that_is_away_is_waited_for_and_gets_each_event_once(member: Member) -> None:
    member.log.refusals = 2

    await member.handle(*stores(0, 1, 2))

    assert contents(member) == ["number 0", "number 1", "number 2"]
    assert member.log.attempts == 3
    assert member.consumer.offsets == {ZERO: 3}


async def test_append_whose_answer_got_lost_is_not_repeated(member: Member) -> None:
    member.log.lost_answers = 1

    await member.handle(*stores(0, 1))

    assert contents(member) == ["number 0", "number 1"]
    positions = [reply.position for reply in member.producer.replies().values()]
    assert positions == member.log.positions


async def test_successor_appends_only_what_is_missing_of_a_batch_half_done(
    member: Member,
) -> None:
    batch = stores(0, 1, 2, 3)
    member.consumer.refused_commits = 1
    await member.handle(*batch[:2])  # appended, and killed before it committed
    successor = await member.successor().begin()
    member.producer.sent.clear()

    await successor.handle(*batch)

    assert contents(member) == [f"number {i}" for i in range(4)]
    replies = successor.producer.replies()
    assert [replies[f"q{i}"].position for i in range(4)] == member.log.positions
    assert member.consumer.offsets == {ZERO: 4}


async def test_offsets_are_committed_a_moment_later_for_several_batches_at_once(
    member: Member,
) -> None:
    for offset in range(5):
        await member.ingest.handle(tuple(stores(offset)))
    assert member.consumer.offsets == {}

    await eventually(lambda: bool(member.consumer.offsets))

    assert member.consumer.offsets == {ZERO: 5}
    assert member.consumer.commits == 1


async def test_offsets_are_committed_before_the_partitions_move(member: Member) -> None:
    await member.ingest.handle(tuple(stores(0, 1)))

    await member.ingest.ownership.on_partitions_revoked([ZERO])

    assert member.consumer.offsets == {ZERO: 2}


async def test_refused_commit_holds_nothing_up(member: Member) -> None:
    member.consumer.refused_commits = 1
    await member.handle(*stores(0))

    await member.handle(*stores(1))

    assert contents(member) == ["number 0", "number 1"]
    assert member.consumer.offsets == {ZERO: 2}


async def test_records_committed_before_are_not_taken_up_again(member: Member) -> None:
    await member.handle(*stores(0, 1))
    successor = await member.successor().begin()
    member.producer.sent.clear()

    await successor.handle(*stores(0, 1, 2))

    assert contents(member) == ["number 0", "number 1", "number 2"]
    assert set(successor.producer.replies()) == {"q2"}


async def test_offsets_that_cannot_be_read_yet_lose_no_record(member: Member) -> None:
    member.consumer.refused_reads = 2

    await member.handle(*stores(0, 1))

    assert contents(member) == ["number 0", "number 1"]
    assert member.consumer.offsets == {ZERO: 2}


async def test_log_is_looked_up_once_for_each_partition(member: Member) -> None:
    for offset in range(5):
        await member.handle(*stores(offset))

    assert member.log.lookups == 1


async def test_records_of_partitions_that_are_not_ours_are_left_alone(member: Member) -> None:
    await member.handle(*stores(0, partition=1), *stores(0))

    assert contents(member) == ["number 0"]
    assert member.consumer.offsets == {ZERO: 1}


async def test_partition_that_moves_away_ends_the_waiting_for_the_log() -> None:
    member = await Member().begin(ZERO, ONE)
    member.log.refusals = 10**9
    handling = asyncio.create_task(member.handle(*stores(0)))
    await eventually(lambda: member.log.attempts >= 1)

    await member.ingest.ownership.on_partitions_revoked([ZERO, ONE])
    await asyncio.wait_for(handling, 5)

    assert member.log.events == []
    assert member.consumer.offsets == {}
    assert member.ingest.ownership.partitions == set()


async def test_batch_left_behind_is_done_by_who_gets_the_partition_next() -> None:
    member = await Member().begin()
    member.log.refusals = 10**9
    handling = asyncio.create_task(member.handle(*stores(0, 1)))
    await eventually(lambda: member.log.attempts >= 1)
    await member.ingest.ownership.on_partitions_revoked([ZERO])
    await handling
    member.log.refusals = 0

    await (await member.successor().begin()).handle(*stores(0, 1))

    assert contents(member) == ["number 0", "number 1"]


async def test_key_used_twice_in_a_batch_is_one_event_and_both_are_answered(
    member: Member,
) -> None:
    first = record(0, store("Tea.", idempotency_key="k"), headers=asking("q0"))
    second = record(1, store("Tea.", idempotency_key="k"), headers=asking("q1"))

    await member.handle(first, second)

    assert contents(member) == ["Tea."]
    replies = member.producer.replies()
    assert replies["q0"].position == replies["q1"].position == member.log.positions[0]
    named = {reply.unwrap()["memory_id"] for reply in replies.values()}
    assert named == {str(cause_of_key(NAMESPACE, "k"))}


async def test_key_used_again_later_is_the_same_event(member: Member) -> None:
    await member.handle(record(0, forget(idempotency_key="k"), headers=asking("q0")))

    await member.handle(record(1, forget(idempotency_key="k"), headers=asking("q1")))

    assert len(member.log.events) == 1
    replies = member.producer.replies()
    assert replies["q0"] == replies["q1"]


async def test_key_that_a_predecessor_got_is_the_same_event(member: Member) -> None:
    now_ms = time.time_ns() // 1_000_000  # the clock that the log in memory has
    await member.handle(record(0, store("Tea.", idempotency_key="k"), timestamp=now_ms))
    successor = await member.successor().begin()

    again = record(1, store("Tea.", idempotency_key="k"), headers=asking(), timestamp=now_ms)
    await successor.handle(again)

    assert contents(member) == ["Tea."]
    assert member.producer.replies()["q1"].position == member.log.positions[0]


async def test_key_counts_within_its_namespace_only(member: Member) -> None:
    await member.handle(
        record(0, store("ours", idempotency_key="k")),
        record(1, store("theirs", idempotency_key="k", namespace="acme/other")),
    )

    assert contents(member) == ["ours", "theirs"]


async def test_key_of_another_command_is_another_event(member: Member) -> None:
    memory = cause_of_key(NAMESPACE, "k")

    await member.handle(
        record(0, store(idempotency_key="k")), record(1, forget(memory, idempotency_key="k"))
    )

    assert [UUID(event.subject) for event in member.log.events] == [memory, memory]
    assert len({event.id for event in member.log.events}) == 2


async def test_dead_letter_that_cannot_be_sent_yet_is_waited_for(member: Member) -> None:
    member.producer.refusals["memory.dead-letters"] = 2

    await member.handle(*stores(0), Record(1, b"{"))

    assert contents(member) == ["number 0"]
    assert len(member.producer.dead_letters()) == 1
    assert member.consumer.offsets == {ZERO: 2}


async def test_reply_that_cannot_be_sent_holds_nothing_up(member: Member) -> None:
    member.producer.refusals["memory.replies"] = 1

    await member.handle(*stores(0))

    assert contents(member) == ["number 0"]
    assert member.consumer.offsets == {ZERO: 1}
    assert member.producer.sent == []


async def test_model_that_fails_to_load_is_tried_again() -> None:
    member = Member()
    load, failures = member.embedder._load, [OSError("no model yet")] * 2

    def loading() -> Any:
        if failures:
            raise failures.pop()
        return load()

    member.embedder._load = loading
    await member.begin()

    await member.handle(*stores(0))

    assert contents(member) == ["number 0"]


@pytest.mark.parametrize("offsets", [(1,), (0, 1, 2)], ids=["alone", "among others"])
async def test_text_that_the_model_fails_on_is_a_dead_letter_and_its_neighbours_are_appended(
    member: Member, offsets: tuple[int, ...]
) -> None:
    embed = member.embedder.embed

    async def choking(texts: list[str], **how: Any) -> Any:
        if any("number 1" in text for text in texts):
            raise IndexError("token out of range")
        return await embed(texts, **how)

    member.embedder.embed = choking  # type: ignore[method-assign] # the model's own failure

    await member.handle(*stores(*offsets))

    assert contents(member) == [f"number {at}" for at in offsets if at != 1]
    assert member.consumer.offsets == {ZERO: max(offsets) + 1}
    ((_, why),) = member.producer.dead_letters()
    assert (why.offset, why.code) == (1, "internal")
    assert "the embedding model fails on this text: IndexError" in why.reason


async def test_failure_to_begin_is_tried_again() -> None:
    member = Member()
    begin, failures = member.ingest.ownership._assigned, [OSError("Kafka is away")] * 2
    assert begin is not None

    async def beginning(partitions: Any) -> None:
        if failures:
            raise failures.pop()
        await begin(partitions)

    member.ingest.ownership._assigned = beginning

    await member.begin()

    assert member.ingest.ownership.partitions == {ZERO}


async def test_command_that_brings_out_a_bug_is_a_dead_letter_and_its_neighbours_are_appended(
    member: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(command: InboxMessage, *given: Any) -> MemoryEvent:
        if isinstance(command, Store) and command.content == "number 1":
            raise OverflowError("too large")
        return event_of(command, *given)

    monkeypatch.setattr(handlers, "event_of", failing)
    same = {"idempotency_key": "same", "content": "number 1"}
    repeats = [record(at, store(**same), headers=asking(f"q{at}")) for at in (3, 4)]

    await member.handle(*stores(0, 1, 2), *repeats)

    assert contents(member) == ["number 0", "number 2"]
    assert member.consumer.offsets == {ZERO: 5}
    replies = member.producer.replies()
    codes = {name: reply.error.code if reply.error else "" for name, reply in replies.items()}
    assert codes == {"q0": "", "q1": "internal", "q2": "", "q3": "internal", "q4": "internal"}
    letters = member.producer.dead_letters()
    assert [(why.offset, why.code) for _, why in letters] == [(at, "internal") for at in (1, 3, 4)]
