"""Work that others let pass: until none is at hand, or for as long as they have patience."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from services.common.foreground import Foreground


async def ends(waiting: Coroutine[Any, Any, None]) -> bool:
    """True if it returns long before its patience is over."""
    task = asyncio.ensure_future(waiting)
    done, _ = await asyncio.wait([task], timeout=20)
    task.cancel()
    return task in done


async def test_nobody_waits_where_nothing_is_at_work() -> None:
    assert await ends(Foreground().idle(60))


async def test_waiting_ends_when_the_last_of_them_leaves() -> None:
    foreground = Foreground()
    foreground.enter()
    foreground.enter()
    passed = asyncio.create_task(foreground.idle(60))
    foreground.leave()
    await asyncio.sleep(0)
    assert not passed.done()

    foreground.leave()

    await asyncio.wait_for(passed, 20)


async def test_nothing_is_let_pass_for_longer_than_asked() -> None:
    foreground = Foreground()
    foreground.enter()

    assert await ends(foreground.idle(0.01))
