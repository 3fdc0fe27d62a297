"""Names of the replies that the gateway keeps, and what becomes of them with their namespace."""

from schemas.ids import in_key
from services.common.redis import RedisClient

UNLINK_AT_ONCE = 500


def reply_key(prefix: str, namespace: str, idempotency_key: str) -> str:
    """String: the reply to the first request under a key."""
    return f"{prefix}http:{in_key(namespace)}:{idempotency_key}"


def replies_key(prefix: str, namespace: str) -> str:
    """Sorted set: the keys of a namespace whose replies are kept, by when they were."""
    return f"{prefix}http:{in_key(namespace)}"


async def forget_replies(redis: RedisClient, prefix: str, namespace: str) -> None:
    """Delete all replies of a namespace: they say what is in it."""
    listed = replies_key(prefix, namespace)
    keys = [reply_key(prefix, namespace, key.decode()) for key in await redis.zrange(listed, 0, -1)]
    for at in range(0, len(keys), UNLINK_AT_ONCE):
        await redis.unlink(*keys[at : at + UNLINK_AT_ONCE])
    await redis.unlink(listed)
