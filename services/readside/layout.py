"""The read side's layout in Redis: names of keys, and the bytes behind them.

Everything that one partition of the log feeds carries the partition as its hash tag, so that one
script can write it and one cluster slot holds it. `version` is the build: a rebuild grows beside
the live one. Redis stores; only the fold (services/projection) writes.
"""

import hashlib
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, cast
from uuid import UUID

import numpy as np
import orjson

from schemas.ids import in_key

Status = Literal["active", "decayed", "deleted"]
STATUSES: tuple[Status, ...] = ("active", "decayed", "deleted")
# What searches find; a deleted memory is in no index.
INDEXED: tuple[Status, ...] = ("active", "decayed")
# The last stands for many old presentations that were compacted.
KINDS = (
    *("creation", "search", "recall", "used", "restore", "rehearsal", "compacted"),
    "inherited",  # from a memory it was made of
    "revival",  # by a run of maintenance that met what was archived
)
# A presentation, but not an access: nobody asked for the memory.
NOT_COUNTED = ("rehearsal", "compacted", "inherited", "revival")

RECENT_MAX = 1_000
SEEN_EVENTS_MAX = 100_000
TAG_SEPARATOR = "\x1f"

# One presentation. `id`: kind in the top byte, then 56 bits of the event's id.
TRACE = np.dtype([("time_ms", "<i8"), ("id", "<u8"), ("weight", "<f4"), ("decay_rate", "<f4")])
_TRACE = struct.Struct("<qQff")

# What ranking needs of a memory lies in one string: this fixed state, the changes of its status
# and bias, its vector, terms, concepts and traces. A candidate set is then one MGET (hashes, or a
# script that reads them, took three times as long) and decodes in one numpy call per part.
STATE = np.dtype(
    [
        ("status", "u1"),
        ("pinned", "u1"),
        ("dimension", "<u2"),
        # Nobody bounds how often a memory is forgotten and restored.
        ("changes", "<u4"),
        ("terms", "<u4"),
        ("concepts", "<u4"),
        ("length", "<u4"),
        ("access_count", "<u4"),
        ("presentations", "<u4"),
        ("created_ms", "<i8"),
        ("recorded_ms", "<i8"),
        ("last_accessed_ms", "<i8"),
        ("offset", "<i8"),
        ("superseded_ms", "<i8"),
        ("use", "<f8"),
        ("bias", "<f8"),
        ("salience", "<f8"),
        ("valence", "<f8"),
        ("arousal", "<f8"),
        ("previous", "V16"),
        ("next", "V16"),
        ("superseded_by", "V16"),
    ]
)
_STATE = struct.Struct("<BBHIIIIIIqqqqqddddd16s16s16s")
_HEAD = struct.Struct("<BBHIII")
_CHANGE = struct.Struct("<qBd16s")
# A term or concept is known by 64 bits of the hash of its name. `speaker`: 1 where the term is of
# the speaker's name.
TERM = np.dtype([("term", "<u8"), ("count", "<u2"), ("speaker", "<u2")])
CONCEPT = np.dtype("<u8")
NOBODY = bytes(16)  # as a neighbour or successor
assert _STATE.size == STATE.itemsize
assert _TRACE.size == TRACE.itemsize


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a memory beside its use: a new status, a penalty or the end of all, a successor
    (`other`) or, without one, the end of it, a correction or the end of one."""

    at_ms: int
    what: Status | Literal["adjusted", "cleared", "superseded", "corrected"]
    nats: float = 0.0
    other: bytes = NOBODY


_CHANGES = (*STATUSES, "adjusted", "cleared", "superseded", "corrected")
_CORRECTED = _CHANGES.index("corrected")


@dataclass(slots=True)
class State:
    """A memory's mutable part. `changes` are in the order folded.

    `previous` and `next`: ids of its neighbours in its session, by time. `length`: its terms,
    each as often as it occurs. `presentations`: its traces, also those that were compacted.
    `use`: the summed weight of its accesses and of what it inherited; what runs of maintenance do
    is in neither this nor `last_accessed_ms`, so that undoing one has nothing to lower there.
    """

    created_ms: int
    recorded_ms: int
    offset: int
    salience: float
    valence: float
    arousal: float
    pinned: bool
    last_accessed_ms: int
    length: int = 0
    status: Status = "active"
    access_count: int = 0
    presentations: int = 0
    use: float = 0.0
    bias: float = 0.0
    superseded_ms: int = 0
    superseded_by: bytes = NOBODY
    previous: bytes = NOBODY
    next: bytes = NOBODY
    changes: list[Change] = field(default_factory=list)


def status_at(changes: list[Change], moment_ms: int) -> Status:
    """The status at a past moment: that of the latest change not after it."""
    latest = _latest([change for change in changes if change.what in STATUSES], moment_ms)
    return "active" if latest is None else cast("Status", latest.what)


def superseded_at(changes: list[Change], moment_ms: int) -> tuple[int, bytes]:
    """Since when, and by whom, a memory was superseded at a past moment; 0 and NOBODY if not."""
    latest = _latest([change for change in changes if change.what == "superseded"], moment_ms)
    if latest is None or latest.other == NOBODY:
        return 0, NOBODY
    return latest.at_ms or 1, latest.other  # 0 says that it is not


def _latest(changes: list[Change], moment_ms: int) -> Change | None:
    past = [change for change in changes if change.at_ms <= moment_ms]
    # max keeps the first of equals; the last one folded is the one that holds.
    return max(reversed(past), key=lambda change: change.at_ms, default=None)


def bias_at(changes: list[Change], moment_ms: int) -> float:
    """The bias at a past moment, nats."""
    bias = 0.0
    for change in changes:
        if change.at_ms <= moment_ms:
            if change.what == "adjusted":
                bias += change.nats
            elif change.what in ("cleared", "active"):
                bias = 0.0
    return bias


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a record behind its state, as bytes.

    `vector`: float16. `terms`, `concepts`, `traces`: see TERM, CONCEPT, TRACE.
    """

    vector: bytes
    terms: bytes
    concepts: bytes
    traces: bytes

    def with_traces(self, traces: bytes) -> "Parts":
        """The same, but for the traces."""
        return Parts(self.vector, self.terms, self.concepts, traces)


