"""Several commands in one round trip to the real Redis."""

import secrets
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.common import redis as redis_module
from services.common.redis import RedisClient, connect, execute
from tests.engines import Engines

pytestmark = pytest.mark.integration


@pytest.fixture
async def redis(stack: Engines) -> AsyncIterator[RedisClient]:
    client = connect(stack.redis)
    yield client
    await client.aclose()


async def test_error_of_one_command_is_its_reply_and_the_others_have_theirs(
    redis: RedisClient,
) -> None:
    first, error, last = await execute(redis, [["ECHO", "a"], ["HGET"], ["ECHO", "b"]])

    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ResponseError)


async def test_reply_that_does_not_come_is_an_error_and_reaches_nobody_else(
    redis: RedisClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody_fills = f"hm:replies-{secrets.token_hex(4)}"
    await redis.ping()  # connected: what follows waits for replies alone
    monkeypatch.setattr(redis_module, "REPLY_SECONDS_MAX", 0.05)

    with pytest.raises(RedisTimeoutError, match="no reply within"):
        await execute(redis, [["ECHO", "a"], ["BLPOP", nobody_fills, 1]])

    monkeypatch.undo()
    assert await execute(redis, [["ECHO", "b"]]) == [b"b"]
