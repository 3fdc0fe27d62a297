"""The table of what the read side holds of a namespace, beside the keys that a memory has alone.

A collection is one object here and nothing else: its keys and its kind in Redis, how an entry is
packed and unpacked, its place in the digest. The fold's view keeps a dict for each. Loading,
writing, digest and the fakes go through `COLLECTIONS`; readers ask its objects for keys.
"""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, cast
from uuid import UUID

from schemas.ids import in_key
from schemas.parameters import Parameters
from services.readside.concepts import Concept, pack_concept, unpack_concept
from services.readside.layout import (
    RECORD,
    STATUSES,
    Layout,
    Parts,
    RecordFormat,
    State,
    Status,
    hash64,
)
from services.readside.parameters import pack_parameters, unpack_parameters
from services.readside.runs import Run, pack_run, pack_run_ids, unpack_run, unpack_run_ids
from services.readside.terms import concepts_of

RECENT_MAX = 1_000
K = TypeVar("K")
V = TypeVar("V")
# The name of a part of a namespace; empty for what has one key for the whole of it.
Part = str
Field = bytes | str
Packed = bytes | int | float
# As Redis has them, by part; None: it has not.
Entries = dict[Part, dict[Field, Packed | None]]
# A memory's place in its session: when, offset of its event, id.
Place = tuple[int, int, UUID]


@dataclass(frozen=True, eq=False, kw_only=True)
class Stored:
    """All that Redis holds under one kind of key.

    `row`: its name in the digest, where that is another. `parts`: what it has keys for, one each,
    if it has not one for the whole namespace. `spell`: the name of a part, in a key; `spell_first`:
    that of the namespace before it. `by_entry`: the digest has a row for each entry. `only`: of two
    scores the greater stays. `capped`: only the first members stay.
    """

    name: str
    kind: Literal["hash", "sorted set", "string"] = "hash"
    row: str = ""
    parts: Literal["", "concepts", "sessions", "links"] = ""
    spell: Callable[[str], str] = str
    spell_first: Callable[[str], str] = str
    by_entry: bool = False
    only: Literal["", "GT"] = ""
    capped: bool = False

    def key(self, layout: Layout, namespace: str, *spelt: str) -> str:
        """A key in Redis, with the name of a part as it is spelt there."""
        return layout.key(self.name, self.spell_first(namespace), *spelt)

    def key_of(self, layout: Layout, namespace: str, part: Part) -> str:
        """The key of a part."""
        return self.key(layout, namespace, *([self.spell(part)] if self.parts else []))

    @property
    def most(self) -> int | None:
        """The number of members that it has at most."""
        return RECENT_MAX if self.capped else None


@dataclass(frozen=True, eq=False, kw_only=True)
class Collection(Stored, Generic[K, V]):
    """Values of a namespace by key; or another collection's, listed in another order (`of`).

    Where it has parts, a key is the name of one and what is left of the key. `field`: what is left
    as a field or member. `pack`: a value as Redis has it, a score in a sorted set; None where it is
    kept by absence. `always`: keys that every batch reads.
    """

    field: Callable[[Any], Field] = bytes
    pack: Callable[[V], Packed | None]
    unpack: Callable[[bytes], V]
    always: tuple[K, ...] = ()
    of: "Collection[K, V] | None" = None

    def places(self, keys: Iterable[K]) -> dict[Part, dict[K, Field]]:
        """The fields of some keys, by part."""
        field = self.field
        if not self.parts:
            return {"": {key: field(key) for key in keys}}
        found: defaultdict[Part, dict[K, Field]] = defaultdict(dict)
        for key in keys:
            part, rest = cast("tuple[str, Any]", key)
            found[part][key] = field(rest)
        return found

    def entries(self, held: Mapping[K, V], keys: Iterable[K]) -> Entries:
        """The entries of some keys."""
        field, pack, get = self.field, self.pack, held.get
        packed = {key: None if (value := get(key)) is None else pack(value) for key in keys}
        if not self.parts:
            return {"": {field(key): each for key, each in packed.items()}}
        found: Entries = defaultdict(dict)
        for (part, rest), each in cast("dict[tuple[str, Any], Packed | None]", packed).items():
            found[part][field(rest)] = each
        return found