def pack_record(state: State, parts: Parts) -> bytes:
    """A memory's record."""
    fixed = _STATE.pack(
        STATUSES.index(state.status),
        state.pinned,
        len(parts.vector) // 2,
        len(state.changes),
        len(parts.terms) // TERM.itemsize,
        len(parts.concepts) // CONCEPT.itemsize,
        state.length,
        state.access_count,
        state.presentations,
        state.created_ms,
        state.recorded_ms,
        state.last_accessed_ms,
        state.offset,
        state.superseded_ms,
        state.use,
        state.bias,
        state.salience,
        state.valence,
        state.arousal,
        state.previous,
        state.next,
        state.superseded_by,
    )
    changes = (
        _CHANGE.pack(c.at_ms, _CHANGES.index(c.what), c.nats, c.other) for c in state.changes
    )
    return b"".join((fixed, *changes, parts.vector, parts.terms, parts.concepts, parts.traces))


def unpack_record(record: bytes) -> tuple[State, Parts]:
    """Unpack the bytes of `pack_record`."""
    (
        status, pinned, _, changes, _, _, length, count, presentations, created, recorded, last,
        offset, superseded_ms, use, bias, salience, valence, arousal, previous, following,
        superseded_by,
    ) = _STATE.unpack_from(record)  # fmt: skip
    past = unpack_changes(record[_STATE.size : _STATE.size + changes * _CHANGE.size])
    state = State(
        created_ms=created,
        recorded_ms=recorded,
        offset=offset,
        salience=salience,
        valence=valence,
        arousal=arousal,
        pinned=bool(pinned),
        last_accessed_ms=last,
        length=length,
        status=STATUSES[status],
        access_count=count,
        presentations=presentations,
        use=use,
        bias=bias,
        superseded_ms=superseded_ms,
        superseded_by=superseded_by,
        previous=previous,
        next=following,
        changes=past,
    )
    return state, split_record(record)


def unpack_changes(packed: bytes) -> list[Change]:
    """The changes of a record."""
    return [
        Change(at, _CHANGES[code], nats, other)
        for at, code, nats, other in _CHANGE.iter_unpack(packed)
    ]


