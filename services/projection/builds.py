"""Builds beside the live one: begun, made live and deleted, with nothing left of those that died.

What is live is never deleted, and nothing is written to what is being deleted: the scripts compare
the partition's keys in the moment they write. So a batch that was loaded from a build on its way
out is refused, whatever happens when.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from uuid import uuid4

from redis.exceptions import ResponseError

from services.common.redis import RedisClient
from services.common.settings import VectorSettings
from services.projection.pause import UNLINK_AT_ONCE, Held
from services.projection.ports import Builds
from services.readside.layout import Control

SWITCH = files("services.projection").joinpath("lua/switch.lua").read_text()
UNLINK = files("services.projection").joinpath("lua/unlink.lua").read_text()
REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
NO_BUILD = 0


@dataclass(frozen=True)
class ReadSide:
    """The read side of one installation, connected."""

    settings: VectorSettings
    redis: RedisClient
    store: Builds

    @property
    def partitions(self) -> range:
        return range(self.settings.partitions)


class BuildsBeside:
    """The builds of one installation. Whoever begins one or switches is `alone` with them."""

    def __init__(self, side: ReadSide) -> None:
        self._redis = side.redis
        self._store = store = side.store
        self._controls = {number: store.control(number) for number in side.partitions}
        self._prefix = f"{store.prefix}v"
        self._key = re.compile(re.escape(self._prefix) + r"(\d+):[^{]*\{p(\d+)\}")

    async def marks(self) -> dict[int, str]:
        """The marks of those who build beside a partition, or died while they did."""
        keys = [control.next for control in self._controls.values()]
        found = zip(self._controls, await self._redis.mget(keys), strict=True)
        return {number: mark.decode() for number, mark in found if mark is not None}

    async def begin(self) -> tuple[int, str]:
        """The version of a new build, and the mark to write it with; older marks are worth nothing.

        The mark is there before anything of the build is: whoever finds the mark can tidy up.
        """
        taken = {version for version, _ in await self._indexes()} | await self._used()
        version = max(taken, default=NO_BUILD) + 1
        mark = f"{version} {uuid4().hex}"
        for control in self._controls.values():
            await self._redis.set(control.next, mark)
        await self._store.ensure_index(version)
        return version, mark

    async def switch(
        self, partition: int, held: Held, *, mark: str, cursor: int | None = None
    ) -> bool:
        """Make what was begun with `mark` live; False if anything has changed since it was held.

        `cursor`: where the build stands; None if there is nothing of it.
        """
        control, version = self._controls[partition], int(mark.split()[0])
        keys = [control.live, control.next, control.hold]
        keys.append(self._store.layout(partition, version).cursor)
        found = [held.version, mark, held.word, "" if cursor is None else cursor]
        return bool(await self._redis.eval(SWITCH, len(keys), *keys, *found, version))

    async def clean(self, marks: Mapping[int, str]) -> int:
        """Delete all builds but those that are live; how many keys that were.

        `marks`: of those who are done, or dead. What others build meanwhile is left alone.
        """
        mine = f"{NO_BUILD} {uuid4().hex}"
        for number, mark in marks.items():
            await self._replace(self._controls[number], mark, mine)
        # First: what is built by others has its mark before it has an index.
        indexes = await self._indexes()
        used = await self._used()
        for version, name in indexes:
            if version not in used:
                with suppress(ResponseError):  # it is not there any more
                    await self._redis.execute_command("FT.DROPINDEX", name)
        deleted = await self._unlink_all()
        for version in set((await self._live()).values()):
            await self._store.ensure_index(version)
        for number in marks:
            await self._replace(self._controls[number], mine, "")
        return deleted

    async def _unlink_all(self) -> int:
        deleted = 0
        doomed: defaultdict[tuple[int, int], list[bytes]] = defaultdict(list)
        live = await self._live()
        async for key in self._redis.scan_iter(match=f"{self._prefix}*", count=UNLINK_AT_ONCE):
            if (found := self._key.match(key.decode(errors="replace"))) is None:
                continue
            version, number = (int(each) for each in found.groups())
            if live.get(number) == version:
                continue
            doomed[number, version].append(key)
            if len(doomed[number, version]) >= UNLINK_AT_ONCE:
                deleted += await self._unlink(number, version, doomed.pop((number, version)))
        for (number, version), keys in doomed.items():
            deleted += await self._unlink(number, version, keys)
        return deleted

    async def _unlink(self, number: int, version: int, keys: list[bytes]) -> int:
        control = self._store.control(number)
        every = [control.live, control.next, *keys]
        return int(await self._redis.eval(UNLINK, len(every), *every, version))

    async def _replace(self, control: Control, mark: str, other: str) -> None:
        await self._redis.eval(REPLACE, 1, control.next, mark, other)

    async def _live(self) -> dict[int, int]:
        keys = [control.live for control in self._controls.values()]
        found = zip(self._controls, await self._redis.mget(keys), strict=True)
        return {number: int(version) for number, version in found if version is not None}

    async def _used(self) -> set[int]:
        """The versions that are live or being built."""
        building = (int(mark.split()[0]) for mark in (await self.marks()).values())
        return {*(await self._live()).values(), *building}

    async def _indexes(self) -> list[tuple[int, bytes]]:
        """The search indexes of our builds, with their versions."""
        found = []
        for name in await self._redis.execute_command("FT._LIST"):
            number = name.decode(errors="replace").removeprefix(self._prefix).partition(":")[0]
            if name.startswith(self._prefix.encode()) and number.isdigit():
                found.append((int(number), name))
        return found
