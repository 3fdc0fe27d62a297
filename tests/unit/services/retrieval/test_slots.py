"""Slots of queries: no more are at work than may, and whoever waits lends theirs."""

import asyncio

import pytest

from services.common.foreground import Foreground
from services.retrieval.slots import Slot, Slots


async def turns() -> None:
    """Let everybody come as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_slot_is_taken_when_another_is_released() -> None:
    slots = Slots(1, Foreground())
    first = await slots.take()
    second = asyncio.create_task(slots.take())
    await turns()
    assert not second.done()

    first.release()

    assert isinstance(await second, Slot)


async def test_slot_that_is_lent_is_others_until_what_was_waited_for_comes() -> None:
    slots, came = Slots(1, Foreground()), asyncio.Event()
    lender = await slots.take()
    waiting = asyncio.create_task(lender.lend(_until(came)))
    borrowed = await slots.take()
    came.set()
    await turns()
    assert not waiting.done()  # somebody else has it still

    borrowed.release()

    await waiting


async def test_slot_of_one_who_fails_while_waiting_is_not_released_twice() -> None:
    slots = Slots(1, Foreground())
    slot = await slots.take()
    with pytest.raises(TimeoutError):
        await slot.lend(_failing())

    slot.release()

    await slots.take()
    third = asyncio.create_task(slots.take())
    await turns()
    assert not third.done()
    third.cancel()


async def test_only_who_has_a_slot_is_in_the_foreground() -> None:
    foreground, came = Foreground(), asyncio.Event()
    slot = await Slots(1, foreground).take()
    passed = asyncio.create_task(foreground.idle(60))
    await turns()
    assert not passed.done()

    waiting = asyncio.create_task(slot.lend(_until(came)))

    await passed
    came.set()
    await waiting


async def _until(came: asyncio.Event) -> None:
    await came.wait()


async def _failing() -> None:
    raise TimeoutError
