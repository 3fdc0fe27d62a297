"""An idempotency key that comes again with another body: refused by name, and nothing appended."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.events import MemoryStored
from schemas.ids import cause_of_key, derive
from schemas.inbox import InboxMessage
from schemas.replies import Reply
from services.ingest.domain import body_hash_of
from tests.builders import (
    NAMESPACE,
    access,
    concept,
    correct,
    forget,
    memory_id,
    relation,
    restore,
    store,
    supersede,
)
from tests.unit.services.ingest.inbox import Member, Record, asking, record

FIRST = store("Tea is at four.", idempotency_key="k")
OTHER = store("Tea is at five.", idempotency_key="k")


def asked(offset: int, command: InboxMessage, **fields: int) -> Record:
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


@pytest.mark.parametrize(
    ("command", "other"),
    [
        (access, {"kind": "recall"}),
        (concept, {"activation": 0.25}),
        (correct, {"content": "Tea is at six."}),
        (forget, {"reason": "wrong"}),
        (relation, {"weight": 0.25}),
        (restore, {"reason": "needed"}),
        (supersede, {"superseded_by": memory_id("m3")}),
    ],
)
async def test_other_body_of_any_command_is_refused_also_by_a_successor(
    command: Callable[..., InboxMessage], other: dict[str, Any]
) -> None:
    now_ms = time.time_ns() // 1_000_000
    keyed = command().model_copy(update={"idempotency_key": "k"})
    changed = keyed.model_copy(update=other)
    member = await Member().begin()
    await member.handle(record(0, keyed, timestamp=now_ms))
    successor = await member.successor().begin()

    records = [
        record(n, each, headers=asking(f"q{n}"), timestamp=now_ms)
        for n, each in ((1, changed), (2, keyed))
    ]
    await successor.handle(*records)

    assert len(member.log.events) == 1
    replies = member.producer.replies()
    assert replies["q1"].error is not None
    assert replies["q1"].error.message.startswith("idempotency_key: ")
    assert replies["q2"].unwrap()["accepted"] is True


async def test_repeated_run_may_add_other_numbers_to_the_graph() -> None:
    run = derive("run")
    member = await Member().begin()
    first = concept(run_id=run, idempotency_key="k")
    await member.handle(asked(0, first))

    await member.handle(asked(1, first.model_copy(update={"activation": 0.25})))

    assert member.producer.replies()["q1"].unwrap()["accepted"] is True


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
