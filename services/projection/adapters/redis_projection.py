"""The projection in Redis: one script writes a batch's changes and its cursor."""

import hashlib
from importlib.resources import files
from typing import Any, cast

from redis.exceptions import NoScriptError, ResponseError

from services.common.computing import computing
from services.common.kept_replies import forget_replies
from services.common.redis import RedisClient, Word, execute
from services.projection.adapters.redis_changes import changes
from services.projection.adapters.redis_view import load_view
from services.projection.fold.view import Needs, View
from services.projection.ports import Outcome
from services.readside.collections import CONTENTS, Contents
from services.readside.fold_version import FOLD
from services.readside.layout import INDEXED, Control, Layout

APPLY = files("services.projection").joinpath("lua/apply.lua").read_text()
APPLY_SHA = hashlib.sha1(APPLY.encode(), usedforsecurity=False).hexdigest()
# Like a first batch does: a cursor without a fold is one of before builds remembered theirs.
OPEN = "if redis.call('SET', KEYS[1], 0, 'NX') then redis.call('SET', KEYS[2], ARGV[1]) end"
SCHEMA: tuple[Word, ...] = (
    "ns", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
    "type", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
    "tags", "TAG", "SEPARATOR", "\x1f", "CASESENSITIVE",
    "sources", "TAG", "SEPARATOR", "\x1f",
    "created", "NUMERIC",
    "text", "TEXT", "NOSTEM",
    "vector", "VECTOR", "FLAT", 6, "TYPE", "FLOAT16", "DISTANCE_METRIC", "COSINE", "DIM",
)  # fmt: skip


class RedisProjection:
    """`Builds` on Redis with RediSearch."""

    def __init__(
        self,
        redis: RedisClient,
        prefix: str,
        *,
        dimension: int,
        mark: str = "",
        contents: Contents = CONTENTS,
    ):
        """With a `mark` writes go beside the live build, while it stands in `Control.next`."""
        self._redis = redis
        self.prefix = prefix
        self._dimension = dimension
        self._mark = mark
        self._contents = contents

    def marked(self, mark: str) -> "RedisProjection":
        return RedisProjection(
            self._redis,
            self.prefix,
            dimension=self._dimension,
            mark=mark,
            contents=self._contents,
        )

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
        layout = self.layout(0, version)
        for status in INDEXED:
            try:
                await self._redis.execute_command(
                    "FT.CREATE", layout.index(status), "ON", "HASH",
                    "PREFIX", 1, layout.index_prefix(status), "STOPWORDS", 0,
                    "SCHEMA", *SCHEMA, self._dimension,
                )  # fmt: skip
            except ResponseError as error:
                if "already exists" not in str(error):
                    raise

    async def cursor(self, partition: int, version: int) -> int:
        return int(await self._redis.get(self.layout(partition, version).cursor) or 0)

    async def fold(self, partition: int, version: int) -> int | None:
        layout = self.layout(partition, version)
        cursor, fold = await self._redis.mget(layout.cursor, layout.fold)
        return None if cursor is None else int(fold or 0)

    async def expect(self, partition: int, offset: int) -> None:
        await self._redis.set(self.control(partition).target, offset)

    async def open(self, partition: int, version: int) -> None:
        layout = self.layout(partition, version)
        await self._redis.eval(OPEN, 2, layout.cursor, layout.fold, FOLD)

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        layout = self.layout(partition, version)
        return await load_view(self._redis, layout, needs, self._contents)

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        layout, control = self.layout(partition, version), self.control(partition)
        writer, where = (control.next, "beside") if self._mark else (control.live, "live")
        keys = [layout.cursor, writer, control.hold, layout.fold, layout.clearing]
        words: list[Word] = [len(keys), *keys, self._mark or version]
        words += [cursor, next_cursor, FOLD, where]
        with computing():
            for command in changes(view, layout, next_cursor, self._contents):
                words.append(len(command))
                words.extend(command)
        if not self._mark:
            for name in view.cleared:
                await forget_replies(self._redis, self.prefix, name)
        while True:
            (reply,) = await execute(self._redis, [["EVALSHA", APPLY_SHA, *words]])
            if isinstance(reply, NoScriptError):
                (reply,) = await execute(self._redis, [["EVAL", APPLY, *words]])
            if isinstance(reply, Exception):
                raise reply
            result, at = cast("list[bytes]", reply)
            if result != b"more":
                return Outcome(cast("Any", result.decode()), int(at or 0))
