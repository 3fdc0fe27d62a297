"""The projection in Redis: one script writes a batch's changes and its cursor."""

import hashlib
from importlib.resources import files
from typing import Any, cast

from redis.exceptions import NoScriptError, ResponseError

from services.common.computing import computing
from services.common.redis import RedisClient, Word, execute
from services.projection.adapters.redis_changes import changes
from services.projection.adapters.redis_view import load_view
from services.projection.fold.view import Needs, View
from services.projection.ports import Outcome
from services.readside.collections import CONTENTS, Contents
from services.readside.layout import INDEXED, Control, Layout

APPLY = files("services.projection").joinpath("lua/apply.lua").read_text()
APPLY_SHA = hashlib.sha1(APPLY.encode(), usedforsecurity=False).hexdigest()


class RedisProjection:
    """`Projection` on Redis with RediSearch."""

    def __init__(
        self,
        redis: RedisClient,
        prefix: str,
        *,
        dimension: int,
        rebuilding: bool = False,
        contents: Contents = CONTENTS,
    ):
        """With `rebuilding` writes go to a build that nobody reads yet: no hold, no version."""
        self._redis = redis
        self.prefix = prefix
        self._dimension = dimension
        self._rebuilding = rebuilding
        self._contents = contents

    def layout(self, partition: int, version: int) -> Layout:
        return Layout(self.prefix, version, partition)

    def control(self, partition: int) -> Control:
        return Control(self.prefix, partition)

    async def live_version(self, partition: int) -> int:
        live = self.control(partition).live
        version = await self._redis.get(live)
        if version is None:
            # A build that other partitions already read keeps all of them in one index.
            version = str(await self._highest_live_version())
            await self.ensure_index(int(version))
            await self._redis.set(live, version, nx=True)
            version = await self._redis.get(live) or version
        return int(version)

    async def _highest_live_version(self) -> int:
        keys = [key async for key in self._redis.scan_iter(match=f"{self.prefix}live:*")]
        versions = await self._redis.mget(keys) if keys else []
        return max((int(version) for version in versions if version), default=1)

    async def ensure_index(self, version: int) -> None:
        """Create the search indexes of a build where they are missing."""
        layout = self.layout(0, version)
        for status in INDEXED:
            try:
                await self._redis.execute_command(
                    "FT.CREATE", layout.index(status), "ON", "HASH",
                    "PREFIX", 1, layout.index_prefix(status), "STOPWORDS", 0,
                    "SCHEMA",
                    "ns", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "type", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "tags", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
                    "sources", "TAG", "SEPARATOR", "\x1f",
                    "created", "NUMERIC",
                    "text", "TEXT", "NOSTEM",
                    "vector", "VECTOR", "FLAT", 6,
                    "TYPE", "FLOAT16", "DIM", self._dimension, "DISTANCE_METRIC", "COSINE",
                )  # fmt: skip
            except ResponseError as error:
                if "already exists" not in str(error):
                    raise

    async def cursor(self, partition: int, version: int) -> int:
        return int(await self._redis.get(self.layout(partition, version).cursor) or 0)

    async def expect(self, partition: int, offset: int) -> None:
        """Have queries wait until the fold has come to `offset` again."""
        await self._redis.set(self.control(partition).target, offset)

    async def open(self, partition: int, version: int) -> None:
        """Let queries read a build that nothing has been folded into yet.

        Without a cursor they are refused: there may be a log, and nobody has looked yet.
        """
        await self._redis.set(self.layout(partition, version).cursor, 0, nx=True)

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        layout = self.layout(partition, version)
        return await load_view(self._redis, layout, needs, self._contents)

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        layout, control = self.layout(partition, version), self.control(partition)
        keys = [layout.cursor, control.live, control.hold]
        words: list[Word] = [len(keys), *keys, "" if self._rebuilding else version, cursor]
        words.append(next_cursor)
        with computing():
            for command in changes(view, layout, next_cursor, self._contents):
                words.append(len(command))
                words.extend(command)
        (reply,) = await execute(self._redis, [["EVALSHA", APPLY_SHA, *words]])
        if isinstance(reply, NoScriptError):
            (reply,) = await execute(self._redis, [["EVAL", APPLY, *words]])
        if isinstance(reply, Exception):
            raise reply
        result, at = cast("list[bytes]", reply)
        return Outcome(cast("Any", result.decode()), int(at or 0))
