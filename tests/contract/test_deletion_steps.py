"""The deletion of a namespace in Redis: step by step, and brought to its end whoever begins it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from services.common.kept_replies import replies_key, reply_key
from services.common.redis import RedisClient, connect, execute
from services.gateway.idempotency_cache import KeptReplies, Request
from services.projection.adapters import redis_changes, redis_projection
from services.projection.pause import held
from services.readside.collections import CLEARED
from tests.contract.deletion_contract import ANN, DELETED, FULL, OTHER
from tests.contract.folding import fold_all, fold_into
from tests.contract.projection_contract import digest_of
from tests.contract.projection_damages import NAMESPACE
from tests.contract.test_projection_contract import RedisSide
from tests.engines import Engines
from tests.polling import eventually
from tests.sequences import around, at_offsets, small_stored

pytestmark = pytest.mark.integration
LOG = at_offsets([*FULL, DELETED])


class Killed(Exception):
    """What the process died of."""


@pytest.fixture
async def redis(stack: Engines) -> AsyncIterator[RedisClient]:
    async with aclosing(connect(stack.redis)) as client:
        yield client


@pytest.fixture
async def side(redis: RedisClient) -> AsyncIterator[RedisSide]:
    store = RedisSide(redis, f"hm:deletion-{secrets.token_hex(4)}:")
    await store.live_version(0)
    await fold_all(store, [LOG[:-1]], partition=0)
    yield store
    await store.lose_everything()


@pytest.fixture
def killed_after_two(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Steps of one memory, and whoever deletes dies before the third."""
    steps = iter(range(2))

    async def dying(client: RedisClient, commands: list[list[object]]) -> list[object]:
        if commands[0][0] == "EVALSHA" and next(steps, None) is None:
            raise Killed
        return await execute(client, commands)  # type: ignore[arg-type] # words

    monkeypatch.setattr(redis_changes, "CLEARED_AT_ONCE", 1)
    monkeypatch.setattr(redis_projection, "execute", dying)
    return monkeypatch


async def half_delete(side: RedisSide, killed: pytest.MonkeyPatch) -> None:
    with pytest.raises(Killed):
        await fold_into(side, LOG[-1:], partition=0)
    killed.undo()


async def keys_of(side: RedisSide) -> set[str]:
    """The keys that the read side has of the namespace."""
    found = [key.decode() async for key in side.redis.scan_iter(match=f"{side.prefix}*")]
    return {key for key in found if NAMESPACE in key}


async def test_deletion_leaves_no_key_but_the_mark(side: RedisSide) -> None:
    await fold_all(side, [LOG[-1:]], partition=0)

    assert await keys_of(side) == {CLEARED.key(side.layout(0, 1), NAMESPACE)}
    assert await side.found("active") == []


async def test_deletion_that_was_killed_is_brought_to_its_end(
    side: RedisSide, killed_after_two: pytest.MonkeyPatch
) -> None:
    await half_delete(side, killed_after_two)
    before = await side.cursor(0, 1)

    await fold_all(side, [LOG[-1:]], partition=0)

    assert (before, await side.cursor(0, 1)) == (len(FULL), len(LOG))
    assert await keys_of(side) == {CLEARED.key(side.layout(0, 1), NAMESPACE)}
    assert not await side.redis.exists(side.layout(0, 1).clearing)
    assert await side.digest(0, 1) == digest_of(LOG)


async def test_deletion_that_has_begun_passes_a_hold_and_who_holds_waits_for_it(
    side: RedisSide, killed_after_two: pytest.MonkeyPatch
) -> None:
    await half_delete(side, killed_after_two)

    async def hold() -> int:
        async with held(side.redis, side, 0) as live:
            return live.offset

    holding = asyncio.create_task(hold())
    await eventually(lambda: side.redis.exists(side.control(0).hold))
    outcome = await fold_into(side, LOG[-1:], partition=0)

    assert outcome is not None
    assert outcome.result == "applied"
    assert await holding == len(LOG)


async def test_deletion_that_has_not_begun_waits_where_it_is_held(side: RedisSide) -> None:
    await side.hold(0, len(FULL))

    outcome = await fold_into(side, LOG[-1:], partition=0)

    assert outcome is not None
    assert outcome.result == "hold"
    assert await side.digest(0, 1) == digest_of(LOG[:-1])


async def test_replies_that_the_gateway_keeps_go_with_their_namespace(side: RedisSide) -> None:
    kept = KeptReplies(side.redis, side.prefix)
    for namespace in (NAMESPACE, OTHER["namespace"]):
        request = Request.of(namespace, "k: 1", path="/v1/memories", body=b"{}")
        await kept.keep(request, b"Noemi lives in Bern.")

    await fold_all(side, [LOG[-1:]], partition=0)

    left = {key.decode() async for key in side.redis.scan_iter(match=f"{side.prefix}http:*")}
    other = OTHER["namespace"]
    assert left == {reply_key(side.prefix, other, "k: 1"), replies_key(side.prefix, other)}


async def test_namespace_begun_anew_in_the_batch_of_its_deletion_is_whole(side: RedisSide) -> None:
    ann = small_stored(ANN, envelope=around(1, "anew"), session="monday: late")
    events = [*LOG[-1:], (len(LOG), ann)]

    await fold_all(side, [events], partition=0)

    assert await side.digest(0, 1) == digest_of([*LOG, (len(LOG), ann)])