class Held(Protocol):
    """A memory as the fold's view holds it.

    `moves`: its document is elsewhere, or new. `unlinked`: concepts that it names no more.
    """

    state: State
    parts: Parts
    unlinked: set[bytes]
    changed_at: int

    @property
    def moves(self) -> bool: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class MemoryList(Stored):
    """Memories by a score.

    `scores`: the parts that list a memory, and its score there; None: it is there no longer.
    """

    kind: Literal["hash", "sorted set", "string"] = "sorted set"
    scores: Callable[[Held], Iterable[tuple[Part, float | None]]]

    def entries(self, memories: Mapping[str, Held]) -> Entries:
        """The entries of some memories."""
        found: Entries = defaultdict(dict)
        for name, memory in memories.items():
            for part, score in self.scores(memory):
                found[part][name] = score
        return found


def pack_place(place: Place) -> bytes:
    """Offset and id; Redis orders what has one time by these bytes."""
    _, offset, memory_id = place
    return struct.pack(">q", offset) + memory_id.bytes


def unpack_place(time_ms: float, packed: bytes) -> Place:
    """Unpack the bytes of `pack_place`, given the time."""
    return int(time_ms), int.from_bytes(packed[:8], "big"), UUID(bytes=packed[8:])


def _alone(_: None) -> bytes:
    return b""


def _hex(each: UUID) -> bytes:
    return each.hex.encode()


def _number(number: int) -> bytes:
    return b"%d" % number


def _unless_zero(number: int) -> bytes | None:
    return b"%d" % number if number else None


def _weight(weight: float) -> bytes:
    return repr(weight).encode()


def _linked(memory: Held) -> list[tuple[Part, float | None]]:
    cut: list[tuple[Part, float | None]] = [(concept.hex(), None) for concept in memory.unlinked]
    if not memory.moves:
        return cut
    score = None if memory.state.status == "deleted" else memory.state.offset
    return cut + [(concept.hex(), score) for concept in concepts_of(memory.parts.concepts)]


def _expiring(state: State) -> list[tuple[Part, float | None]]:
    if state.expires_ms == 0:
        return []
    there = state.status == "active" and state.expires_ms > 0
    return [("", state.expires_ms if there else None)]


def counted_now(counts: list[bytes | None], expired: int) -> dict[Status, int]:
    """Memories by status, as stored; those active that have expired count as decayed."""
    by_status = {s: int(count or 0) for s, count in zip(STATUSES, counts, strict=True)}
    by_status["active"] -= expired
    by_status["decayed"] += expired
    return by_status


