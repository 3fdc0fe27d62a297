"""Slots: how many queries are answered at the same time."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from services.common.foreground import Foreground

T = TypeVar("T")


class Slot:
    """The right to work, which its holder lends to others while it waits."""

    def __init__(self, free: asyncio.Semaphore, foreground: Foreground) -> None:
        self._free = free
        self._foreground = foreground
        self._held = False

    async def take(self) -> None:
        """Return when it is free; what works in it counts as foreground."""
        await self._free.acquire()
        self._foreground.enter()
        self._held = True

    def release(self) -> None:
        """Let others have it; nothing happens if they have it already."""
        if self._held:
            self._held = False
            self._free.release()
            self._foreground.leave()

    async def lend(self, waited_for: Awaitable[T]) -> T:
        """Wait for something while others work, or a few who wait would hold up everyone.

        Whoever fails meanwhile is left without a slot.
        """
        self.release()
        result = await waited_for
        await self.take()
        return result


class Slots:
    """A number of slots."""

    def __init__(self, count: int, foreground: Foreground) -> None:
        """`foreground`: hears of each while it is held, not while it is lent."""
        self._free = asyncio.Semaphore(count)
        self._foreground = foreground

    async def take(self) -> Slot:
        """A slot, as soon as one is free."""
        slot = Slot(self._free, self._foreground)
        await slot.take()
        return slot
