"""The read side's layout in Redis: names of keys, and the bytes behind them.

Everything that one partition of the log feeds carries the partition as its hash tag, so that one
script can write it and one cluster slot holds it. `version` is the build: a rebuild grows beside
the live one. Redis stores; only the fold (services/projection) writes.
"""

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from typing import Annotated, Any, Generic, Literal, TypeVar, cast, get_args, get_type_hints
from uuid import UUID

import numpy as np
import orjson

Status = Literal["active", "decayed", "deleted"]
STATUSES: tuple[Status, ...] = get_args(Status)
# What searches find; a deleted memory is in no index.
INDEXED: tuple[Status, ...] = ("active", "decayed")
# Of a presentation. Traces hold the place in this list, from 1: a new kind comes last.
Kind = Literal[
    "creation",
    "search",
    "recall",
    "used",
    "restore",
    "rehearsal",
    "compacted",  # stands for many old presentations
    "inherited",  # from a memory it was made of
    "revival",  # by a run of maintenance that met what was archived
]
KINDS: tuple[Kind, ...] = get_args(Kind)
_CODES: dict[str, int] = {kind: code for code, kind in enumerate(KINDS, 1)}
# A presentation, but not an access: nobody asked for the memory.
NOT_COUNTED: tuple[Kind, ...] = ("rehearsal", "compacted", "inherited", "revival")

SEEN_EVENTS_MAX = 100_000
TAG_SEPARATOR = "\x1f"

# One presentation. `id`: kind in the top byte, then 56 bits of the event's id.
TRACE = np.dtype([("time_ms", "<i8"), ("id", "<u8"), ("weight", "<f4"), ("decay_rate", "<f4")])
# A term or concept is known by 64 bits of the hash of its name. `speaker`: 1 where the term is of
# the speaker's name.
TERM = np.dtype([("term", "<u8"), ("count", "<u2"), ("speaker", "<u2")])
CONCEPT = np.dtype("<u8")
NOBODY = bytes(16)  # as a neighbour or successor
_STRUCT_CODES = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i8": "q", "f4": "f", "f8": "d"}


def struct_of(dtype: np.dtype) -> struct.Struct:
    """A packer and unpacker of one row of a structured type: for single rows faster than numpy."""
    codes = [
        f"{each.itemsize}s" if each.kind == "V" else _STRUCT_CODES[each.str[1:]]
        for each, *_ in (dtype.fields or {}).values()
    ]
    return struct.Struct("<" + "".join(codes))


