"""Builds beside the live one: what is live stays whole, and of what dies nothing is left."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from services.common.redis import RedisClient, connect
from services.projection import pause
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.builds import BuildsBeside, ReadSide
from services.projection.deletion import drop_read_side
from services.projection.digest import digest_of_build
from services.projection.pause import Busy, alone, held, require_held, unlink
from services.projection.ports import Outcome
from services.projection.settings import ProjectionSettings
from services.projection.upgrading import Upgrade
from services.readside.fold_version import FOLD
from services.readside.layout import rebuilding_key
from tests.builders import TIME_MS, memory_id
from tests.contract.folding import batch_of, fold_all, fold_into
from tests.contract.projection_contract import digest_of
from tests.engines import Engines
from tests.sequences import DIMENSION, around, at_offsets, small_stored

pytestmark = pytest.mark.integration
NAMES = ("ann", "bob", "eve")
KEYS = 15  # that there are of them, and of their namespace
EVENTS: list[tuple[int, MemoryEvent]] = at_offsets(
    [
        small_stored(memory_id(name), envelope=around(TIME_MS + i, name), session="monday")
        for i, name in enumerate(NAMES)
    ]
)


@pytest.fixture
async def redis(stack: Engines) -> AsyncIterator[RedisClient]:
    client = connect(stack.redis)
    yield client
    await client.aclose()


@pytest.fixture
async def store(redis: RedisClient) -> AsyncIterator[RedisProjection]:
    side = store_of(redis, f"hm:builds-{secrets.token_hex(4)}:")
    yield side
    await lose_everything(redis, side)


def store_of(redis: RedisClient, prefix: str, mark: str = "") -> RedisProjection:
    """A store under a prefix."""
    return RedisProjection(redis, prefix, dimension=DIMENSION, mark=mark)


def side_of(redis: RedisClient, store: RedisProjection) -> ReadSide:
    """A read side of one partition."""
    return ReadSide(ProjectionSettings(partitions=1), redis, store)


async def lose_everything(redis: RedisClient, store: RedisProjection) -> None:
    """FLUSHALL for our keys."""
    for name in await redis.execute_command("FT._LIST"):
        if name.decode().startswith(store.prefix):
            await redis.execute_command("FT.DROPINDEX", name)
    await unlink(redis, f"{store.prefix}*")


async def filled(store: RedisProjection) -> None:
    """A live build of all events."""
    await store.live_version(0)
    await fold_all(store, [EVENTS], partition=0)


async def begun(redis: RedisClient, store: RedisProjection) -> tuple[int, str]:
    """A build beside it, of all events."""
    version, mark = await BuildsBeside(side_of(redis, store)).begin()
    await fold_all(store_of(redis, store.prefix, mark), [EVENTS], partition=0, version=version)
    return version, mark


async def keys_of(redis: RedisClient, store: RedisProjection) -> set[str]:
    """The versions that there are keys or indexes of, and what else there is."""
    keys = [key async for key in redis.scan_iter(match=f"{store.prefix}*")]
    keys += await redis.execute_command("FT._LIST")
    names = [key.decode() for key in keys if key.startswith(store.prefix.encode())]
    return {name.removeprefix(store.prefix).partition(":")[0] for name in names}


class Interrupted:
    """Redis, with something done by others at the n-th key that a scan comes to."""

    def __init__(self, redis: RedisClient, n: int, others: Callable[[], Awaitable[None]]) -> None:
        self._redis, self._n, self._others = redis, n, others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    async def scan_iter(self, **arguments: Any) -> AsyncIterator[bytes]:
        async for key in self._redis.scan_iter(**arguments):
            self._n -= 1
            if self._n == 0:
                await self._others()
            yield key


@pytest.mark.parametrize("moment", range(1, KEYS + 1))
async def test_batch_loaded_while_the_read_side_is_deleted_takes_nothing_for_true_that_is_going(
    redis: RedisClient, store: RedisProjection, moment: int
) -> None:
    await filled(store)
    loaded = []

    async def load() -> None:
        version = await store.live_version(0)
        batch = batch_of(EVENTS, partition=0, version=version)
        await batch.load(store)
        loaded.append(batch)

    interrupted = Interrupted(redis, moment, load)
    await drop_read_side(side_of(interrupted, store_of(interrupted, store.prefix)))

    for batch in loaded:
        if batch.decoded:
            await batch.apply(store)
    version = await store.live_version(0)
    await fold_into(store, EVENTS, partition=0, version=version)
    assert len(loaded) == 1
    assert await digest_of_build(redis, store.layout(0, version)) == digest_of(EVENTS)


async def test_deleted_read_side_is_empty_and_of_nobodys_fold(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)

    deleted = await drop_read_side(side_of(redis, store))

    version = await store.live_version(0)
    assert deleted > len(EVENTS)
    assert await keys_of(redis, store) == {"live", f"v{version}"}
    assert [key async for key in redis.scan_iter(match=f"{store.prefix}v*")] == []
    assert await store.fold(0, version) is None
    await fold_into(store, EVENTS, partition=0, version=version)
    assert await store.fold(0, version) == FOLD


async def test_who_was_taken_for_dead_writes_nothing_any_more(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)
    version, mark = await BuildsBeside(side_of(redis, store)).begin()
    slow = store_of(redis, store.prefix, mark)
    batch = batch_of(EVENTS, partition=0, version=version)
    await batch.load(slow)

    builds = BuildsBeside(side_of(redis, store))
    await builds.clean(await builds.marks())
    outcome = await batch.apply(slow)

    assert outcome.result == "version"
    assert await keys_of(redis, store) == {"live", "v1"}


async def test_what_is_built_meanwhile_is_left_alone(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)
    old = await begun(redis, store)
    builds = BuildsBeside(side_of(redis, store))
    found = await builds.marks()
    version, mark = await begun(redis, store)

    await builds.clean(found)

    assert version == old[0] + 1
    assert await builds.marks() == {0: mark}
    assert await keys_of(redis, store) == {"live", "next", "v1", f"v{version}"}
    for build in (1, version):
        layout = store.layout(0, build)
        assert await digest_of_build(redis, layout) == digest_of(EVENTS)


async def test_tidying_up_that_dies_is_done_by_the_next_one(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)
    await begun(redis, store)

    async def die() -> None:
        raise ConnectionError("killed")

    interrupted = Interrupted(redis, 3, die)
    dying = BuildsBeside(side_of(interrupted, store_of(interrupted, store.prefix)))
    with pytest.raises(ConnectionError):
        await dying.clean(await dying.marks())
    builds = BuildsBeside(side_of(redis, store))
    await builds.clean(await builds.marks())

    assert await keys_of(redis, store) == {"live", "v1"}
    assert await digest_of_build(redis, store.layout(0, 1)) == digest_of(EVENTS)


def upgrade_of(redis: RedisClient, store: RedisProjection) -> Upgrade:
    """What a projection with one partition has for upgrades."""

    async def let_pass(_: float) -> None:
        """No query is being answered."""

    return Upgrade(side_of(redis, store), let_pass=let_pass)


async def test_upgrade_waits_for_an_operator_who_replays_and_then_finds_nothing_to_do(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)
    await redis.set(store.layout(0, 1).fold, FOLD - 1)
    upgrade = upgrade_of(redis, store)

    async with alone(redis, store.prefix):
        version, mark = await begun(redis, store)
        await upgrade._look()
        said = upgrade.note()
        async with held(redis, store, 0) as live:
            await BuildsBeside(side_of(redis, store)).switch(0, live, mark=mark, cursor=len(EVENTS))
    await upgrade._look()

    assert said == "another instance rebuilds the read side for this version"
    assert upgrade.note() == ""
    assert await keys_of(redis, store) == {"live", f"v{version}"}
    assert await digest_of_build(redis, store.layout(0, version)) == digest_of(EVENTS)


async def test_projection_deletes_what_a_rebuild_that_died_has_left(
    redis: RedisClient, store: RedisProjection
) -> None:
    await filled(store)
    await begun(redis, store)

    await upgrade_of(redis, store)._look()

    assert await keys_of(redis, store) == {"live", "v1"}


async def test_switch_makes_the_build_live(redis: RedisClient, store: RedisProjection) -> None:
    await filled(store)
    version, mark = await begun(redis, store)

    async with held(redis, store, 0, len(EVENTS)) as live:
        switched = await BuildsBeside(side_of(redis, store)).switch(
            0, live, mark=mark, cursor=len(EVENTS)
        )

    assert switched
    assert await store.live_version(0) == version


async def change_live(redis: RedisClient, store: RedisProjection) -> None:
    await redis.set(store.control(0).live, 7)


async def lose_the_hold(redis: RedisClient, store: RedisProjection) -> None:
    await redis.delete(store.control(0).hold)


async def begin_another(redis: RedisClient, store: RedisProjection) -> None:
    await BuildsBeside(side_of(redis, store)).begin()


async def fall_back(redis: RedisClient, store: RedisProjection) -> None:
    await redis.set(store.layout(0, 2).cursor, 1)


@pytest.mark.parametrize(
    "change", [lose_everything, change_live, lose_the_hold, begin_another, fall_back]
)
async def test_switch_is_refused_where_anything_has_changed(
    redis: RedisClient,
    store: RedisProjection,
    change: Callable[[RedisClient, RedisProjection], Awaitable[None]],
) -> None:
    await filled(store)
    version, mark = await begun(redis, store)

    async with held(redis, store, 0, len(EVENTS)) as live:
        await change(redis, store)
        switched = await BuildsBeside(side_of(redis, store)).switch(
            0, live, mark=mark, cursor=len(EVENTS)
        )

    assert not switched
    assert await store.live_version(0) != version


async def test_one_at_a_time_holds_a_partition_where_it_stands(
    redis: RedisClient, store: RedisProjection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(store)
    monkeypatch.setattr(pause, "LIVE_WAIT_SECONDS", 0.0)

    async with held(redis, store, 0) as live:
        more = at_offsets([small_stored(memory_id("fay"), envelope=around(TIME_MS, "fay"))], 3)
        refused = await fold_into(store, more, partition=0)
        with pytest.raises(Busy, match="held by another"):
            async with held(redis, store, 0):
                pass

    assert live.offset == len(EVENTS)
    assert refused == Outcome("hold", len(EVENTS))
    assert await fold_into(store, more, partition=0) == Outcome("applied", 4)


async def test_hold_that_is_lost_is_noticed(redis: RedisClient, store: RedisProjection) -> None:
    await filled(store)

    async with held(redis, store, 0, len(EVENTS)) as live:
        await require_held(redis, live)
        await lose_the_hold(redis, store)
        with pytest.raises(Unavailable, match="while it was held"):
            await require_held(redis, live)


async def test_who_comes_back_late_gives_back_nobody_elses_lock(
    redis: RedisClient, store: RedisProjection
) -> None:
    key = rebuilding_key(store.prefix)

    async with alone(redis, store.prefix):
        with pytest.raises(Busy, match="another rebuild"):
            async with alone(redis, store.prefix):
                pass
        await redis.set(key, "another's")  # ours has expired meanwhile

    assert await redis.get(key) == b"another's"
