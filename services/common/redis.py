"""The one way to connect to Redis."""

from collections.abc import Sequence
from typing import Any

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

# redis-py types every reply as bytes or str, whatever decode_responses says: nothing to check.
RedisClient = Any

# What heals by itself: waited out by the fold, `unavailable` for a query.
TRANSIENT = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError)
REDIS_ERRORS = (RedisError, OSError)
CONNECTIONS_MAX = 32
WAIT_SECONDS = 5.0


def connect(url: str) -> RedisClient:
    """A client that never repeats a write by itself and waits for a free connection.

    redis-py retries ten times by default, writes too: a lost reply would apply one twice.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=WAIT_SECONDS,
        socket_timeout=30.0,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        protocol=2,  # a search reply is a plain list there, a map for each result in 3
    )
    return Redis.from_pool(pool)  # which closes it with the client


async def mget(client: RedisClient, keys: Sequence[str]) -> list[bytes | None]:
    """MGET of many keys, in one slot of a cluster, packed by hiredis.

    redis-py packs in Python, half a millisecond for 400 keys; a script that builds the keys itself
    takes Redis ten times as long as the MGET.
    """
    words: Any = ("MGET", *keys)  # hiredis' types allow one word only
    connection = await client.connection_pool.get_connection()
    try:
        await connection.send_packed_command([hiredis.pack_command(words)])
        reply: list[bytes | None] = await connection.read_response()
        return reply
    finally:
        await client.connection_pool.release(connection)
