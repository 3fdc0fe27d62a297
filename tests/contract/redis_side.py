"""A read side in Redis under keys of its own, which a test folds events into."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from schemas.events import MemoryEvent
from services.common.redis import RedisClient, connect
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.pause import unlink
from services.readside.layout import INDEXED, Control, Layout, rebuilding_key
from services.readside.live_build import LiveBuild
from tests.contract.folding import fold_all
from tests.sequences import DIMENSION, at_offsets


class RedisSide:
    """The read side of one partition; `clear` drops its indexes, and `unlink` all the rest."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        self.redis = redis
        self.prefix = prefix
        self.build = LiveBuild(redis, prefix, partitions=1)
        self._store = RedisProjection(redis, prefix, dimension=DIMENSION)
        self._version = 0
        self._folded = 0

    async def take(self, *events: MemoryEvent) -> None:
        """Fold events."""
        if self._version == 0:
            await self.begin_anew()
        batch = at_offsets(list(events), self._folded)
        await fold_all(self._store, [batch], partition=0, version=self._version)
        self._folded += len(events)

    async def begin_anew(self, *events: MemoryEvent) -> None:
        """Have another build live, with another log in it, and nothing left of the one before."""
        await self.clear()
        before, self._version, self._folded = self._version, self._version + 1, 0
        # Not `live_version`, which looks at all keys: there may be many of others.
        await self._store.ensure_index(self._version)
        await self.redis.set(Control(self.prefix, 0).live, self._version)
        await self._store.open(0, self._version)
        await unlink(self.redis, f"{self.prefix}v{before}:*")
        if events:
            await self.take(*events)

    async def rebuild_beside(self, events: int) -> None:
        """Have so many events in a build beside the live one."""
        await self.redis.set(rebuilding_key(self.prefix), "somebody")
        version = self._version + 2
        await self.redis.set(Control(self.prefix, 0).next, f"{version} somebody")
        await self.redis.set(Layout(self.prefix, version, 0).cursor, events)

    async def lose(self, target: int) -> None:
        """Have a loss made good when so many events are folded."""
        await self._store.expect(0, target)

    async def clear(self) -> None:
        """Drop the indexes."""
        for status in INDEXED if self._version else ():
            index = Layout(self.prefix, self._version, 0).index(status)
            await self.redis.execute_command("FT.DROPINDEX", index)

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str) -> AsyncIterator[Self]:
        """One that is gone afterwards."""
        redis, prefix = connect(url), new_prefix()
        side = cls(redis, prefix)
        yield side
        await side.clear()
        await unlink(redis, f"{prefix}*")
        await redis.aclose()


def new_prefix() -> str:
    """A beginning of keys that nobody has."""
    return f"hm:readside-{secrets.token_hex(4)}:"
