"""The state digest: two read sides are the same if and only if their digests are.

SHA-256 per namespace over its keys in sorted order, without build version and hash tag; a
partition's is over its namespaces, sorted. The cursor and the ids of seen events stay out: they
say how far a fold has come, not what it built.
"""

import hashlib
import struct
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

import orjson

from services.common.redis import RedisClient
from services.projection.fold.sessions import pack_place
from services.projection.fold.view import View
from services.readside.concepts import pack_concept
from services.readside.layout import (
    RECENT_MAX,
    STATUSES,
    Layout,
    Status,
    hash64,
    pack_record,
)
from services.readside.parameters import pack_parameters
from services.readside.runs import pack_run, pack_run_ids
from services.readside.terms import concepts_of

Value = bytes | Mapping[bytes, bytes] | Mapping[bytes, float] | Mapping[str, float]
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


def digest_of_view(view: View) -> str:
    """Digest of a pure fold."""
    return partition_digest(
        {name: namespace_digest(rows_of_view(view, name)) for name in view.touched}
    )


async def digest_of_build(redis: RedisClient, layout: Layout) -> str:
    """Digest of what Redis holds. The fold must not be running, see `Control.hold`."""
    digests = {}
    for name in await redis.smembers(layout.namespaces):
        namespace = name.decode()
        digests[namespace] = namespace_digest(await _rows_of_build(redis, layout, namespace))
    return partition_digest(digests)


def rows_of_view(view: View, name: str) -> Iterator[Row]:
    """The rows of one namespace of a pure fold."""
    memories = {str(ref[1]): memory for ref, memory in view.memories.items() if ref[0] == name}
    namespace = view.namespaces[name]
    counts = {status.encode(): namespace.statuses[status] for status in STATUSES}
    yield "counts", _numbers(counts | {b"length": namespace.length}) if memories else {}
    yield "changed", {id_: float(memory.changed_at) for id_, memory in memories.items()}
    yield "recent", _highest({id_: m.state.last_accessed_ms for id_, m in memories.items()})
    used = {id_: m.state.use for id_, m in memories.items() if m.state.use > 1}
    yield "frequent", _highest(used)
    yield "terms", _numbers(namespace.document_frequencies)
    yield "links", _numbers(namespace.links)
    changed = view.touched[name].parameters
    yield "parameters", pack_parameters(namespace.parameters) if changed else b""
    yield "vocabulary", b"" if namespace.vocabulary is None else b"%d" % namespace.vocabulary
    yield "concepts", {n.encode(): pack_concept(c) for n, c in namespace.concepts.items()}
    for (concept, field), weight in namespace.relations.items():
        yield f"relation:{concept}:{field.decode()}", repr(weight).encode()
    yield "graph", {element: float(offset) for element, offset in namespace.graph.items()}
    yield "made", {element: pack_run_ids(runs) for element, runs in namespace.made.items()}
    yield "runs", {id_.hex.encode(): pack_run(run) for id_, run in namespace.runs.items()}
    yield "runs by offset", {id_.hex: float(run.offset) for id_, run in namespace.runs.items()}
    for session, places in namespace.sessions.items():
        yield f"session:{session}", {pack_place(place): float(place[0]) for place in places}
    linked: dict[str, dict[str, float]] = {}
    for id_, memory in memories.items():
        document = {key.encode(): value for key, value in (memory.document or {}).items()}
        record = pack_record(memory.state, memory.parts)
        yield from _memory_rows(id_, memory.state.status, (record, document, memory.contexts))
        for concept_id in concepts_of(memory.parts.concepts):
            if memory.state.status != "deleted":
                linked.setdefault(concept_id.hex(), {})[id_] = float(memory.state.offset)
    for concept_hex, ids in linked.items():
        yield f"linked:{concept_hex}", ids