def corrections_in(changes: bytes) -> int:
    """The number of times that a memory's text, tags or metadata changed, by its packed changes."""
    return changes[8 :: _CHANGE.size].count(_CORRECTED)


def split_head(record: bytes) -> tuple[bytes, bytes]:
    """A record's state, one row of STATE, and its changes."""
    changes = _HEAD.unpack_from(record)[3]
    return record[: _STATE.size], record[_STATE.size : _STATE.size + changes * _CHANGE.size]


def split_record(record: bytes) -> Parts:
    """The parts of a record behind its state and changes."""
    _, _, dimension, changes, terms, concepts = _HEAD.unpack_from(record)
    vector = _STATE.size + changes * _CHANGE.size
    words = vector + 2 * dimension
    links = words + terms * TERM.itemsize
    traces = links + concepts * CONCEPT.itemsize
    return Parts(record[vector:words], record[words:links], record[links:traces], record[traces:])


@lru_cache(100_000)
def hash64(name: str) -> bytes:
    """The 8 bytes that a term or concept is known by."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def trace_id(kind: str, event_id: UUID) -> int:
    """The 64 bits that identify a presentation within its memory."""
    return (KINDS.index(kind) + 1) << 56 | int.from_bytes(event_id.bytes[:7], "big")


def kind_of(identity: int) -> str:
    """The kind of use behind a trace's id."""
    return KINDS[(identity >> 56) - 1]


def counted(identities: np.ndarray) -> np.ndarray:
    """A mask of the traces that are accesses, by their `id`, shape (traces,)."""
    kinds = [KINDS.index(kind) + 1 for kind in NOT_COUNTED]
    return ~np.isin(identities >> np.uint64(56), kinds)


def pack_trace(time_ms: int, identity: int, weight: float, decay_rate: float) -> bytes:
    """One presentation's 24 bytes."""
    return _TRACE.pack(time_ms, identity, weight, decay_rate)


def relation_field(direction: Literal["in", "out"], kind: str, other: str) -> bytes:
    """A relation's field in the hash of one of its ends."""
    return f"{direction}\x1f{kind}\x1f{other}".encode()


def pack_element(*names: str) -> bytes:
    """A concept's name, or a relation's source, type and target, as Redis lists them."""
    return orjson.dumps(names)


def unpack_element(packed: bytes) -> tuple[str, ...]:
    """Unpack the bytes of `pack_element`: one name or three."""
    return tuple(orjson.loads(packed))


