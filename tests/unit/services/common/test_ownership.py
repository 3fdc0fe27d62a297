"""Partitions that move wait for the batch in hand, but not for ever."""

import asyncio
from typing import cast

import pytest
from aiokafka import TopicPartition

from human_memory.bus.consumer import LogConsumer
from services.common import ownership
from services.common.ownership import Ownership

EVENTS = TopicPartition("memory.events", 0)


async def owning() -> Ownership:
    """The partition is ours."""
    own = Ownership()
    await own.on_partitions_assigned([EVENTS])
    return own


async def for_ever(own: Ownership, begun: asyncio.Event) -> None:
    """A batch that gets nowhere."""
    async with own.batch():
        begun.set()
        await asyncio.Event().wait()


async def test_partitions_wait_for_the_batch_in_hand() -> None:
    own, begun, done = await owning(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        async with own.batch():
            begun.set()
            await done.wait()

    working = asyncio.create_task(work())
    await begun.wait()
    moving = asyncio.create_task(own.on_partitions_revoked([EVENTS]))
    await own.leaving.wait()
    still_ours = set(own.partitions)
    done.set()
    await moving
    await working

    assert still_ours == {EVENTS}
    assert own.partitions == set()


async def test_batch_that_gets_nowhere_is_cut_off_when_its_partitions_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ownership, "HAND_OVER_SECONDS_MAX", 0.01)
    own, begun = await owning(), asyncio.Event()
    working = asyncio.create_task(for_ever(own, begun))
    await begun.wait()

    await own.on_partitions_revoked([EVENTS])

    await working  # it ends as if it were done
    assert own.partitions == set()


async def test_batch_that_comes_while_partitions_move_is_cut_off_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ownership, "HAND_OVER_SECONDS_MAX", 0.01)
    own = await owning()
    own.leaving.set()

    await for_ever(own, asyncio.Event())

    assert not own.lock.locked()


async def test_time_that_a_batch_itself_runs_out_of_stays_its_error() -> None:
    own = await owning()

    with pytest.raises(TimeoutError):
        async with own.batch(), asyncio.timeout(0.01):
            await asyncio.Event().wait()

    assert not own.lock.locked()


class Consumer:
    """A consumer that keeps what is committed."""

    def __init__(self) -> None:
        self.committed: dict[TopicPartition, int] = {}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed |= offsets


async def test_nothing_is_committed_of_partitions_that_were_taken_away() -> None:
    own, consumer = await owning(), Consumer()
    own.consumer = cast("LogConsumer", consumer)
    await own.commit({EVENTS: 7})
    await own.on_partitions_revoked([EVENTS])

    await own.commit({EVENTS: 8})

    assert consumer.committed == {EVENTS: 7}
