"""The state digest: two read sides are the same if and only if their digests are.

SHA-256 per namespace over its keys in sorted order, without build version and hash tag; a
partition's is over its namespaces, sorted. The cursor and the ids of seen events stay out: they
say how far a fold has come, not what it built.
"""

import hashlib
import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

import orjson

from services.common.redis import RedisClient
from services.projection.fold.view import View
from services.readside.collections import (
    CHANGED,
    CONCEPTS,
    CONTENTS,
    AnyCollection,
    Contents,
    Field,
    MemoryList,
    Packed,
    Part,
)
from services.readside.layout import STATUSES, Layout, Status, hash64

Fields = Mapping[Any, Packed]  # by field or member
Value = Packed | Fields
Row = tuple[str, Value]
_READ_AT_ONCE = 500


def namespace_digest(rows: Iterable[Row]) -> bytes:
    """Digest of one namespace's rows, given in any order."""
    digest = hashlib.sha256()
    for name, value in sorted(rows, key=lambda row: row[0]):
        for part in _parts(name, value):
            digest.update(struct.pack("<q", len(part)))
            digest.update(part)
    return digest.digest()


def partition_digest(namespaces: Mapping[str, bytes]) -> str:
    """Digest of a partition from those of its namespaces."""
    digest = hashlib.sha256()
    for namespace in sorted(namespaces):
        digest.update(namespace.encode() + b"\0" + namespaces[namespace])
    return digest.hexdigest()


def combined_digest(partitions: Mapping[int, str]) -> str:
    """Digest of a whole read side from those of its partitions."""
    lines = "".join(f"{number}:{partitions[number]}\n" for number in sorted(partitions))
    return hashlib.sha256(lines.encode()).hexdigest()


def digest_of_view(view: View, contents: Contents = CONTENTS) -> str:
    """Digest of a pure fold."""
    return partition_digest(
        {name: namespace_digest(rows_of_view(view, name, contents)) for name in view.touched}
    )


async def digest_of_build(redis: RedisClient, layout: Layout, contents: Contents = CONTENTS) -> str:
    """Digest of what Redis holds. The fold must not be running, see `Control.hold`."""
    digests = {}
    for name in await redis.smembers(layout.namespaces):
        rows = [row async for row in _rows_of_build(redis, layout, name.decode(), contents)]
        digests[name.decode()] = namespace_digest(rows)
    return partition_digest(digests)


def rows_of_view(view: View, name: str, contents: Contents = CONTENTS) -> Iterator[Row]:
    """The rows of one namespace of a pure fold."""
    memories = {str(ref[1]): memory for ref, memory in view.memories.items() if ref[0] == name}
    for collection in contents.collections:
        if isinstance(collection, MemoryList):
            entries = collection.entries(memories)
        else:
            held = view.namespace(name)[collection.of or collection]
            entries = collection.entries(held, held)
        for part in entries if collection.parts else [""]:
            yield from _rows(collection, part, entries.get(part, {}))
    for id_, memory in memories.items():
        document = {key.encode(): value for key, value in (memory.document or {}).items()}
        record = contents.record.pack(memory.state, memory.parts)
        yield from _memory_rows(id_, memory.state.status, (record, document, memory.contexts))


def _rows(
    collection: AnyCollection, part: Part, entries: Mapping[Any, Packed | None]
) -> Iterator[Row]:
    name = collection.row or collection.name
    name = f"{name}:{part}" if collection.parts else name
    kept = {field: packed for field, packed in entries.items() if packed is not None}
    if collection.by_entry:
        for field, packed in kept.items():
            yield f"{name}:{_bytes(field).decode()}", packed
    elif collection.kind == "string":
        yield name, kept.get(b"", b"")
    elif collection.most is not None:
        yield name, _highest(kept, collection.most)
    elif kept or not collection.parts:
        yield name, kept


async def _rows_of_build(
    redis: RedisClient, layout: Layout, namespace: str, contents: Contents
) -> AsyncIterator[Row]:
    concepts = await redis.hkeys(CONCEPTS.key(layout, namespace))
    parts: dict[str, set[str]] = {
        "concepts": {concept.decode() for concept in concepts},
        "sessions": set(),
        "links": set(),
    }
    names = [name.decode() for name in await redis.zrange(CHANGED.key(layout, namespace), 0, -1)]
    for at in range(0, len(names), _READ_AT_ONCE):
        some = names[at : at + _READ_AT_ONCE]
        async for row in _rows_of_memories(redis, layout, namespace, some):
            yield row
            if row[0].startswith("document:") and isinstance(row[1], dict):
                _note_parts(row[1].get(b"more", b""), parts)
    places: list[tuple[AnyCollection, Part]] = [
        (collection, part)
        for collection in contents.collections
        for part in (parts[collection.parts] if collection.parts else [""])
    ]
    for at in range(0, len(places), _READ_AT_ONCE):
        pipe = redis.pipeline(transaction=False)
        for collection, part in places[at : at + _READ_AT_ONCE]:
            key = collection.key_of(layout, namespace, part)
            match collection.kind:
                case "hash":
                    pipe.hgetall(key)
                case "sorted set":
                    pipe.zrange(key, 0, -1, withscores=True)
                case "string":
                    pipe.get(key)
        for (collection, part), reply in zip(places[at:], await pipe.execute(), strict=False):
            entries = {b"": reply} if collection.kind == "string" else dict(reply)
            for row in _rows(collection, part, entries):
                yield row


def _note_parts(more: bytes, parts: dict[str, set[str]]) -> None:
    """Note the session and the concepts of a document."""
    # Damage must give another digest, not an error: it is the replay that mends it.
    try:
        rest = dict(orjson.loads(more))
        links = {hash64(str(concept)).hex() for concept in rest.get("concepts", [])}
    except (ValueError, TypeError):
        return
    parts["links"] |= links
    parts["sessions"] |= {str(rest["session"])} if "session" in rest else set()


async def _rows_of_memories(
    redis: RedisClient, layout: Layout, namespace: str, names: list[str]
) -> AsyncIterator[Row]:
    records = await redis.mget([layout.record(namespace, name) for name in names])
    statuses = [_status_of(record) for record in records]
    pipe = redis.pipeline(transaction=False)
    for name, status in zip(names, statuses, strict=True):
        pipe.hgetall(layout.document(status, namespace, name))
        pipe.hgetall(layout.contexts(namespace, name))
    hashes = await pipe.execute()
    for i, name in enumerate(names):
        parts = (records[i] or b"", hashes[2 * i], hashes[2 * i + 1])
        for row in _memory_rows(name, statuses[i], parts):
            yield row


def _memory_rows(
    memory_id: str, status: Status, parts: tuple[bytes, Value, Value]
) -> Iterator[Row]:
    record, document, contexts = parts
    yield f"document:{memory_id}:{status}", document
    yield f"record:{memory_id}", record
    yield f"contexts:{memory_id}", contexts


def _highest(scores: Fields, most: int) -> Fields:
    ordered = sorted(scores, key=lambda member: (float(scores[member]), _bytes(member)))
    return {member: scores[member] for member in ordered[-most:]}


def _parts(name: str, value: Value) -> Iterator[bytes]:
    yield name.encode()
    if not isinstance(value, Mapping):
        yield _bytes(value)
        return
    for field, item in sorted((_bytes(field), item) for field, item in value.items()):
        yield field
        yield _bytes(item)


def _bytes(value: Field | Packed) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else struct.pack("<d", value)


def _status_of(record: bytes | None) -> Status:
    return STATUSES[record[0]] if record and record[0] < len(STATUSES) else "active"
