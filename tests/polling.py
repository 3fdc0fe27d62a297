"""Waiting for what will be so, instead of sleeping and hoping."""

import asyncio
from collections.abc import Awaitable, Callable

WAIT_SECONDS = 20.0


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = WAIT_SECONDS
) -> None:
    """Return once `condition` (a function, or an async one) holds; fail if not in `seconds`."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if await holds if isinstance(holds, Awaitable) else holds:
                return
            await asyncio.sleep(0.005)
