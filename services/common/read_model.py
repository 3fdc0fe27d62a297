"""The read side's layout in Redis: names of keys, and the bytes behind them.

Everything that one partition of the log feeds carries the partition as its hash tag, so that one
script can write it and one cluster slot holds it. `version` is the build: a rebuild grows beside
the live one. Redis stores; only the fold (services/retrieval) writes.
"""

import struct
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import numpy as np

Status = Literal["active", "decayed", "deleted"]
STATUSES: tuple[Status, ...] = ("active", "decayed", "deleted")
KINDS = ("creation", "search", "recall", "used", "restore", "rehearsal")
NOT_COUNTED = "rehearsal"  # a presentation, but not an access

RECENT_MAX = 1_000
SEEN_EVENTS_MAX = 100_000
TAG_SEPARATOR = "\x1f"

# One presentation. `id`: kind in the top byte, then 56 bits of the event's id.
TRACE = np.dtype([("time_ms", "<i8"), ("id", "<u8"), ("weight", "<f4"), ("decay_rate", "<f4")])
_TRACE = struct.Struct("<qQff")

# What ranking needs of a memory lies in one string: this fixed state, the changes of its status,
# its vector, its traces. A candidate set is then one MGET (hashes, or a script that reads them,
# took three times as long) and decodes in one numpy call per part.
STATE = np.dtype(
    [
        ("status", "u1"),
        ("pinned", "u1"),
        # Nobody bounds how often a memory is forgotten and restored.
        ("changes", "<u4"),
        ("dimension", "<u2"),
        ("access_count", "<u4"),
        ("created_ms", "<i8"),
        ("recorded_ms", "<i8"),
        ("last_accessed_ms", "<i8"),
        ("offset", "<i8"),
        ("bias", "<f8"),
        ("salience", "<f8"),
        ("valence", "<f8"),
        ("arousal", "<f8"),
    ]
)
_STATE = struct.Struct("<BBIHIqqqqdddd")
_CHANGE = struct.Struct("<qB")
assert _STATE.size == STATE.itemsize
assert _TRACE.size == TRACE.itemsize


@dataclass(slots=True)
class State:
    """A memory's mutable part. `changes`: when its status changed, in the order folded."""

    created_ms: int
    recorded_ms: int
    offset: int
    salience: float
    valence: float
    arousal: float
    pinned: bool
    last_accessed_ms: int
    status: Status = "active"
    access_count: int = 0
    bias: float = 0.0
    changes: list[tuple[int, Status]] = field(default_factory=list)

    def status_at(self, moment_ms: int) -> Status:
        """The status at a past moment: that of the latest change not after it."""
        past = [change for change in self.changes if change[0] <= moment_ms]
        # max keeps the first of equals; the last one folded is the one that holds.
        return max(reversed(past), key=lambda change: change[0])[1] if past else "active"


def pack_record(state: State, vector: bytes, traces: bytes) -> bytes:
    """A memory's record: state, changes, vector (float16), traces."""
    fixed = _STATE.pack(
        STATUSES.index(state.status),
        state.pinned,
        len(state.changes),
        len(vector) // 2,
        state.access_count,
        state.created_ms,
        state.recorded_ms,
        state.last_accessed_ms,
        state.offset,
        state.bias,
        state.salience,
        state.valence,
        state.arousal,
    )
    changes = (_CHANGE.pack(at, STATUSES.index(status)) for at, status in state.changes)
    return b"".join((fixed, *changes, vector, traces))


def unpack_record(record: bytes) -> tuple[State, bytes, bytes]:
    """State, vector and traces: what `pack_record` took."""
    (
        status, pinned, changes, dimension, count, created, recorded, last, offset,
        bias, salience, valence, arousal,
    ) = _STATE.unpack_from(record)  # fmt: skip
    at = _STATE.size + changes * _CHANGE.size
    past = _CHANGE.iter_unpack(record[_STATE.size : at])
    state = State(
        created_ms=created,
        recorded_ms=recorded,
        offset=offset,
        salience=salience,
        valence=valence,
        arousal=arousal,
        pinned=bool(pinned),
        last_accessed_ms=last,
        status=STATUSES[status],
        access_count=count,
        bias=bias,
        changes=[(moment, STATUSES[code]) for moment, code in past],
    )
    return state, record[at : at + 2 * dimension], record[at + 2 * dimension :]


def split_records(records: list[bytes]) -> tuple[np.ndarray, list[bytes], list[bytes]]:
    """States of many records, shape (memories,), and each one's vector and traces."""
    states = np.frombuffer(b"".join([record[: _STATE.size] for record in records]), STATE)
    vectors_at = (_STATE.size + states["changes"].astype(int) * _CHANGE.size).tolist()
    traces_at = (np.array(vectors_at, int) + 2 * states["dimension"].astype(int)).tolist()
    vectors = [r[a:b] for r, a, b in zip(records, vectors_at, traces_at, strict=True)]
    traces = [r[b:] for r, b in zip(records, traces_at, strict=True)]
    return states, vectors, traces


def trace_id(kind: str, event_id: UUID) -> int:
    """The 64 bits that identify a presentation within its memory."""
    return (KINDS.index(kind) + 1) << 56 | int.from_bytes(event_id.bytes[:7], "big")


def kind_of(identity: int) -> str:
    """The kind of use behind a trace's id."""
    return KINDS[(identity >> 56) - 1]


def pack_trace(time_ms: int, identity: int, weight: float, decay_rate: float) -> bytes:
    """One presentation's 24 bytes."""
    return _TRACE.pack(time_ms, identity, weight, decay_rate)


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
        """Hash: memories by status."""
        return f"{self._kind('counts')}:{namespace}"

    def members(self, namespace: str) -> str:
        """Sorted set of all memories of a namespace by the offset of their event."""
        return f"{self._kind('members')}:{namespace}"

    def recent(self, namespace: str) -> str:
        """Sorted set of the memories accessed last, by when."""
        return f"{self._kind('recent')}:{namespace}"

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

    def index(self, status: Status) -> str:
        """Name of the search index over the documents of one status, all partitions."""
        return f"{self._build}:index:{status}"

    def index_prefix(self, status: Status) -> str:
        return f"{self._build}:{status}:"

    def build_pattern(self) -> str:
        """SCAN pattern of everything of this build."""
        return f"{self._build}:*"

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
    def hold(self) -> str:
        """Offset at which the live fold waits while a rebuild compares and switches; expires."""
        return f"{self.prefix}hold:{{p{self.partition}}}"

    @property
    def target(self) -> str:
        """Offset to reach after a loss, before queries are answered again."""
        return f"{self.prefix}target:{{p{self.partition}}}"


def redis_prefix(topic_prefix: str) -> str:
    """All keys of one installation: another topic prefix never shares a key.

    The colon after it keeps `hm::*`, with no topic prefix, from matching everyone's keys.
    """
    return f"hm:{topic_prefix}:"