TRACE_STRUCT = struct_of(TRACE)
_CHANGE = struct.Struct("<qBd16s")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a memory beside its use: a new status, a penalty or the end of all, a successor
    (`other`) or, without one, the end of it, a correction or the end of one, a life beyond the
    moment of expiry."""

    at_ms: int
    what: Status | Literal["adjusted", "cleared", "superseded", "corrected", "outlived"]
    nats: float = 0.0
    other: bytes = NOBODY


_CHANGES = (*STATUSES, "adjusted", "cleared", "superseded", "corrected", "outlived")
_CORRECTED = _CHANGES.index("corrected")
Count = Annotated[int, "<u4"]
Whole = Annotated[int, "<i8"]
Real = Annotated[float, "<f8"]
Id = Annotated[bytes, "V16"]


@dataclass(slots=True)
class State:
    """A memory's mutable part, and the table of the fields that its record begins with.

    Each is packed in this order, as its type says; a new one comes before `changes`. `changes`,
    which is packed behind them, is in the order folded. `previous` and `next`: ids of its
    neighbours in its session, by time. `length`: its terms, each as often as it occurs.
    `presentations`: its traces, also those that were compacted. `expires_ms`: 0 for never; below 0
    where it had an expiry that holds no longer. `use`: the summed weight of its accesses and of
    what it inherited; what runs of maintenance do is in neither this nor `last_accessed_ms`, so
    that undoing one has nothing to lower there.
    """

    status: Annotated[Status, "u1"] = "active"
    pinned: Annotated[bool, "u1"] = False
    length: Count = 0
    access_count: Count = 0
    presentations: Count = 0
    created_ms: Whole = 0
    recorded_ms: Whole = 0
    last_accessed_ms: Whole = 0
    offset: Whole = 0
    superseded_ms: Whole = 0
    use: Real = 0.0
    bias: Real = 0.0
    salience: Real = 0.0
    valence: Real = 0.0
    arousal: Real = 0.0
    previous: Id = NOBODY
    next: Id = NOBODY
    superseded_by: Id = NOBODY
    expires_ms: Whole = 0
    changes: list[Change] = field(default_factory=list, kw_only=True)


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


S = TypeVar("S", bound=State)
# How many there are of each part but the traces, which are the rest. They stand behind status and
# pinned. Nobody bounds how often a memory is forgotten and restored.
_LENGTHS = (("dimension", "<u2"), ("changes", "<u4"), ("terms", "<u4"), ("concepts", "<u4"))
_HEAD = struct_of(np.dtype([("status", "u1"), ("pinned", "u1"), *_LENGTHS]))


class RecordFormat(Generic[S]):
    """Packing of a memory: its state, one row of `dtype`, then the parts one after the other.

    What ranking needs of a memory lies in this one string. A candidate set is then one MGET
    (hashes, or a script that reads them, took three times as long) and decodes in one numpy call
    per part.
    """

    def __init__(self, state: type[S]) -> None:
        """`state`: the table of the fields."""
        types = [
            (name, hint.__metadata__[0])
            for name, hint in get_type_hints(state, include_extras=True).items()
            if hasattr(hint, "__metadata__")
        ]
        self._make = state
        self._rest: Callable[[S], tuple[Any, ...]] = attrgetter(*[name for name, _ in types[2:]])
        self.dtype = np.dtype([*types[:2], *_LENGTHS, *types[2:]])
        self._struct = struct_of(self.dtype)

    def pack(self, state: S, parts: Parts) -> bytes:
        """A memory's record."""
        fixed = self._struct.pack(
            STATUSES.index(state.status),
            state.pinned,
            len(parts.vector) // 2,
            len(state.changes),
            len(parts.terms) // TERM.itemsize,
            len(parts.concepts) // CONCEPT.itemsize,
            *self._rest(state),
        )
        changes = [
            _CHANGE.pack(c.at_ms, _CHANGES.index(c.what), c.nats, c.other) for c in state.changes
        ]
        return b"".join((fixed, *changes, parts.vector, parts.terms, parts.concepts, parts.traces))

    def unpack(self, record: bytes) -> tuple[S, Parts]:
        """Unpack the bytes of `pack`."""
        status, pinned, _, _, _, _, *rest = self._struct.unpack_from(record)
        _, changes = self.split_head(record)
        past = unpack_changes(changes)
        return self._make(STATUSES[status], bool(pinned), *rest, changes=past), self.split(record)

    def split_head(self, record: bytes) -> tuple[bytes, bytes]:
        """A record's state, one row of `dtype`, and its changes."""
        size, changes = self._struct.size, _HEAD.unpack_from(record)[3]
        return record[:size], record[size : size + changes * _CHANGE.size]

    def split(self, record: bytes) -> Parts:
        """The parts of a record behind its state and changes."""
        _, _, dimension, changes, terms, concepts = _HEAD.unpack_from(record)
        vector = self._struct.size + changes * _CHANGE.size
        words = vector + 2 * dimension
        links = words + terms * TERM.itemsize
        traces = links + concepts * CONCEPT.itemsize
        return Parts(
            record[vector:words], record[words:links], record[links:traces], record[traces:]
        )


def unpack_changes(packed: bytes) -> list[Change]:
    """The changes of a record."""
    return [
        Change(at, _CHANGES[code], nats, other)
        for at, code, nats, other in _CHANGE.iter_unpack(packed)
    ]


