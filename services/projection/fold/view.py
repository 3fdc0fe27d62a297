"""The fold's view: the part of the read side that some events touch, and its changes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from schemas.parameters import Parameters
from services.readside.collections import (
    CLEARED,
    NAMES,
    PARAMETERS,
    AnyCollection,
    Collection,
    Place,
)
from services.readside.concepts import folded
from services.readside.layout import Parts, State, Status
from services.readside.parameters import InForce

K = TypeVar("K")
V = TypeVar("V")
Ref = tuple[str, UUID]
Wanted = tuple[Collection[Any, Any], str]
DEFAULTS = InForce()


@dataclass(slots=True)
class Memory:
    """A memory as the fold sees it.

    `document` is known only where its `stored` event or a correction is being folded, since nothing
    else reads it. `document_status` is where Redis has the document now. `unlinked`: concepts that
    a correction has cut off. `changed_at`: offset of the last event that changed it.
    """

    state: State
    parts: Parts
    document: dict[str, bytes] | None = None
    document_status: Status | None = None
    contexts: dict[bytes, bytes] = field(default_factory=dict)
    contexts_dropped: set[bytes] = field(default_factory=set)
    unlinked: set[bytes] = field(default_factory=set)
    changed_at: int = 0

    @property
    def moves(self) -> bool:
        """True where its document is not yet what and where a memory of its status has it."""
        return self.document is not None or self.document_status != self.state.status


@dataclass(slots=True)
class Namespace:
    """A namespace's collections, as far as they are known here.

    `sessions` lists places by time, on both sides of each that is put there.
    """

    held: dict[Collection[Any, Any], dict[Any, Any]] = field(default_factory=dict)
    sessions: dict[str, list[Place]] = field(default_factory=dict)

    def __getitem__(self, collection: Collection[K, V]) -> dict[K, V]:
        try:
            return self.held[collection]
        except KeyError:
            return self.held.setdefault(collection, {})

    @property
    def parameters(self) -> Parameters:
        """The parameters in force."""
        known = self.held.get(PARAMETERS)
        return known[None] if known else DEFAULTS


@dataclass(slots=True)
class Touched:
    """The namespace's changes by a batch: what has to be written."""

    memories: set[UUID] = field(default_factory=set)
    # Memories that may fade earlier than was known.
    due: set[UUID] = field(default_factory=set)
    keys: dict[Collection[Any, Any], set[Any]] = field(default_factory=dict)

    def __getitem__(self, collection: Collection[K, Any]) -> set[K]:
        try:
            return self.keys[collection]
        except KeyError:
            return self.keys.setdefault(collection, set())


@dataclass(slots=True)
class View:
    """The part of the read side that some events touch, and what changed in it.

    `seen` maps ids of events to the offset where they were first folded, `seen_now` those of
    this batch. `cleared`: namespaces that were deleted, and where; what the view has of them came
    afterwards. `concepts`: those that such a namespace has in Redis.
    """

    memories: dict[Ref, Memory] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    touched: dict[str, Touched] = field(default_factory=dict)
    seen: dict[bytes, int] = field(default_factory=dict)
    seen_now: dict[bytes, int] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    concepts: dict[str, list[str]] = field(default_factory=dict)
    cleared: dict[str, int] = field(default_factory=dict)

    def namespace(self, name: str) -> Namespace:
        """The state of a namespace."""
        known = self.namespaces.get(name)
        if known is None:  # a Namespace takes too long to make for setdefault
            known = self.namespaces[name] = Namespace()
        return known

    def touch(self, name: str) -> Touched:
        """The namespace's change set."""
        known = self.touched.get(name)
        if known is None:
            known = self.touched[name] = Touched()
        return known

    def put(self, collection: Collection[K, V], name: str, key: K, value: V) -> None:
        """From here on a namespace has this value, or another one, at a key."""
        self.namespace(name)[collection][key] = value
        self.touch(name)[collection].add(key)

    def add(self, collection: Collection[K, int], name: str, numbers: dict[K, int]) -> None:
        """From here on a namespace has so much more at some keys."""
        counts = self.namespace(name)[collection]
        for key, number in numbers.items():
            counts[key] = counts.get(key, 0) + number
        self.touch(name)[collection].update(numbers)

    def drop(self, collection: Collection[K, Any], name: str, key: K) -> None:
        """From here on a namespace has nothing at a key."""
        self.namespace(name)[collection].pop(key, None)
        self.touch(name)[collection].add(key)

    def clear(self, name: str, offset: int) -> None:
        """From here on a namespace has nothing at all."""
        self.memories = {ref: each for ref, each in self.memories.items() if ref[0] != name}
        self.namespaces[name] = Namespace(held={CLEARED: {None: offset}})
        self.touched.pop(name, None)
        self.cleared[name] = offset