async def _rows_of_build(redis: RedisClient, layout: Layout, namespace: str) -> list[Row]:
    rows: list[Row] = [
        (kind, await _sorted_set(redis, key))
        for kind, key in (
            ("changed", layout.changed(namespace)),
            ("recent", layout.recent(namespace)),
            ("frequent", layout.frequent(namespace)),
            ("graph", layout.graph(namespace)),
            ("runs by offset", layout.runs_by_offset(namespace)),
        )
    ]
    for kind, key in (
        ("counts", layout.counts(namespace)),
        ("terms", layout.document_frequencies(namespace)),
        ("links", layout.links(namespace)),
        ("concepts", layout.concepts(namespace)),
        ("made", layout.made(namespace)),
        ("runs", layout.runs(namespace)),
    ):
        rows.append((kind, await redis.hgetall(key)))
    rows.append(("parameters", await redis.get(layout.parameters(namespace)) or b""))
    rows.append(("vocabulary", await redis.get(layout.vocabulary(namespace)) or b""))
    for concept in await redis.hkeys(layout.concepts(namespace)):
        relations = await redis.hgetall(layout.relations(namespace, hash64(concept.decode())))
        for field, weight in relations.items():
            rows.append((f"relation:{concept.decode()}:{field.decode()}", weight))
    names = [name.decode() for name in await redis.zrange(layout.changed(namespace), 0, -1)]
    sessions: set[str] = set()
    links: set[bytes] = set()
    for start in range(0, len(names), _READ_AT_ONCE):
        async for row in _rows_of_memories(
            redis, layout, namespace, names[start : start + _READ_AT_ONCE]
        ):
            rows.append(row)
            if row[0].startswith("document:") and isinstance(row[1], dict):
                found = _session_and_concepts(row[1].get(b"more", b""))
                sessions |= found[0]
                links |= found[1]
    for session in sessions:
        places = await _sorted_set(redis, layout.session(namespace, session))
        rows.append((f"session:{session}", places))
    for link in links:
        ids = await _sorted_set(redis, layout.linked(namespace, link))
        rows += [(f"linked:{link.hex()}", ids)] if ids else []
    return rows


def _session_and_concepts(more: bytes) -> tuple[set[str], set[bytes]]:
    # Damage must give another digest, not an error: it is the replay that mends it.
    try:
        rest = dict(orjson.loads(more))
        session = {str(rest["session"])} if "session" in rest else set()
        return session, {hash64(str(concept)) for concept in rest.get("concepts", [])}
    except (ValueError, TypeError):
        return set(), set()


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


async def _sorted_set(redis: RedisClient, key: str) -> dict[bytes, float]:
    return dict(await redis.zrange(key, 0, -1, withscores=True))


def _memory_rows(
    memory_id: str, status: Status, parts: tuple[bytes, Value, Value]
) -> Iterator[Row]:
    record, document, contexts = parts
    yield f"document:{memory_id}:{status}", document
    yield f"record:{memory_id}", record
    yield f"contexts:{memory_id}", contexts


def _highest(scores: Mapping[str, float]) -> dict[str, float]:
    ordered = sorted((float(score), name) for name, score in scores.items())
    return {name: score for score, name in ordered[-RECENT_MAX:]}


def _numbers(counts: Mapping[bytes, int]) -> dict[bytes, bytes]:
    """Counts as Redis keeps them; zero among terms and links is kept by absence."""
    always = {status.encode() for status in STATUSES} | {b"length"}
    return {key: b"%d" % n for key, n in counts.items() if n or key in always}


def _parts(name: str, value: Value) -> Iterator[bytes]:
    yield name.encode()
    if isinstance(value, bytes):
        yield value
        return
    pairs = [(key if isinstance(key, bytes) else key.encode(), item) for key, item in value.items()]
    for key, item in sorted(pairs):
        yield key
        yield item if isinstance(item, bytes) else struct.pack("<d", item)


def _status_of(record: bytes | None) -> Status:
    return STATUSES[record[0]] if record and record[0] < len(STATUSES) else "active"