def corrections_in(changes: bytes) -> int:
    """The number of times that a memory's text, tags or metadata changed, by its packed changes."""
    return changes[8 :: _CHANGE.size].count(_CORRECTED)


RECORD = RecordFormat(State)
STATE = RECORD.dtype
pack_record, unpack_record = RECORD.pack, RECORD.unpack
split_head, split_record = RECORD.split_head, RECORD.split


@lru_cache(100_000)
def hash64(name: str) -> bytes:
    """The 8 bytes that a term or concept is known by."""
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def trace_id(kind: str, event_id: UUID) -> int:
    """The 64 bits that identify a presentation within its memory."""
    return _CODES[kind] << 56 | int.from_bytes(event_id.bytes[:7], "big")


def numbered_ids(kind: Kind, count: int) -> np.ndarray:
    """Ids of so many traces that stand for no single event, shape (count,)."""
    return np.arange(count, dtype=np.uint64) | np.uint64(_CODES[kind] << 56)


def kind_of(identity: int) -> Kind:
    """The kind of use behind a trace's id."""
    return KINDS[(identity >> 56) - 1]


def of_kinds(identities: np.ndarray, *kinds: Kind) -> np.ndarray:
    """A mask of the traces of some kinds, by their `id`, shape (traces,)."""
    mask: np.ndarray = _mask(kinds)[identities >> np.uint64(56)]
    return mask


@lru_cache
def _mask(kinds: tuple[Kind, ...]) -> np.ndarray:
    mask = np.zeros(256, bool)
    mask[[_CODES[kind] for kind in kinds]] = True
    return mask


def counted(identities: np.ndarray) -> np.ndarray:
    """A mask of the traces that are accesses, by their `id`, shape (traces,)."""
    return ~of_kinds(identities, *NOT_COUNTED)


def pack_trace(time_ms: int, identity: int, weight: float, decay_rate: float) -> bytes:
    """One presentation's 24 bytes."""
    return TRACE_STRUCT.pack(time_ms, identity, weight, decay_rate)


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

    def key(self, kind: str, *names: str) -> str:
        """A key of this partition; those of collections are in `services.readside.collections`."""
        build = f"{self.prefix}v{self.version}:{kind}:{{p{self.partition}}}"
        return ":".join((build, *names)) if names else build

    def document(self, status: Status, namespace: str, memory_id: str | UUID) -> str:
        return f"{self.key(status)}:{namespace}:{memory_id}"

    def record(self, namespace: str, memory_id: str | UUID) -> str:
        """String: what ranking needs, see `RecordFormat`."""
        return f"{self.key('record')}:{namespace}:{memory_id}"

    def contexts(self, namespace: str, memory_id: str | UUID) -> str:
        return f"{self.key('contexts')}:{namespace}:{memory_id}"

    def due(self, namespace: str) -> str:
        """Sorted set of active memories by a time not later than when they will have faded.

        A hint outside the digest; only maintenance moves scores up.
        """
        return self.key("due", namespace)

    def due_parameters(self, namespace: str) -> str:
        """String: fingerprint of the parameters that all entries of `due` allow for."""
        return self.key("due_parameters", namespace)

    @property
    def namespaces(self) -> str:
        return self.key("namespaces")

    @property
    def seen(self) -> str:
        """Sorted set of the last event ids by offset."""
        return self.key("seen")

    @property
    def cursor(self) -> str:
        """Next offset to apply; written last, in the script that writes the data."""
        return self.key("cursor")

    @property
    def fold(self) -> str:
        """The FOLD that made this build; written with its first cursor, in the same script."""
        return self.key("fold")

    @property
    def clearing(self) -> str:
        """The cursor, while a namespace is half deleted by the event there."""
        return self.key("clearing")

    def index(self, status: Status) -> str:
        """Name of the search index over the documents of one status, all partitions."""
        return f"{self._build}:index:{status}"

    def index_prefix(self, status: Status) -> str:
        return f"{self._build}:{status}:"

    @property
    def _build(self) -> str:
        return f"{self.prefix}v{self.version}"


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
