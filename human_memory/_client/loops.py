"""One of something for each event loop that it is used in: a connection belongs to its loop."""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakSet

from human_memory.exceptions import HumanMemoryError
from human_memory.forks import begins_anew

T = TypeVar("T")


def closed() -> HumanMemoryError:
    """The error of a call after `close()`."""
    return HumanMemoryError("this memory was closed, and nothing was sent; make another one")


class _Loops:
    """The event loops in which clients were used, and those of the parent of a forked process."""

    def __init__(self) -> None:
        self.seen: WeakSet[AbstractEventLoop] = WeakSet()
        self.inherited: frozenset[AbstractEventLoop] = frozenset()
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        self.inherited |= set(self.seen)
        return self.inherited


_loops = _Loops()


def running_loop() -> AbstractEventLoop:
    """The caller's event loop.

    Raises:
        HumanMemoryError: there is none, or it is another process's.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        raise HumanMemoryError(
            "AsyncMemory needs a running event loop of asyncio; run one with asyncio.run(), "
            "in a forked process too, or use Memory"
        ) from None
    if loop in _loops.inherited:
        raise HumanMemoryError(
            "this event loop was made before the process was forked, and the parent uses it; "
            "make another one here, with asyncio.run()"
        )
    _loops.seen.add(loop)
    return loop


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    until_end: AsyncGenerator[None, None]


class PerLoop(Generic[T]):
    """Makes one for each loop, and ends it with the loop, at `close()`, or when it is garbage."""

    def __init__(
        self, make: Callable[[], T], end: Callable[[T], Awaitable[None]], *, close_seconds: float
    ) -> None:
        """`end` must not raise. `close_seconds`: for a loop of another thread to end its own."""
        self._make = make
        self._end = end
        self._close_seconds = close_seconds
        self._kept: dict[AbstractEventLoop, _Kept[T]] = {}
        self.closed = False
        begins_anew(self)

    def leave_behind(self) -> object:
        """See `human_memory.forks`."""
        left, self._kept = self._kept, {}
        return left

    async def get(self) -> T:
        """The running loop's.

        Raises:
            HumanMemoryError: closed, or there is no loop that it can run in.
        """
        if self.closed:
            raise closed()
        loop = running_loop()
        kept = self._kept.get(loop)
        # Its frame is gone where `shutdown_asyncgens()` has ended it and the loop goes on.
        if kept is None or _is_over(kept.until_end):
            for other in list(self._kept):
                if other.is_closed():
                    self._kept.pop(other, None)
            value = self._make()
            kept = _Kept(value, _until_end(value, self._end))
            await anext(kept.until_end)
            self._kept[loop] = kept
        return kept.value

    async def close(self) -> None:
        """End all of them; a second call does nothing."""
        self.closed = True
        here = running_loop()
        kept, self._kept = self._kept, {}
        there = [
            self._close_there(loop, each.until_end)
            for loop, each in kept.items()
            # One that stands still has ended it, or does so when it runs again.
            if loop is not here and loop.is_running()
        ]
        if here in kept:
            await kept[here].until_end.aclose()
        await asyncio.gather(*there)

    async def _close_there(
        self, loop: AbstractEventLoop, until_end: AsyncGenerator[None, None]
    ) -> None:
        work = _aclose(until_end)
        try:
            future = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # it was just closed, and ended its own before
            work.close()
            return
        with suppress(TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.wrap_future(future), self._close_seconds)


async def _until_end(value: T, end: Callable[[T], Awaitable[None]]) -> AsyncGenerator[None, None]:
    """Ends `value` when the loop does: it closes all asynchronous generators, as the last thing.

    It closes those that are garbage as well.
    """
    try:
        yield
    finally:
        await end(value)


async def _aclose(generator: AsyncGenerator[None, None]) -> None:
    await generator.aclose()


def _is_over(generator: AsyncGenerator[None, None]) -> bool:
    return getattr(generator, "ag_frame", None) is None