@dataclass(slots=True)
class Needs:
    """The reads that the fold of some events needs.

    `places`: sessions and the times at which something is put into them. `counted`: memories
    whose terms and links may be counted in or out. `documents`: those whose text may change.
    `said`: names of concepts, which may mean another one. `edges`: relations between such.
    `whole`: concepts that are needed with all relations and memories at them.
    `ending`: namespaces that are deleted.
    `keys` and `parts`: of a collection in a namespace some keys, and some parts whole.
    """

    memories: dict[Ref, None] = field(default_factory=dict)
    counted: set[Ref] = field(default_factory=set)
    documents: set[Ref] = field(default_factory=set)
    said: set[tuple[str, str]] = field(default_factory=set)
    edges: set[tuple[str, str, str, str]] = field(default_factory=set)
    whole: set[tuple[str, str]] = field(default_factory=set)
    linked: set[tuple[str, str]] = field(default_factory=set)
    events: list[bytes] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    ending: set[str] = field(default_factory=set)
    places: set[tuple[str, str, int]] = field(default_factory=set)
    keys: defaultdict[Wanted, set[Any]] = field(default_factory=partial(defaultdict, set))
    parts: defaultdict[Wanted, set[str]] = field(default_factory=partial(defaultdict, set))

    def of(self, collection: Collection[K, Any], name: str) -> set[K]:
        """The keys of a collection that are needed."""
        return self.keys[collection, name]

    def all_of(self, collection: Collection[tuple[str, bytes], Any], name: str) -> set[str]:
        """The parts of a collection that are needed whole."""
        return self.parts[collection, name]

    def concepts(self, name: str, *said: str) -> None:
        """Add concepts that are meant by names."""
        self.of(NAMES, name).update(map(folded, said))
        self.said.update((name, each) for each in said)

    def without(self, asked: "Needs") -> "Needs":
        """The needs that were not asked for yet."""
        rest = Needs(
            memories={ref: None for ref in self.memories if ref not in asked.memories},
            documents=self.documents - asked.documents,
            said=self.said - asked.said,
            linked=self.linked - asked.linked,
        )
        for keys, old, new in (
            (self.keys, asked.keys, rest.keys),
            (self.parts, asked.parts, rest.parts),
        ):
            for each, wanted in keys.items():
                if left := wanted - old.get(each, set()):
                    new[each] = left
        return rest

    def include(self, more: "Needs") -> None:
        """Add what else is needed."""
        self.memories |= more.memories
        self.documents |= more.documents
        self.said |= more.said
        self.linked |= more.linked
        for each, keys in more.keys.items():
            self.keys[each] |= keys
        for each, parts in more.parts.items():
            self.parts[each] |= parts

    def __bool__(self) -> bool:
        return bool(self.memories or self.documents or self.said or self.linked) or any(
            (*self.keys.values(), *self.parts.values())
        )

    def wanted(self, collections: Iterable[AnyCollection]) -> dict[Wanted, set[Any]]:
        """All keys that are needed, with those that every batch needs."""
        always = {
            (collection, name): {*collection.always}
            for collection in collections
            if isinstance(collection, Collection) and collection.always
            for name in self.namespaces
        }
        some = {each: keys | always.get(each, set()) for each, keys in self.keys.items() if keys}
        return always | some
