"""Ports of retrieval. Reads raise Unavailable while they cannot be answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol
from uuid import UUID

from schemas.errors import Unavailable
from services.readside.columns import Memories
from services.readside.concepts import Concept
from services.readside.documents import Attributes, Document, DocumentKey
from services.readside.layout import State, Status
from services.readside.parameters import InForce
from services.readside.runs import Run
from services.retrieval.graph.cached_graph import CachedGraph, Mark, Relation
from services.retrieval.search.candidates import Fan
from services.retrieval.search.plan import Bounds, SearchPlan

# The event that an answer has seen last, as `after` takes it; None if there is none yet.
Position = str | None


class Place(NamedTuple):
    """A namespace's place: its partition, and the version of the build that is live there."""

    partition: int
    version: int
    namespace: str


@dataclass(frozen=True)
class Known:
    """A search's knowledge of a namespace before it reads.

    `since`: the cursor up to which it knows what changed, None if it knows nothing. `expected`:
    memories that have changed meanwhile, most likely. `nearest`: of how many of the nearest the
    index is asked; 0 if it need not be asked at all.
    """

    since: int | None
    expected: Sequence[str]
    nearest: int


@dataclass(frozen=True, kw_only=True)
class FirstRead:
    """The answer of one round trip about a namespace, as of `cursor` or a little later.

    `changed`: memories by the offset of the last event on them. `records`: of the expected ones, at
    a cursor of their own. `memories` and `length`: those not deleted, and all their terms;
    `frequencies`: in how many each term of the query occurs. `nearest`, `matching`: from the index.
    `cleared`: offset of the event by which the namespace was last deleted, or -1.
    """

    place: Place
    cursor: int
    changed: list[str]
    records: Mapping[str, bytes | None]
    records_at: int
    recent: list[str]
    frequent: list[str]
    parameters: InForce
    memories: int
    length: int
    frequencies: list[int]
    nearest: list[str]
    matching: list[str]
    cleared: int = -1


class SearchReader(Protocol):
    """Reads of a search: few round trips, each of many keys."""

    def place(self, namespace: str) -> Place:
        """The build that was live when it was last read."""
        ...

    async def first(self, plan: SearchPlan, known: Known, bounds: Bounds) -> FirstRead:
        """All that is needed to begin with."""
        ...

    async def records(
        self, namespace: str, ids: list[str], cursor: int
    ) -> tuple[int, list[bytes | None]]:
        """Records of memories, and the cursor at that instant, which is not before `cursor`."""
        ...

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        """Attributes of documents; None where there is no such document."""
        ...

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        """The names of the concepts that are meant by some, each as it was said if unknown."""
        ...

    async def fans(
        self, namespace: str, concepts: Sequence[bytes], *, linked: int
    ) -> tuple[dict[bytes, Fan], list[list[str]]]:
        """The fans of concepts (by `hash64`), and of each the memories linked last."""
        ...


@dataclass(frozen=True)
class Entry:
    """Everything about one memory, at one instant. `memories` has one row."""

    state: State
    memories: Memories
    document: Document
    contexts: dict[bytes, bytes]
    parameters: InForce


class MemoryReader(Protocol):
    """Reads of whole memories and namespaces."""

    async def whole(
        self, namespace: str, *, sample: int | None = None
    ) -> tuple[Position, InForce, Memories]:
        """All memories of a namespace, in any status, or the `sample` smallest ids of them."""
        ...

    async def recent(self, namespace: str, count: int) -> tuple[Position, InForce, Memories]:
        """The memories that were accessed last, the latest first."""
        ...

    async def entry(self, namespace: str, memory_id: UUID) -> tuple[Position, Entry | None]:
        """One memory whole, in any status; None if the namespace has not got it."""
        ...

    async def derivatives(
        self, namespace: str, memory_id: UUID, *, until_ms: int | None
    ) -> list[str]:
        """Memories that were made of one, by a moment if one is given, and are not deleted."""
        ...

    async def documents(self, namespace: str, keys: Sequence[DocumentKey]) -> list[Document | None]:
        """Documents; None where there is none."""
        ...

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        """Attributes of documents; None where there is no such document."""
        ...

    async def counts(self, namespace: str, now_ms: int) -> tuple[Position, dict[Status, int]]:
        """Memories by status; what has expired by now counts as decayed."""
        ...

    async def runs(self, namespace: str, newest: int) -> tuple[Position, list[tuple[UUID, Run]]]:
        """Runs of maintenance, the newest first."""
        ...

    async def run(self, namespace: str, run_id: UUID) -> tuple[Position, Run | None]:
        """One run; None if the namespace has not got it."""
        ...


@dataclass(frozen=True)
class BuildState:
    """The read side of one partition.

    `target`: after a loss, the events until queries are answered again. `beside`: version of the
    build beside the live one, and its events; None if there is none. `rebuilding`: somebody is at
    the read side.
    """

    partition: int
    version: int
    folded: int
    target: int
    beside: tuple[int, int] | None
    rebuilding: bool


class InstallationReader(Protocol):
    """Reads of all namespaces, and of what holds in one."""

    async def parameters(self, namespace: str) -> tuple[Position, InForce]:
        """The parameters that hold in a namespace."""
        ...

    async def namespaces(self) -> list[str]:
        """All namespaces there are."""
        ...

    async def counts(self, names: Sequence[str], now_ms: int) -> dict[str, dict[Status, int]]:
        """Memories by status, by namespace; what has expired counts as decayed."""
        ...

    async def builds(self) -> list[BuildState]:
        """The builds of all partitions, also while they are behind."""
        ...


class GraphMoved(Unavailable):
    """Changes of the graph are gone: it has to be read from its beginning."""


@dataclass(frozen=True)
class Changes:
    """Concepts and relations by the offset of the last event on each, the earliest first.

    As of `cursor` of the build `version`, where the graph has `total` of both and the newest event
    of the partition is `mark`. `known`: whether it still has the event it was asked about. `more`:
    there are later changes, from the offset behind the last one on.
    """

    version: int
    cursor: int
    concepts: list[str]
    relations: list[Relation]
    total: int
    mark: Mark | None
    known: bool
    more: int | None


class GraphReader(Protocol):
    """Reads of the graph: one concept, or what has changed in a namespace."""

    def position(self, namespace: str, cursor: int) -> Position:
        """The position of an answer as of a cursor."""
        ...

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        """The names of the concepts that are meant by some, each as it was said if unknown."""
        ...

    async def concept(
        self, namespace: str, name: str
    ) -> tuple[int, Concept | None, dict[tuple[str, str, str], float]]:
        """The cursor, one concept, and weights of its relations by direction, type, other end."""
        ...

    async def changes(self, namespace: str, since: int, mark: Mark | None, *, most: int) -> Changes:
        """Changes from an offset on, at most so many."""
        ...

    async def values(
        self, namespace: str, changes: Changes
    ) -> tuple[dict[str, Concept], dict[Relation, float]]:
        """Concepts and weights as they are now.

        Raises:
            GraphMoved: the read side fell back, another build is live, or some were removed.
        """
        ...


class GraphSnapshots(Protocol):
    """Copies of graphs that outlive the process; any may be gone at any time."""

    def load(self, namespace: str) -> CachedGraph:
        """The graph as it was saved; an empty one where there is no good snapshot."""
        ...

    def save(self, namespace: str, graph: CachedGraph) -> None:
        """Replace the snapshot: either the old one is there or the new one, whole."""
        ...

    def drop(self, namespace: str) -> None:
        """Delete the snapshot: it says what is there no longer."""
        ...
