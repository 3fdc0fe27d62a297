"""Holding the live fold still, and deleting keys without holding Redis up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from uuid import uuid4

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from services.common.redis import REDIS_ERRORS, RedisClient
from services.projection.adapters.redis_projection import RedisProjection
from services.readside.layout import rebuilding_key

# A rebuild that dies while it holds the live fold holds it no longer than this.
HOLD_SECONDS = 10
LIVE_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.02
UNLINK_AT_ONCE = 500


@asynccontextmanager
async def held(
    redis: RedisClient,
    store: RedisProjection,
    partition: int,
    log_end: int,
    *,
    arrived: bool = True,
) -> AsyncIterator[int]:
    """Hold the live fold of a partition at the end of its log; yields the offset it stands at.

    `arrived`: wait until it is there. Otherwise it stands there or before.

    Raises:
        Unavailable: it does not get there.
    """
    version = await store.live_version(partition)
    async with _kept(redis, store.control(partition).hold, str(log_end)):
        # It may have gone past the end we were told before the hold was there.
        offset = max(log_end, await store.cursor(partition, version))
        deadline = Deadline.after(LIVE_WAIT_SECONDS)
        while arrived and await store.cursor(partition, version) < offset:
            if deadline.expired:
                raise Unavailable(
                    f"the live projection of partition {partition} did not reach offset {offset} "
                    f"in {LIVE_WAIT_SECONDS:g} s: is the projection running? "
                    "see human-memory status"
                )
            await asyncio.sleep(POLL_SECONDS)
        yield offset


@asynccontextmanager
async def held_at_the_start(
    redis: RedisClient, store: RedisProjection, partitions: int
) -> AsyncIterator[None]:
    """Let the live fold write nothing, so that what is deleted stays deleted."""
    async with AsyncExitStack() as stack:
        for partition in range(partitions):
            hold = store.control(partition).hold
            await stack.enter_async_context(_kept(redis, hold, "0"))
        yield


@asynccontextmanager
async def alone(redis: RedisClient, prefix: str) -> AsyncIterator[None]:
    """Keep others from rebuilding or deleting the same read side meanwhile.

    Raises:
        Unavailable: another is at it.
    """
    key, mine = rebuilding_key(prefix), uuid4().hex
    if not await redis.set(key, mine, nx=True, ex=HOLD_SECONDS):
        raise Unavailable(
            "another rebuild of this read side is running, or was killed less than "
            f"{HOLD_SECONDS} s ago; try again when it is over"
        )
    async with _kept(redis, key, mine):
        yield


async def is_rebuilding(redis: RedisClient, prefix: str) -> bool:
    """True while somebody is `alone` with the read side."""
    return bool(await redis.exists(rebuilding_key(prefix)))


@asynccontextmanager
async def _kept(redis: RedisClient, key: str, value: str) -> AsyncIterator[None]:
    """A key that lasts as long as the body; if we are killed, HOLD_SECONDS longer."""
    await redis.set(key, value, ex=HOLD_SECONDS)
    refresh = asyncio.create_task(_refresh(redis, key))
    try:
        yield
    finally:
        refresh.cancel()
        with suppress(asyncio.CancelledError):
            await refresh
        with suppress(*REDIS_ERRORS):  # it expires
            await redis.delete(key)


async def unlink(
    redis: RedisClient, pattern: str, *, doomed: Callable[[bytes], bool] = lambda _: True
) -> int:
    """Delete keys in slices: dropping them with their index blocks Redis."""
    deleted = 0
    keys: list[bytes] = []
    async for key in redis.scan_iter(match=pattern, count=UNLINK_AT_ONCE):
        if doomed(key):
            keys.append(key)
        if len(keys) >= UNLINK_AT_ONCE:
            deleted += await redis.unlink(*keys)
            keys.clear()
    if keys:
        deleted += await redis.unlink(*keys)
    return deleted


async def _refresh(redis: RedisClient, key: str) -> None:
    while True:
        await asyncio.sleep(HOLD_SECONDS / 3)
        with suppress(*REDIS_ERRORS):
            await redis.expire(key, HOLD_SECONDS)
