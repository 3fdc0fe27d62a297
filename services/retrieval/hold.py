"""Holding the live fold still, and deleting keys without holding Redis up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from services.common.redis import RedisClient
from services.retrieval.adapters.redis_projection import RedisProjection

# Whoever dies while holding the live fold holds it no longer than this.
HOLD_SECONDS = 10
LIVE_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.02
UNLINK_AT_ONCE = 500


@asynccontextmanager
async def held(
    redis: RedisClient, store: RedisProjection, partition: int, log_end: int
) -> AsyncIterator[int]:
    """Hold the live fold of a partition at the end of its log; yields the offset it stands at.

    Raises:
        Unavailable: it does not get there.
    """
    key = store.control(partition).hold
    version = await store.live_version(partition)
    await redis.set(key, log_end, ex=HOLD_SECONDS)
    # It may have gone past the end we were told before the hold was there.
    offset = max(log_end, await store.cursor(partition, version))
    refresh = asyncio.create_task(_refresh(redis, key))
    try:
        deadline = Deadline.after(LIVE_WAIT_SECONDS)
        while await store.cursor(partition, version) < offset:
            if deadline.expired:
                raise Unavailable(
                    f"the live projection of partition {partition} did not reach offset {offset} "
                    f"in {LIVE_WAIT_SECONDS:g} s: is retrieval running? see human-memory status"
                )
            await asyncio.sleep(POLL_SECONDS)
        yield offset
    finally:
        refresh.cancel()
        with suppress(asyncio.CancelledError):
            await refresh
        await redis.delete(key)


async def unlink(redis: RedisClient, pattern: str) -> int:
    """Delete keys in slices: dropping them with their index blocks Redis."""
    deleted = 0
    keys: list[bytes] = []
    async for key in redis.scan_iter(match=pattern, count=UNLINK_AT_ONCE):
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
        await redis.expire(key, HOLD_SECONDS)
