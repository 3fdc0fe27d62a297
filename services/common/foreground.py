"""Work that somebody waits for, and work of the same process that lets it pass."""

import asyncio
from contextlib import suppress


class Foreground:
    """Counts what is at work, so that others can wait until nothing is."""

    def __init__(self) -> None:
        self._at_work = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def enter(self) -> None:
        """Note that one more is at work."""
        self._at_work += 1
        self._idle.clear()

    def leave(self) -> None:
        """Note that one of them is done, or waits for something else."""
        self._at_work -= 1
        if self._at_work == 0:
            self._idle.set()

    async def idle(self, seconds_max: float) -> None:
        """Return when nothing is at work, or after `seconds_max`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                await self._idle.wait()


# Queries that this process answers: always none where the fold has a process to itself.
QUERIES = Foreground()