# Memories by status, and under `length` all terms of those not deleted.
COUNTED = (*STATUSES, "length")
COUNTS = Collection[str, int](
    name="counts",
    field=str.encode,
    pack=_number,
    unpack=int,
    always=COUNTED,
)
# In how many memories, the deleted ones apart, a term occurs.
TERMS = Collection[bytes, int](name="terms", pack=_unless_zero, unpack=int)
# How many memories, the deleted ones apart, a concept is linked to.
LINKS = Collection[bytes, int](name="links", pack=_unless_zero, unpack=int)
# The model's parameters that are not at their default.
PARAMETERS = Collection[None, Parameters](
    name="parameters",
    kind="string",
    field=_alone,
    pack=pack_parameters,
    unpack=unpack_parameters,
    always=(None,),
)
CONCEPTS = Collection[str, Concept](
    name="concepts",
    field=str.encode,
    pack=pack_concept,
    unpack=unpack_concept,
)
# The name of the concept that is meant by a name (see `folded`); empty: it was deleted.
NAMES = Collection[str, str](name="names", field=str.encode, pack=str.encode, unpack=bytes.decode)
# Offset of the last event on a concept: who keeps their names knows when they changed.
VOCABULARY = Collection[None, int](
    name="vocabulary", kind="string", field=_alone, pack=_number, unpack=int
)
# Offset of the event by which the namespace was deleted. It stays: who keeps copies of what was
# there knows by it that they are of before.
CLEARED = Collection[None, int](
    name="cleared", kind="string", by_entry=True, field=_alone, pack=_number, unpack=int
)
# Weights of the relations at a concept: by its name, and `relation_field`.
RELATIONS = Collection[tuple[str, bytes], float](
    name="relations",
    row="relation",
    parts="concepts",
    spell=lambda concept: hash64(concept).hex(),
    by_entry=True,
    pack=_weight,
    unpack=float,
)
# Concepts and relations (see `pack_element`) by the offset of the last event on each, which is no
# other's: what has changed since.
GRAPH = Collection[bytes, int](
    name="graph", kind="sorted set", pack=int, unpack=lambda score: int(float(score))
)
# Elements of the graph that only runs of maintenance have added; those runs, but for the undone.
MADE = Collection[bytes, frozenset[UUID]](name="made", pack=pack_run_ids, unpack=unpack_run_ids)
RUNS = Collection[UUID, Run](name="runs", field=_hex, pack=pack_run, unpack=unpack_run)
# Runs by the offset of their first event.
RUNS_BY_OFFSET = Collection[UUID, Run](
    name="runs_by_offset",
    kind="sorted set",
    row="runs by offset",
    field=_hex,
    pack=lambda run: run.offset,
    unpack=RUNS.unpack,
    of=RUNS,
)
# A session's memories by time; see `pack_place`. Namespaces and sessions may have colons.
SESSIONS = Collection[tuple[str, bytes], int](
    name="session",
    kind="sorted set",
    parts="sessions",
    spell_first=in_key,
    pack=int,
    unpack=lambda score: int(float(score)),
)
# All memories by the offset of the last event on them.
CHANGED = MemoryList(name="changed", scores=lambda memory: [("", memory.changed_at)])
# The memories accessed last, by when.
RECENT = MemoryList(
    name="recent",
    scores=lambda memory: [("", memory.state.last_accessed_ms)],
    only="GT",
    capped=True,
)
# The memories used most.
FREQUENT = MemoryList(
    name="frequent",
    scores=lambda memory: [("", memory.state.use)] if memory.state.use > 1 else [],
    only="GT",
    capped=True,
)
# Active memories by when they expire: who counts the active ones subtracts those that have.
EXPIRING = MemoryList(name="expiring", scores=lambda memory: _expiring(memory.state))
# The memories that a concept is linked to, by offset.
LINKED = MemoryList(name="linked", parts="links", scores=_linked)


def reads_of_counts(layout: Layout, namespace: str, now_ms: int) -> list[list[Any]]:
    """The two reads whose replies `counted_now` takes."""
    return [
        ["HMGET", COUNTS.key(layout, namespace), *STATUSES],
        ["ZCOUNT", EXPIRING.key(layout, namespace), "-inf", now_ms],
    ]


AnyCollection = Collection[Any, Any] | MemoryList
COLLECTIONS: tuple[AnyCollection, ...] = (
    *(COUNTS, TERMS, LINKS, PARAMETERS, CONCEPTS, NAMES, VOCABULARY, RELATIONS, GRAPH, MADE),
    *(RUNS, RUNS_BY_OFFSET, SESSIONS, CHANGED, RECENT, FREQUENT, EXPIRING, LINKED, CLEARED),
)


@dataclass(frozen=True)
class Contents:
    """All that the read side holds, but for the documents of memories and the contexts of uses."""

    collections: tuple[AnyCollection, ...] = COLLECTIONS
    record: RecordFormat[Any] = RECORD


CONTENTS = Contents()
