"""Replies kept under a key, in a Redis of a few lines."""

from typing import Any

import pytest

from schemas.errors import Rejected
from services.gateway.idempotency_cache import KEPT_BYTES_MAX, KeptReplies, Request


class Redis:
    """Keeps values for ever."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes | None:
        return self.values.get(name)

    def pipeline(self, *, transaction: bool) -> "Redis":
        return self

    def set(self, name: str, value: bytes, **_: Any) -> None:
        self.earlier = self.values.get(name)
        self.values.setdefault(name, value)

    def zadd(self, name: str, scores: dict[str, float]) -> None: ...

    def zremrangebyscore(self, name: str, *bounds: object) -> None: ...

    def expire(self, name: str, seconds: int) -> None: ...

    async def execute(self, *, raise_on_error: bool) -> list[bytes | None]:
        return [self.earlier, None, None, None]


def request(body: bytes = b"{}") -> Request:
    return Request.of("n", "k", path="/v1/memories/search", body=body)


@pytest.mark.parametrize("size", [2, KEPT_BYTES_MAX])
async def test_first_reply_is_kept(size: int) -> None:
    kept = KeptReplies(Redis(), "hm:")
    await kept.keep(request(), b"a" * size)

    assert await kept.keep(request(), b"second") == b"a" * size
    assert await kept.find(request()) == b"a" * size


async def test_long_reply_is_not_kept_but_what_its_key_stands_for_is() -> None:
    redis = Redis()
    kept = KeptReplies(redis, "hm:")
    long = b"a" * (KEPT_BYTES_MAX + 1)

    assert await kept.keep(request(), long) == long
    assert await kept.find(request()) is None
    assert await kept.keep(request(), b"anew") == b"anew"
    assert sum(map(len, redis.values.values())) < 100
    with pytest.raises(Rejected, match="used before"):
        await kept.find(request(b"[]"))
