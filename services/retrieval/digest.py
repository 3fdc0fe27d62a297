"""The state digest: two read sides are the same if and only if their digests are.

SHA-256 per namespace over its keys in sorted order, without build version and hash tag; a
partition's is over its namespaces, sorted. The cursor and the ids of seen events stay out: they
say how far a fold has come, not what it built.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping

from services.common.read_model import (
    RECENT_MAX,
    STATUSES,
    Layout,
    Status,
    pack_record,
)
from services.common.redis import RedisClient
from services.retrieval.domain import View

Value = bytes | Mapping[bytes, bytes] | Mapping[str, float]
Rows = Iterable[tuple[str, Value]]
_READ_AT_ONCE = 500


def namespace_digest(rows: Rows) -> bytes:
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


def digest_of_view(view: View) -> str:
    """Digest of a pure fold."""
    namespaces = {namespace for namespace, _ in view.memories}
    return partition_digest(
        {namespace: namespace_digest(_rows_of_view(view, namespace)) for namespace in namespaces}
    )


async def digest_of_build(redis: RedisClient, layout: Layout) -> str:
    """Digest of what Redis holds. The fold must not be running, see `Control.hold`."""
    digests = {}
    for name in await redis.smembers(layout.namespaces):
        namespace = name.decode()
        digests[namespace] = namespace_digest(await _rows_of_build(redis, layout, namespace))
    return partition_digest(digests)


def _parts(name: str, value: Value) -> Iterator[bytes]:
    yield name.encode()
    if isinstance(value, bytes):
        yield value
        return
    pairs = [(key if isinstance(key, bytes) else key.encode(), item) for key, item in value.items()]
    for key, item in sorted(pairs):
        yield key
        yield item if isinstance(item, bytes) else struct.pack("<d", item)


def _memory_rows(
    memory_id: str, status: Status, record: bytes, hashes: tuple[Value, Value]
) -> Iterator[tuple[str, Value]]:
    document, contexts = hashes
    yield f"document:{memory_id}:{status}", document
    yield f"record:{memory_id}", record
    yield f"contexts:{memory_id}", contexts


def _rows_of_view(view: View, namespace: str) -> Iterator[tuple[str, Value]]:
    memories = {str(ref[1]): memory for ref, memory in view.memories.items() if ref[0] == namespace}
    last_used = sorted(
        (float(memory.state.last_accessed_ms), name) for name, memory in memories.items()
    )
    counts = view.counts[namespace]
    yield "counts", {status.encode(): str(counts[status]).encode() for status in STATUSES}
    yield "members", {name: float(memory.state.offset) for name, memory in memories.items()}
    yield "recent", {name: score for score, name in last_used[-RECENT_MAX:]}
    for name, memory in memories.items():
        document = {key.encode(): value for key, value in (memory.document or {}).items()}
        record = pack_record(memory.state, memory.vector, memory.traces)
        yield from _memory_rows(name, memory.state.status, record, (document, memory.contexts))


async def _rows_of_build(redis: RedisClient, layout: Layout, namespace: str) -> Rows:
    members = await redis.zrange(layout.members(namespace), 0, -1, withscores=True)
    recent = await redis.zrange(layout.recent(namespace), 0, -1, withscores=True)
    rows: list[tuple[str, Value]] = [
        ("counts", await redis.hgetall(layout.counts(namespace))),
        ("members", {member.decode(): score for member, score in members}),
        ("recent", {member.decode(): score for member, score in recent}),
    ]
    names = [member.decode() for member, _ in members]
    for start in range(0, len(names), _READ_AT_ONCE):
        some = names[start : start + _READ_AT_ONCE]
        records = await redis.mget([layout.record(namespace, name) for name in some])
        statuses = [_status_of(record) for record in records]
        pipe = redis.pipeline(transaction=False)
        for name, status in zip(some, statuses, strict=True):
            pipe.hgetall(layout.document(status, namespace, name))
            pipe.hgetall(layout.contexts(namespace, name))
        hashes = await pipe.execute()
        for i, name in enumerate(some):
            pair = (hashes[2 * i], hashes[2 * i + 1])
            rows.extend(_memory_rows(name, statuses[i], records[i] or b"", pair))
    return rows


def _status_of(record: bytes | None) -> Status:
    # A damaged record must give another digest, not an error: it is the replay that mends it.
    return STATUSES[record[0]] if record and record[0] < len(STATUSES) else "active"
