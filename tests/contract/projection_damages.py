"""What may go wrong with what Redis holds: one small damage for each thing it holds."""

from collections.abc import Awaitable, Callable
from functools import partial

from schemas.ids import derive
from services.common.redis import RedisClient
from services.readside.collections import COLLECTIONS, RELATIONS
from services.readside.layout import STATE, STATUSES, Layout, hash64, relation_field
from tests.builders import memory_id

NAMESPACE = "acme/one"
ANN, BOB, CID = memory_id("ann"), memory_id("bob"), memory_id("cid")
RUN = derive("run")
Damage = Callable[[RedisClient, Layout], Awaitable[object]]
Key = Callable[[Layout], str]


def flipped(value: bytes, at: int) -> bytes:
    """`value` with one bit changed."""
    changed = bytearray(value)
    changed[at] ^= 1
    return bytes(changed)


def record_byte(at: int) -> Damage:
    async def damage(redis: RedisClient, layout: Layout) -> None:
        key = layout.record(NAMESPACE, ANN)
        await redis.set(key, flipped(await redis.get(key), at))

    return damage


def document_field(name: str) -> Damage:
    async def damage(redis: RedisClient, layout: Layout) -> None:
        key = layout.document("active", NAMESPACE, ANN)
        await redis.hset(key, name, flipped(await redis.hget(key, name), -1))

    return damage


async def context(redis: RedisClient, layout: Layout) -> None:
    key = layout.contexts(NAMESPACE, ANN)
    for name, value in (await redis.hgetall(key)).items():
        await redis.hset(key, name, flipped(value, 0))


def bump(key: Key, field: bytes | str) -> Damage:
    """One more in a hash of numbers."""
    return lambda redis, layout: redis.hincrbyfloat(key(layout), field, 1.0)


def moved(key: Key) -> Damage:
    """Another score in a sorted set."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        (first, *_) = await redis.zrange(key(layout), 0, 0)
        assert await redis.zincrby(key(layout), 1, first)

    return damage


def one_gone(key: Key) -> Damage:
    """A member less in a sorted set."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        assert await redis.zremrangebyrank(key(layout), 0, 0) == 1

    return damage


def field_gone(key: Key) -> Damage:
    """A field less in a hash."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        (first, *_) = await redis.hkeys(key(layout))
        assert await redis.hdel(key(layout), first) == 1

    return damage


def changed_text(key: Key, field: str | None = None) -> Damage:
    """A bit changed in a string, or in a field of a hash."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        if field is None:
            await redis.set(key(layout), flipped(await redis.get(key(layout)), 0))
        else:
            await redis.hset(key(layout), field, flipped(await redis.hget(key(layout), field), 0))

    return damage


PARTS = {"": "", "concepts": "tea", "sessions": "monday", "links": hash64("tea").hex()}


def keys_of(kind: str) -> dict[str, Key]:
    """A key of each collection of a kind."""
    return {
        each.name: partial(each.key_of, namespace=NAMESPACE, part=PARTS[each.parts])
        for each in COLLECTIONS
        if each.kind == kind
    }


SORTED_SETS, HASHES, STRINGS = map(keys_of, ("sorted set", "hash", "string"))
OTHER_END: Key = partial(RELATIONS.key_of, namespace=NAMESPACE, part="cup")
HASHES["relations, other end"] = OTHER_END
OFFSETS = {name: place[1] for name, place in (STATE.fields or {}).items()}


def gone(key: Key) -> Damage:
    """The whole key."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        assert await redis.delete(key(layout)) == 1

    return damage


DAMAGES: dict[str, Damage] = {
    **{f"state, {name}": record_byte(offset) for name, offset in OFFSETS.items()},
    "first change": record_byte(STATE.itemsize),
    "middle of the record": record_byte(STATE.itemsize + 60),
    "last trace": record_byte(-1),
    "no status": lambda redis, layout: redis.setrange(layout.record(NAMESPACE, ANN), 0, b"\xff"),
    "record gone": gone(lambda layout: layout.record(NAMESPACE, ANN)),
    "record cut short": lambda redis, layout: redis.set(layout.record(NAMESPACE, ANN), b"\0\0"),
    **{
        f"document, {name}": document_field(name)
        for name in ("ns", "type", "tags", "created", "content", "text", "vector", "model", "more")
    },
    "document gone": gone(lambda layout: layout.document("active", NAMESPACE, ANN)),
    "document has more": lambda redis, layout: redis.hset(
        layout.document("active", NAMESPACE, ANN), "x", ""
    ),
    "context": context,
    "contexts gone": gone(lambda layout: layout.contexts(NAMESPACE, ANN)),
    **{f"{name}, score": moved(key) for name, key in SORTED_SETS.items()},
    **{f"{name}, one gone": one_gone(key) for name, key in SORTED_SETS.items()},
    **{f"{name}, field gone": field_gone(key) for name, key in HASHES.items()},
    **{f"{name} gone": gone(key) for name, key in (SORTED_SETS | HASHES | STRINGS).items()},
    **{f"{name} changed": changed_text(key) for name, key in STRINGS.items()},
    **{f"counts, {name}": bump(HASHES["counts"], name) for name in (*STATUSES, "length")},
    "terms, one counted more": bump(HASHES["terms"], hash64("tea")),
    "terms, one unknown": bump(HASHES["terms"], hash64("coffee")),
    "links, one counted more": bump(HASHES["links"], hash64("tea")),
    "links, one unknown": bump(HASHES["links"], hash64("coffee")),
    "run": changed_text(HASHES["runs"], RUN.hex),
    "concept": changed_text(HASHES["concepts"], "tea"),
    "concept unknown": lambda redis, layout: redis.hset(HASHES["concepts"](layout), "x", "[]"),
    "relation, weight": changed_text(
        HASHES["relations"], relation_field("out", "served_in", "cup").decode()
    ),
    "relation unknown": bump(OTHER_END, relation_field("in", "like", "cup")),
    "session, unknown place": lambda redis, layout: redis.zadd(
        SORTED_SETS["session"](layout), {bytes(24): 1}
    ),
    "linked, unknown memory": lambda redis, layout: redis.zadd(
        SORTED_SETS["linked"](layout), {"nobody": 1}
    ),
    "namespace gone": lambda redis, layout: redis.srem(layout.namespaces, NAMESPACE),
    "namespace more": lambda redis, layout: redis.sadd(layout.namespaces, "acme/other"),
}
