"""Deleting the read side, for the live fold to make it again from the log.

An empty build is made live, and the old one deleted then: a batch that the live fold has in hand
would else take what is not deleted yet for what the log says. The fold notices within a second, and
begins at the beginning; until it is done queries are `unavailable`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from services.projection.builds import BuildsBeside, ReadSide
from services.projection.digest import combined_digest, digest_of_build
from services.projection.pause import (
    HOLD_SECONDS,
    LIVE_WAIT_SECONDS,
    Held,
    alone,
    held,
    require_held,
)
from services.projection.ports import Builds

# A rebuild that was killed leaves its lock behind for a while.
PATIENCE_SECONDS = 1.5 * HOLD_SECONDS
POLL_SECONDS = 0.1
Progress = Callable[[int, int], object]


@dataclass(frozen=True)
class FromEmpty:
    """The report of a read side that was deleted and made again; digests at the same offsets."""

    keys_deleted: int
    seconds: float
    digest_before: str
    digest_after: str
    identical: bool


async def drop_read_side(side: ReadSide) -> int:
    """Delete all that was folded from Redis; how many keys that were.

    Raises:
        Unavailable: Redis does not answer, or a rebuild is running.
    """
    async with _alone(side), AsyncExitStack() as holds:
        lives = {
            number: await holds.enter_async_context(held(side.redis, side.store, number))
            for number in side.partitions
        }
        return await _replaced_by_nothing(side, lives)


async def rebuild_from_empty(side: ReadSide, *, progress: Progress) -> FromEmpty:
    """Delete the read side, wait until the live fold has made it again, and compare.

    Each partition is held where it stands, and compared when it has come back to there: what is
    written meanwhile is folded afterwards. `progress` is called with (events done, events in all).

    Raises:
        Unavailable: Redis does not answer, the fold does not move, or a rebuild is running.
    """
    async with _alone(side), AsyncExitStack() as every:
        holds: dict[int, AsyncExitStack] = {}
        lives: dict[int, Held] = {}
        before: dict[int, str] = {}
        for number in side.partitions:
            holds[number] = await every.enter_async_context(AsyncExitStack())
            live = await holds[number].enter_async_context(held(side.redis, side.store, number))
            lives[number], before[number] = live, await _digest(side, number, live)
        began = time.monotonic()
        deleted = await _replaced_by_nothing(side, lives)
        after: dict[int, str] = {}
        async for number in _arrivals(side.store, lives, progress):
            after[number] = await _digest(side, number, lives[number])
            await holds[number].aclose()
    return FromEmpty(
        keys_deleted=deleted,
        seconds=round(time.monotonic() - began, 2),
        digest_before=combined_digest(before),
        digest_after=combined_digest(after),
        identical=before == after,
    )


async def _digest(side: ReadSide, number: int, live: Held) -> str:
    """Of the build that is live now, where it is held."""
    layout = side.store.layout(number, await side.store.live_version(number))
    digest = await digest_of_build(side.redis, layout)
    await require_held(side.redis, live)
    return digest


async def _replaced_by_nothing(side: ReadSide, lives: dict[int, Held]) -> int:
    builds = BuildsBeside(side)
    _, mark = await builds.begin()
    deleted = 0
    for number, live in lives.items():
        if not await builds.switch(number, live, mark=mark):
            raise Unavailable("Redis lost its keys meanwhile; try again")
        # First, so that no query that knows no better answers from what is left meanwhile.
        deleted += await side.redis.unlink(side.store.layout(number, live.version).cursor)
    return deleted + await builds.clean(dict.fromkeys(lives, mark))


async def _arrivals(
    store: Builds, lives: dict[int, Held], progress: Progress
) -> AsyncIterator[int]:
    """The partitions, as they come back to where they are held."""
    total = sum(live.offset for live in lives.values())
    waiting = dict(lives)
    folded, deadline = -1, Deadline.after(LIVE_WAIT_SECONDS)
    while waiting:
        cursors = {
            number: await store.cursor(number, await store.live_version(number))
            for number in waiting
        }
        for number in [each for each, at in cursors.items() if at >= lives[each].offset]:
            del waiting[number]
            yield number
        left = sum(live.offset - cursors[number] for number, live in waiting.items())
        progress(total - left, total)
        if total - left > folded:  # however long it takes, as long as it moves
            folded, deadline = total - left, Deadline.after(LIVE_WAIT_SECONDS)
        if deadline.expired:
            raise Unavailable(
                f"the live projection folded nothing in {LIVE_WAIT_SECONDS:g} s: is it running? "
                "see human-memory status"
            )
        await asyncio.sleep(POLL_SECONDS if waiting else 0)


def _alone(side: ReadSide) -> AbstractAsyncContextManager[None]:
    return alone(side.redis, side.store.prefix, patience_seconds=PATIENCE_SECONDS)
