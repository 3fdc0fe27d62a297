"""Waiting for what will be so, instead of sleeping and hoping."""

import asyncio
from collections.abc import Callable

WAIT_SECONDS = 20.0


async def eventually(condition: Callable[[], bool], *, seconds: float = WAIT_SECONDS) -> None:
    """Return once `condition` holds; fail if it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 the condition is about real servers
            await asyncio.sleep(0.005)
