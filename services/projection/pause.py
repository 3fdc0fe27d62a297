"""Holding the live fold still, and being alone with the read side."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from services.common.redis import REDIS_ERRORS, RedisClient
from services.projection.ports import Builds
from services.readside.layout import rebuilding_key

# If a rebuild dies while it holds the live fold, the hold ends after this long.
HOLD_SECONDS = 10
LIVE_WAIT_SECONDS = 60.0
POLL_SECONDS = 0.02
UNLINK_AT_ONCE = 500
LOST = "the live fold went on while it was held: Redis lost its keys; try again"
# A key that has expired, and is another's by now, is left alone.
IF_MINE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call({}) end return 0"
KEEP = IF_MINE.format("'EXPIRE', KEYS[1], ARGV[2]")
CHANGE = IF_MINE.format("'SET', KEYS[1], ARGV[2], 'KEEPTTL'")
GIVE_BACK = IF_MINE.format("'DEL', KEYS[1]")


class Busy(Unavailable):
    """Somebody else rebuilds, deletes or compares the read side."""


@dataclass
class _Kept:
    """A key of ours, and what it says."""

    key: str
    word: str


@dataclass(frozen=True)
class Held:
    """The live build of a partition that is held at an offset. `word`: what its hold says."""

    version: int
    offset: int
    key: str
    word: str


@asynccontextmanager
async def held(
    redis: RedisClient, store: Builds, partition: int, at_least: int = 0
) -> AsyncIterator[Held]:
    """Hold the live fold of a partition where it stands, or at an offset that lies before it.

    One at a time does: nobody else lets it go on, or makes another build live, meanwhile.

    Raises:
        Busy: somebody else holds it, and goes on doing so.
        Unavailable: Redis loses what we write, or a deletion of a namespace does not end.
    """
    name = uuid4().hex
    busy = f"partition {partition} is held by another rebuild or digest; try again"
    # It goes on nowhere until we know where it stands.
    kept = _Kept(store.control(partition).hold, f"0 {name}")
    async with _keep(redis, kept, busy=busy, patience_seconds=LIVE_WAIT_SECONDS):
        version = await store.live_version(partition)
        await _nothing_half_deleted(redis, store, partition, version)
        offset = max(at_least, await store.cursor(partition, version))
        stopped, kept.word = kept.word, f"{offset} {name}"
        if not await redis.eval(CHANGE, 1, kept.key, stopped, kept.word):
            raise Unavailable(LOST)
        yield Held(version, offset, kept.key, kept.word)


async def _nothing_half_deleted(
    redis: RedisClient, store: Builds, partition: int, version: int
) -> None:
    """Return when no deletion of a namespace has been begun; the hold lets it come to its end."""
    deadline = Deadline.after(LIVE_WAIT_SECONDS)
    while await redis.exists(store.layout(partition, version).clearing):
        if deadline.expired:
            raise Unavailable(
                f"a namespace of partition {partition} is half deleted: is the projection running? "
                "see human-memory status"
            )
        await asyncio.sleep(POLL_SECONDS)


async def arrived(redis: RedisClient, store: Builds, partition: int, live: Held) -> None:
    """Return when the live fold has come to where it is held.

    Raises:
        Unavailable: it does not get there.
    """
    deadline = Deadline.after(LIVE_WAIT_SECONDS)
    while await store.cursor(partition, live.version) < live.offset:
        await require_held(redis, live)
        if deadline.expired:
            raise Unavailable(
                f"the live projection of partition {partition} did not reach offset {live.offset} "
                f"in {LIVE_WAIT_SECONDS:g} s: is the projection running? see human-memory status"
            )
        await asyncio.sleep(POLL_SECONDS)


async def require_held(redis: RedisClient, live: Held) -> None:
    """Refuse to believe what was read of a build that was held no longer.

    Raises:
        Unavailable: the hold is gone, as after a loss of Redis.
    """
    if await redis.get(live.key) != live.word.encode():
        raise Unavailable(LOST)


@asynccontextmanager
async def alone(
    redis: RedisClient, prefix: str, *, patience_seconds: float = 0.0
) -> AsyncIterator[None]:
    """Keep others from rebuilding or deleting the same read side meanwhile.

    Raises:
        Busy: another is at it, and not done in `patience_seconds`.
    """
    busy = (
        "another rebuild of this read side is running, or was killed less than "
        f"{HOLD_SECONDS} s ago; try again when it is over"
    )
    kept = _Kept(rebuilding_key(prefix), uuid4().hex)
    async with _keep(redis, kept, busy=busy, patience_seconds=patience_seconds):
        yield


async def is_rebuilding(redis: RedisClient, prefix: str) -> bool:
    """True while somebody is `alone` with the read side."""
    return bool(await redis.exists(rebuilding_key(prefix)))


@asynccontextmanager
async def _keep(
    redis: RedisClient, kept: _Kept, *, busy: str, patience_seconds: float
) -> AsyncIterator[None]:
    """Have a key for as long as the body lasts; if we are killed, HOLD_SECONDS longer."""
    deadline = Deadline.after(patience_seconds)
    while not await redis.set(kept.key, kept.word, nx=True, ex=HOLD_SECONDS):
        if deadline.expired:
            raise Busy(busy)
        await asyncio.sleep(POLL_SECONDS)
    refresh = asyncio.create_task(_refresh(redis, kept))
    try:
        yield
    finally:
        refresh.cancel()
        with suppress(asyncio.CancelledError):
            await refresh
        with suppress(*REDIS_ERRORS):  # it expires
            await redis.eval(GIVE_BACK, 1, kept.key, kept.word)


async def _refresh(redis: RedisClient, kept: _Kept) -> None:
    while True:
        await asyncio.sleep(HOLD_SECONDS / 3)
        with suppress(*REDIS_ERRORS):
            await redis.eval(KEEP, 1, kept.key, kept.word, HOLD_SECONDS)


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