@dataclass(frozen=True)
class Layout:
    """The keys of one partition in one build.

    Documents lie under a prefix per status; only those of active and decayed memories are
    indexed, so moving a document in or out of the index is a rename.
    """

    prefix: str
    version: int
    partition: int

    def document(self, status: Status, namespace: str, memory_id: str | UUID) -> str:
        return f"{self._kind(status)}:{namespace}:{memory_id}"

    def record(self, namespace: str, memory_id: str | UUID) -> str:
        """String: what ranking needs, see `pack_record`."""
        return f"{self._kind('record')}:{namespace}:{memory_id}"

    def contexts(self, namespace: str, memory_id: str | UUID) -> str:
        return f"{self._kind('contexts')}:{namespace}:{memory_id}"

    def counts(self, namespace: str) -> str:
        """Hash: memories by status, and under `length` all terms of those not deleted."""
        return f"{self._kind('counts')}:{namespace}"

    def changed(self, namespace: str) -> str:
        """Sorted set of all memories of a namespace by the offset of the last event on them."""
        return f"{self._kind('changed')}:{namespace}"

    def recent(self, namespace: str) -> str:
        """Sorted set of the memories accessed last, by when."""
        return f"{self._kind('recent')}:{namespace}"

    def frequent(self, namespace: str) -> str:
        """Sorted set of the memories used most, by `State.use`."""
        return f"{self._kind('frequent')}:{namespace}"

    def session(self, namespace: str, session: str) -> str:
        """Sorted set of a session's memories by time; members are offset, then id."""
        return f"{self._kind('session')}:{in_key(namespace)}:{session}"

    def document_frequencies(self, namespace: str) -> str:
        """Hash: in how many memories, the deleted ones apart, a term occurs."""
        return f"{self._kind('terms')}:{namespace}"

    def parameters(self, namespace: str) -> str:
        """String: those of the model's parameters that are not at their default, as JSON."""
        return f"{self._kind('parameters')}:{namespace}"

    def concepts(self, namespace: str) -> str:
        """Hash: concepts by name, as JSON."""
        return f"{self._kind('concepts')}:{namespace}"

    def vocabulary(self, namespace: str) -> str:
        """String: offset of the last event on a concept."""
        return f"{self._kind('vocabulary')}:{namespace}"

    def graph(self, namespace: str) -> str:
        """Sorted set of all concepts `[name]` and relations `[source, type, target]`, as JSON.

        By the offset of the last event on each, which is no other's: what changed since.
        """
        return f"{self._kind('graph')}:{namespace}"

    def relations(self, namespace: str, concept: bytes) -> str:
        """Hash: the weights of all relations at a concept (its `hash64`); see `relation_field`."""
        return f"{self._kind('relations')}:{namespace}:{concept.hex()}"

    def made(self, namespace: str) -> str:
        """Hash: elements of the graph that only runs of maintenance added; element to runs."""
        return f"{self._kind('made')}:{namespace}"

    def links(self, namespace: str) -> str:
        """Hash: how many memories, the deleted ones apart, a concept is linked to."""
        return f"{self._kind('links')}:{namespace}"

    def linked(self, namespace: str, concept: bytes) -> str:
        """Sorted set of the memories that a concept (its `hash64`) is linked to, by offset."""
        return f"{self._kind('linked')}:{namespace}:{concept.hex()}"

    def runs(self, namespace: str) -> str:
        """Hash: runs of maintenance by id, as JSON."""
        return f"{self._kind('runs')}:{namespace}"

    def runs_by_offset(self, namespace: str) -> str:
        """Sorted set of the ids of runs by the offset of their first event."""
        return f"{self._kind('runs_by_offset')}:{namespace}"

    def due(self, namespace: str) -> str:
        """Sorted set of active memories by a time not later than when they will have faded.

        A hint outside the digest; only maintenance moves scores up.
        """
        return f"{self._kind('due')}:{namespace}"

    def due_parameters(self, namespace: str) -> str:
        """String: fingerprint of the parameters that all entries of `due` allow for."""
        return f"{self._kind('due_parameters')}:{namespace}"

    @property
    def namespaces(self) -> str:
        return self._kind("namespaces")

    @property
    def seen(self) -> str:
        """Sorted set of the last event ids by offset."""
        return self._kind("seen")

    @property
    def cursor(self) -> str:
        """Next offset to apply; written last, in the script that writes the data."""
        return self._kind("cursor")

    @property
    def fold(self) -> str:
        """The FOLD that made this build; written with its first cursor, in the same script."""
        return self._kind("fold")

    def index(self, status: Status) -> str:
        """Name of the search index over the documents of one status, all partitions."""
        return f"{self._build}:index:{status}"

    def index_prefix(self, status: Status) -> str:
        return f"{self._build}:{status}:"

    @property
    def _build(self) -> str:
        return f"{self.prefix}v{self.version}"

    def _kind(self, kind: str) -> str:
        return f"{self._build}:{kind}:{{p{self.partition}}}"


@dataclass(frozen=True)
class Control:
    """The keys of one partition that belong to no build."""

    prefix: str
    partition: int

    @property
    def live(self) -> str:
        """Version of the build that is read and written."""
        return f"{self.prefix}live:{{p{self.partition}}}"

    @property
    def next(self) -> str:
        """Version of the build that a rebuild writes, a space, and a word that only it knows.

        Nobody else's writes beside the live build are taken. Still there when nobody rebuilds: a
        rebuild has died, and what it left is to be deleted.
        """
        return f"{self.prefix}next:{{p{self.partition}}}"

    @property
    def hold(self) -> str:
        """Offset at which the live fold waits while a rebuild compares and switches, a space, and
        a word that only who holds it knows; expires."""
        return f"{self.prefix}hold:{{p{self.partition}}}"

    @property
    def target(self) -> str:
        """Offset to reach after a loss, before queries are answered again."""
        return f"{self.prefix}target:{{p{self.partition}}}"


def rebuilding_key(prefix: str) -> str:
    """The key that is there while somebody rebuilds or deletes the read side; it expires."""
    return f"{prefix}rebuilding"
