"""Stores that strengthen an equal memory instead of adding one."""

from typing import Any

import pytest

from schemas.events import MemoryAccessed
from schemas.ids import cause_of_key
from schemas.inbox import Store
from services.ingest.domain import Equal
from services.ingest.equals import LATELY_SECONDS, Lately
from services.readside.documents import Document
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    correct,
    delete_namespace,
    forget,
    memory_id,
    restore,
    store,
)
from tests.fakes.memories import MemoryMemories
from tests.unit.services.ingest.inbox import Member, asking, record

ANN = memory_id("ann")
KNOWN = Document(
    content="Tea is at four!",
    memory_type="episodic",
    created_ms=TIME_MS,
    tags=[],
    session=None,
    speaker=None,
    concepts=[],
    derived_from=[],
    context=None,
    metadata={},
    corrections=[],
)


async def member_of(**known: Document) -> Member:
    """A member that reads show these memories to."""
    memories = {(NAMESPACE, memory_id(name)): each for name, each in known.items()}
    return await Member(memories=MemoryMemories(memories)).begin()


def equal_to(offset: int, content: str = "tea is at FOUR", **fields: Any) -> Any:
    """A store that strengthens an equal memory; whoever sends it waits for the reply."""
    command = store(content, if_equal="strengthen", **fields)
    return record(offset, command, headers=asking(f"q{offset}"))


def types(member: Member) -> list[str]:
    return [event.type for event in member.log.events]


async def test_equal_memory_that_reads_show_is_used_once_more() -> None:
    member = await member_of(ann=KNOWN)

    await member.handle(equal_to(5, context="again"))

    (event,) = member.log.events
    assert isinstance(event, MemoryAccessed)
    assert [(each.memory_id, each.kind) for each in event.data.accesses] == [(ANN, "used")]
    assert event.data.context == "again"
    result = member.producer.replies()["q5"].unwrap()
    assert (result["memory_id"], result["strengthened"]) == (str(ANN), True)


async def test_without_an_equal_memory_one_is_added_and_then_strengthened() -> None:
    member = await member_of()
    first = cause_of_key(NAMESPACE, "k")

    await member.handle(equal_to(5, idempotency_key="k"), equal_to(6))
    await member.handle(equal_to(7), equal_to(8, "Tea is at five."))

    assert types(member) == [
        "memory.stored.v1",
        "memory.accessed.v1",
        "memory.accessed.v1",
        "memory.stored.v1",
    ]
    replies = member.producer.replies()
    assert [replies[f"q{n}"].unwrap()["memory_id"] for n in (5, 6, 7)] == [str(first)] * 3
    assert "strengthened" not in replies["q5"].unwrap()


async def test_who_says_it_and_as_what_must_be_the_same() -> None:
    member = await member_of(ann=KNOWN)

    await member.handle(equal_to(5, speaker="Ada"), equal_to(6, memory_type="semantic"))

    assert types(member) == ["memory.stored.v1"] * 2


async def test_memory_that_was_forgotten_or_corrected_a_moment_ago_is_not_strengthened() -> None:
    member = await member_of(ann=KNOWN, bob=KNOWN)

    await member.handle(
        record(5, forget(ANN)), record(6, correct(memory_id("bob"))), equal_to(7), equal_to(8)
    )

    assert types(member)[2:] == ["memory.stored.v1", "memory.accessed.v1"]


async def test_memory_of_a_namespace_that_was_deleted_a_moment_ago_is_not_strengthened() -> None:
    member = await member_of(ann=KNOWN)

    await member.handle(record(5, delete_namespace()), equal_to(6), equal_to(7))

    assert types(member)[1:] == ["memory.stored.v1", "memory.accessed.v1"]


async def test_namespace_is_deleted_only_where_its_name_is_repeated() -> None:
    member = await member_of()

    await member.handle(record(5, delete_namespace(confirm="acme/another"), headers=asking("q5")))

    assert types(member) == []
    error = member.producer.replies()["q5"].error
    assert error is not None
    assert error.message.startswith("confirm: must be the name of the namespace once more, acme/")


async def test_store_that_adds_looks_for_no_equal_memory() -> None:
    member = await member_of(ann=KNOWN)

    await member.handle(record(5, store("Tea is at four!")))

    assert types(member) == ["memory.stored.v1"]


async def test_repeat_under_a_key_strengthens_once_and_is_told_the_same() -> None:
    member = await member_of(ann=KNOWN)
    await member.handle(equal_to(5, idempotency_key="k"))

    await member.handle(equal_to(6, idempotency_key="k"))

    assert types(member) == ["memory.accessed.v1"]
    replies = member.producer.replies()
    assert replies["q5"].unwrap()["memory_id"] == replies["q6"].unwrap()["memory_id"] == str(ANN)


async def test_key_that_strengthened_is_refused_for_another_text() -> None:
    member = await member_of(ann=KNOWN)
    await member.handle(equal_to(5, idempotency_key="k"))

    await member.handle(equal_to(6, "Tea is at five.", idempotency_key="k"))

    assert types(member) == ["memory.accessed.v1"]
    error = member.producer.replies()["q6"].error
    assert error is not None
    assert error.message.startswith("idempotency_key: ")


async def test_append_whose_answer_got_lost_does_not_make_a_memory_strengthen_itself() -> None:
    member = await member_of()
    member.log.refusals = 1

    await member.handle(equal_to(5), equal_to(6))

    assert types(member) == ["memory.stored.v1", "memory.accessed.v1"]


def lately(clock: Any = lambda: 0.0) -> tuple[Lately, Store, Equal]:
    """A memory that was stored a moment ago, by the store of it."""
    known, said = Lately(clock), store("Tea is at four!")
    equal = Equal(ANN, TIME_MS)
    known.stored(said, equal)
    return known, said, equal


def test_after_a_minute_reads_decide_alone() -> None:
    now = [0.0]
    known, said, equal = lately(lambda: now[0])

    before = known.equal_of(said, memory_id("new"), None)
    now[0] += LATELY_SECONDS

    assert (before, known.equal_of(said, memory_id("new"), None)) == (equal, None)


@pytest.mark.parametrize(
    "commands",
    [
        [correct(ANN, tags=["x"])],
        [forget(ANN), restore(ANN)],
        [forget(ANN, namespace="other")],
    ],
    ids=["other tags", "brought back", "of another namespace"],
)
def test_memory_that_still_says_it_is_strengthened(commands: list[Any]) -> None:
    known, said, equal = lately()

    for command in commands:
        known.changed(command)

    assert known.equal_of(said, memory_id("new"), equal) == equal


@pytest.mark.parametrize(
    "command",
    [
        forget(ANN),
        correct(ANN, content="Coffee."),
        correct(ANN, expires_at=TIME_MS + 9),
        delete_namespace(),
    ],
)
def test_memory_that_no_longer_says_it_is_not_strengthened(command: Any) -> None:
    known, said, equal = lately()

    known.changed(command)

    assert known.equal_of(said, memory_id("new"), equal) is None


async def test_reads_decide_alone_once_partitions_have_moved() -> None:
    member = await member_of()
    await member.handle(equal_to(5))
    await member.begin()  # another member may have forgotten it meanwhile

    await member.handle(equal_to(6))

    assert types(member) == ["memory.stored.v1", "memory.stored.v1"]
