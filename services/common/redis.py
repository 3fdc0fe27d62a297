"""The one way to connect to Redis."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ReadOnlyError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

# redis-py types every reply as bytes or str, whatever decode_responses says: nothing to check.
RedisClient = Any
Word = bytes | str | int | float

# Errors that heal by themselves: the fold waits them out, a query gets `unavailable`.
TRANSIENT = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError)
REDIS_ERRORS = (RedisError, OSError)
CONNECTIONS_MAX = 32
WAIT_SECONDS = 5.0
REPLY_SECONDS_MAX = 30.0


def connect(url: str) -> RedisClient:
    """A client that never repeats a write by itself and waits for a free connection.

    redis-py retries ten times by default, writes too: a lost reply would apply one twice.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=WAIT_SECONDS,
        socket_timeout=REPLY_SECONDS_MAX,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
        protocol=2,  # a search reply is a plain list there, a map for each result in 3
    )
    return Redis.from_pool(pool)  # which closes it with the client


async def execute(client: RedisClient, commands: Sequence[Sequence[Word]]) -> list[Any]:
    """Replies to some commands, in one round trip, packed by hiredis; an error is a reply too.

    redis-py packs in Python, half a millisecond for 400 keys.
    """
    packed = b"".join([hiredis.pack_command(cast("Any", tuple(words))) for words in commands])
    connection = await client.connection_pool.get_connection()
    try:
        # One timer for all replies: redis-py would begin and end one for each.
        async with asyncio.timeout(REPLY_SECONDS_MAX):
            await connection.send_packed_command([packed])
            return [await connection._parser.read_response() for _ in commands]
    except TimeoutError:
        await connection.disconnect(nowait=True)
        raise RedisTimeoutError(f"no reply within {REPLY_SECONDS_MAX:g} s") from None
    except BaseException:
        # What is still to come belongs to nobody.
        await connection.disconnect(nowait=True)
        raise
    finally:
        await client.connection_pool.release(connection)


async def write_refusal(client: RedisClient, prefix: str) -> str | None:
    """Redis's words for refusing all writes now (full, a replica, can't save); None if it doesn't.

    It is asked for a write that changes nothing: a key that is never there, if it is there.
    """
    try:
        (reply,) = await execute(client, [["SET", f"{prefix}never", b"", "XX"]])
    except REDIS_ERRORS as error:
        reply = error
    return str(reply) if refuses_writes(reply) else None


def refuses_writes(reply: object) -> bool:
    """True for an error by which Redis refuses writes and still answers reads."""
    if isinstance(reply, (OutOfMemoryError, ReadOnlyError)):
        return True
    # redis-py has no classes for these.
    return isinstance(reply, RedisError) and str(reply).startswith(("MISCONF", "NOREPLICAS"))


def redis_prefix(topic_prefix: str) -> str:
    """All keys of one installation: another topic prefix never shares a key.

    The colon after it keeps `hm::*`, with no topic prefix, from matching everyone's keys.
    """
    return f"hm:{topic_prefix}:"
