"""Replies to commands that want to be told when reads show what they did."""

import pytest

from schemas.topics import TIMEOUT_MS, WAIT
from tests.builders import forget, store
from tests.polling import eventually
from tests.unit.services.ingest.inbox import Headers, Member, asking, record

PATIENCE_MS = b"20"


def waiting(name: str = "q1", value: bytes = b"visible") -> Headers:
    """Headers that ask for a reply once the write is visible."""
    return [*asking(name), (WAIT, value)]


@pytest.fixture
async def member() -> Member:
    return await Member().begin()


async def test_reply_comes_when_the_read_side_has_passed_the_event(member: Member) -> None:
    await member.ingest.handle((record(0, store("Tea."), headers=waiting()),))
    before = dict(member.producer.replies())

    member.cursor = 1
    await eventually(lambda: "q1" in member.producer.replies())

    assert before == {}
    reply = member.producer.replies()["q1"]
    assert reply.position == member.log.positions[0]
    assert reply.unwrap()["activation"] == 1.0


async def test_who_waits_holds_nobody_else_up(member: Member) -> None:
    await member.ingest.handle(
        (
            record(0, store("Tea."), headers=waiting("patient")),
            record(1, store("Cup."), headers=asking("hasty")),
        )
    )
    await member.ingest.handle((record(2, store("Jam."), headers=asking("next")),))

    assert member.producer.replies().keys() == {"hasty", "next"}
    assert len(member.log.events) == 3
    member.cursor = 3
    await member.ingest.stop()


async def test_write_that_is_not_visible_in_time_is_said_to_be_written_and_where(
    member: Member,
) -> None:
    headers = [*waiting(), (TIMEOUT_MS, PATIENCE_MS)]

    await member.handle(record(0, forget(), headers=headers))

    error = member.producer.replies()["q1"].error
    assert error is not None
    assert error.code == "unavailable"
    assert error.details == {"position": member.log.positions[0]}
    assert error.message.startswith(f"written at {member.log.positions[0]}, but not visible yet")
    assert len(member.log.events) == 1


async def test_same_command_again_waits_for_the_event_it_caused_the_first_time(
    member: Member,
) -> None:
    member.cursor = 1
    once = store("Tea.", idempotency_key="k1")

    await member.handle(record(0, once, headers=waiting("first")))
    await member.handle(record(1, once, headers=waiting("again")))

    first, again = (member.producer.replies()[name] for name in ("first", "again"))
    assert first == again
    assert len(member.log.events) == 1


@pytest.mark.parametrize("header", [(WAIT, b"folded"), (WAIT, b""), (TIMEOUT_MS, b"soon")])
async def test_odd_header_is_refused_by_name_and_nothing_is_written(
    member: Member, header: tuple[str, bytes]
) -> None:
    headers = dict(waiting()) | dict([header])

    await member.handle(record(0, store(), headers=list(headers.items())))

    error = member.producer.replies()["q1"].error
    assert error is not None
    assert error.code == "validation"
    assert f"header {header[0]}" in error.message
    assert member.log.events == []
    assert len(member.producer.dead_letters()) == 1


async def test_rejected_command_is_answered_at_once(member: Member) -> None:
    await member.ingest.handle(
        (record(0, store(occurred_at="2099-01-01T00:00:00Z"), headers=waiting()),)
    )

    error = member.producer.replies()["q1"].error
    assert error is not None
    assert error.code == "validation"
