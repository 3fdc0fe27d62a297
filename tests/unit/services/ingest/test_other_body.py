"""An idempotency key that comes again with another body: refused by name, and nothing appended."""

import time

from schemas.events import MemoryStored
from schemas.ids import cause_of_key
from schemas.inbox import Store
from schemas.replies import Reply
from services.ingest.domain import body_hash_of
from tests.builders import NAMESPACE, forget, store
from tests.unit.services.ingest.inbox import Member, Record, asking, record

FIRST = store("Tea is at four.", idempotency_key="k")
OTHER = store("Tea is at five.", idempotency_key="k")


def asked(offset: int, command: Store, **fields: int) -> Record:
    return record(offset, command, headers=asking(f"q{offset}"), **fields)


def assert_refused(member: Member, reply: Reply) -> None:
    """Only the first one is in the log; the other is a dead letter, and its sender knows why."""
    (event,) = member.log.events
    assert isinstance(event, MemoryStored)
    assert event.data.content == "Tea is at four."
    assert reply.error is not None
    assert reply.error.code == "validation"
    assert reply.error.message.startswith("idempotency_key: ")
    assert reply.position is None
    ((value, reason),) = member.producer.dead_letters()
    assert b"Tea is at five." in (value or b"")
    assert reason.code == "validation"


async def test_other_body_in_the_same_batch_is_refused() -> None:
    member = await Member().begin()

    await member.handle(asked(0, FIRST), asked(1, OTHER))

    replies = member.producer.replies()
    assert replies["q0"].unwrap()["memory_id"] == str(cause_of_key(NAMESPACE, "k"))
    assert_refused(member, replies["q1"])


async def test_other_body_later_is_refused_and_the_first_is_still_good() -> None:
    member = await Member().begin()
    await member.handle(asked(0, FIRST))

    await member.handle(asked(1, OTHER), asked(2, FIRST))

    replies = member.producer.replies()
    assert_refused(member, replies["q1"])
    assert replies["q2"] == replies["q0"]


async def test_other_body_for_what_a_predecessor_appended_is_refused() -> None:
    now_ms = time.time_ns() // 1_000_000  # the clock that the log in memory has
    member = await Member().begin()
    await member.handle(asked(0, FIRST, timestamp=now_ms))
    successor = await member.successor().begin()

    await successor.handle(asked(1, OTHER, timestamp=now_ms))

    assert_refused(successor, member.producer.replies()["q1"])


async def test_other_body_is_refused_though_kafka_lost_the_answer_to_the_first() -> None:
    member = await Member().begin()
    member.log.lost_answers = 1
    now_ms = time.time_ns() // 1_000_000

    await member.handle(asked(0, FIRST, timestamp=now_ms), asked(1, OTHER, timestamp=now_ms))

    replies = member.producer.replies()
    assert replies["q0"].position == member.log.positions[0]
    assert_refused(member, replies["q1"])


async def test_same_key_of_another_type_of_command_is_not_another_body() -> None:
    member = await Member().begin()
    await member.handle(asked(0, FIRST))

    command = forget(cause_of_key(NAMESPACE, "k"), idempotency_key="k")
    await member.handle(record(1, command, headers=asking("q1")))

    assert member.producer.replies()["q1"].unwrap()["accepted"] is True
    assert member.producer.dead_letters() == []


def test_what_is_said_as_by_default_is_the_same_body() -> None:
    said = store("Tea is at four.", idempotency_key="k", tags=[], memory_type="episodic")

    assert body_hash_of(said) == body_hash_of(FIRST)
    assert body_hash_of(said) != body_hash_of(store("Tea is at four.", tags=["tea"]))
