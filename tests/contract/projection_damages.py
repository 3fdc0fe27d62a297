"""What may go wrong with what Redis holds: one small damage for each thing it holds."""

from collections.abc import Awaitable, Callable

from schemas.ids import derive
from services.common.redis import RedisClient
from services.readside.layout import STATE, STATUSES, Layout, hash64, relation_field
from tests.builders import memory_id

NAMESPACE = "acme/one"
ANN, BOB = memory_id("ann"), memory_id("bob")
RUN = derive("run")
Damage = Callable[[RedisClient, Layout], Awaitable[object]]


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


def bump(key: Callable[[Layout], str], field: bytes | str) -> Damage:
    """One more in a hash of numbers."""
    return lambda redis, layout: redis.hincrbyfloat(key(layout), field, 1.0)


def moved(key: Callable[[Layout], str]) -> Damage:
    """Another score in a sorted set."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        (first, *_) = await redis.zrange(key(layout), 0, 0)
        assert await redis.zincrby(key(layout), 1, first)

    return damage


def one_gone(key: Callable[[Layout], str]) -> Damage:
    """A member less in a sorted set."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        assert await redis.zremrangebyrank(key(layout), 0, 0) == 1

    return damage


def field_gone(key: Callable[[Layout], str]) -> Damage:
    """A field less in a hash."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        (first, *_) = await redis.hkeys(key(layout))
        assert await redis.hdel(key(layout), first) == 1

    return damage


def changed_text(key: Callable[[Layout], str], field: str | None = None) -> Damage:
    """A bit changed in a string, or in a field of a hash."""

    async def damage(redis: RedisClient, layout: Layout) -> None:
        if field is None:
            await redis.set(key(layout), flipped(await redis.get(key(layout)), 0))
        else:
            await redis.hset(key(layout), field, flipped(await redis.hget(key(layout), field), 0))

    return damage


SORTED_SETS: dict[str, Callable[[Layout], str]] = {
    "changed": lambda layout: layout.changed(NAMESPACE),
    "recent": lambda layout: layout.recent(NAMESPACE),
    "frequent": lambda layout: layout.frequent(NAMESPACE),
    "session": lambda layout: layout.session(NAMESPACE, "monday"),
    "linked": lambda layout: layout.linked(NAMESPACE, hash64("tea")),
    "graph": lambda layout: layout.graph(NAMESPACE),
    "runs by offset": lambda layout: layout.runs_by_offset(NAMESPACE),
}
HASHES: dict[str, Callable[[Layout], str]] = {
    "counts": lambda layout: layout.counts(NAMESPACE),
    "terms": lambda layout: layout.document_frequencies(NAMESPACE),
    "links": lambda layout: layout.links(NAMESPACE),
    "concepts": lambda layout: layout.concepts(NAMESPACE),
    "made": lambda layout: layout.made(NAMESPACE),
    "runs": lambda layout: layout.runs(NAMESPACE),
    "relations out": lambda layout: layout.relations(NAMESPACE, hash64("tea")),
    "relations in": lambda layout: layout.relations(NAMESPACE, hash64("cup")),
}
STRINGS: dict[str, Callable[[Layout], str]] = {
    "parameters": lambda layout: layout.parameters(NAMESPACE),
    "vocabulary": lambda layout: layout.vocabulary(NAMESPACE),
}
OFFSETS = {name: place[1] for name, place in (STATE.fields or {}).items()}


def gone(key: Callable[[Layout], str]) -> Damage:
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
        HASHES["relations out"], relation_field("out", "served_in", "cup").decode()
    ),
    "relation unknown": bump(HASHES["relations in"], relation_field("in", "like", "cup")),
    "session, unknown place": lambda redis, layout: redis.zadd(
        SORTED_SETS["session"](layout), {bytes(24): 1}
    ),
    "linked, unknown memory": lambda redis, layout: redis.zadd(
        SORTED_SETS["linked"](layout), {"nobody": 1}
    ),
    "namespace gone": lambda redis, layout: redis.srem(layout.namespaces, NAMESPACE),
    "namespace more": lambda redis, layout: redis.sadd(layout.namespaces, "acme/other"),
}
