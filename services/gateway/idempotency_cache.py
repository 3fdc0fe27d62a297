"""Replies that are kept for a day, so that a repeat under the same key gets the first one."""

import hashlib
import time
from dataclasses import dataclass
from typing import cast

from human_memory.operations.problems import problem
from human_memory.routes import IDEMPOTENCY_HEADER
from schemas.errors import Rejected, Unavailable
from services.common.kept_replies import replies_key, reply_key
from services.common.redis import REDIS_ERRORS, RedisClient, refuses_writes

KEPT_SECONDS = 24 * 3600
# Of a longer one only its request is kept: a repeat is asked anew, and has no second effect.
KEPT_BYTES_MAX = 262_144


@dataclass(frozen=True)
class Request:
    """A request under a key: it must be the same each time."""

    namespace: str
    key: str
    fingerprint: str

    @classmethod
    def of(cls, namespace: str, key: str, *, path: str, body: bytes) -> "Request":
        """Of a request whose body is written in one way only for what it means."""
        fingerprint = hashlib.sha256(path.encode() + b"\n" + body).hexdigest()
        return cls(namespace, key, fingerprint)


class KeptReplies:
    """A cache in Redis, no part of the read side: effects under a key happen once without it."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    async def find(self, request: Request) -> bytes | None:
        """The body of the first reply, if it was kept.

        Raises:
            Rejected: the key stands for another request.
            Unavailable: Redis does not answer.
        """
        try:
            return _read(await self._redis.get(self._name(request)), request) or None
        except REDIS_ERRORS as error:
            raise Unavailable("kept replies can't be read: Redis does not answer") from error

    async def keep(self, request: Request, body: bytes) -> bytes:
        """Keep it, unless another was first: the body of the first reply.

        Raises:
            As `find`.
        """
        value = request.fingerprint.encode() + (body if len(body) <= KEPT_BYTES_MAX else b"")
        try:
            earlier = await self._set(request, value)
        except REDIS_ERRORS as error:
            if refuses_writes(error):
                return body  # it is right, and a repeat has no second effect without us
            raise Unavailable("the reply can't be kept: Redis does not answer") from error
        return _read(earlier, request) or body

    async def _set(self, request: Request, value: bytes) -> bytes | None:
        """Set it, unless there is one, and list it with its namespace; the one that was there."""
        now, listed = time.time(), replies_key(self._prefix, request.namespace)
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(self._name(request), value, ex=KEPT_SECONDS, nx=True, get=True)
        pipe.zadd(listed, {request.key: now})
        pipe.zremrangebyscore(listed, "-inf", now - KEPT_SECONDS)
        pipe.expire(listed, KEPT_SECONDS)
        earlier, *_ = replies = await pipe.execute(raise_on_error=False)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return cast("bytes | None", earlier)

    def _name(self, request: Request) -> str:
        return reply_key(self._prefix, request.namespace, request.key)


def _read(value: bytes | None, request: Request) -> bytes | None:
    if value is None:
        return None
    length = len(request.fingerprint)
    if value[:length] != request.fingerprint.encode():
        words = f"{IDEMPOTENCY_HEADER}: was used before, for another request"
        raise Rejected(words, detail=problem(words, place="header", field=IDEMPOTENCY_HEADER))
    return value[length:]
