"""The fold's view: the part of the read side that some events touch, and its changes."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from schemas.parameters import Parameters
from services.readside.concepts import Concept
from services.readside.layout import Parts, State, Status
from services.readside.parameters import InForce
from services.readside.runs import Run

Ref = tuple[str, UUID]
ByNamespace = defaultdict[str, set[bytes]]
# Where a memory lies in its session: when, offset of its event, id.
Place = tuple[int, int, UUID]


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


@dataclass(slots=True)
class Namespace:
    """Facts about a namespace as a whole, as far as they are known here.

    `statuses` counts memories, `length` the terms of those that are not deleted. Of those
    `document_frequencies` counts the ones with a term, `links` the ones linked to a concept.
    `sessions` lists places by time. `relations` and `graph`, the offsets of the last events on
    concepts and relations, are known only where they are being folded. `made`: which of those
    runs of maintenance have added, and nobody else since; those runs, but for the undone.
    """

    statuses: Counter[Status] = field(default_factory=Counter)
    length: int = 0
    document_frequencies: dict[bytes, int] = field(default_factory=dict)
    links: dict[bytes, int] = field(default_factory=dict)
    sessions: dict[str, list[Place]] = field(default_factory=dict)
    parameters: Parameters = field(default_factory=InForce)
    runs: dict[UUID, Run] = field(default_factory=dict)
    concepts: dict[str, Concept] = field(default_factory=dict)
    relations: dict[tuple[str, bytes], float] = field(default_factory=dict)
    graph: dict[bytes, int] = field(default_factory=dict)
    made: dict[bytes, frozenset[UUID]] = field(default_factory=dict)
    # Offset of the last event on a concept: who keeps their names knows when they changed.
    vocabulary: int | None = None


@dataclass(slots=True)
class Touched:
    """The namespace's changes by a batch: what has to be written."""

    memories: set[UUID] = field(default_factory=set)
    terms: set[bytes] = field(default_factory=set)
    links: set[bytes] = field(default_factory=set)
    concepts: set[str] = field(default_factory=set)
    relations: set[tuple[str, bytes]] = field(default_factory=set)
    graph: set[bytes] = field(default_factory=set)
    made: set[bytes] = field(default_factory=set)
    places: list[tuple[str, Place]] = field(default_factory=list)
    parameters: bool = False
    runs: set[UUID] = field(default_factory=set)
    # Memories that may fade earlier than was known.
    due: set[UUID] = field(default_factory=set)


@dataclass(slots=True)
class View:
    """The part of the read side that some events touch, and what changed in it.

    `seen` maps ids of events to the offset where they were first folded, `seen_now` those of
    this batch.
    """

    memories: dict[Ref, Memory] = field(default_factory=dict)
    namespaces: dict[str, Namespace] = field(default_factory=dict)
    touched: dict[str, Touched] = field(default_factory=dict)
    seen: dict[bytes, int] = field(default_factory=dict)
    seen_now: dict[bytes, int] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)

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


@dataclass(slots=True)
class Needs:
    """The reads that the fold of some events needs.

    `places`: sessions and the times at which something is put into them. `counted`: memories
    whose terms and links may be counted in or out. `documents`: those whose text may change.
    `made`: elements of the graph that may be a run's. `relations`: fields of a concept; `related`:
    concepts with all their relations.
    """

    memories: dict[Ref, None] = field(default_factory=dict)
    counted: set[Ref] = field(default_factory=set)
    documents: set[Ref] = field(default_factory=set)
    events: list[bytes] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    places: set[tuple[str, str, int]] = field(default_factory=set)
    terms: ByNamespace = field(default_factory=partial(defaultdict, set))
    links: ByNamespace = field(default_factory=partial(defaultdict, set))
    concepts: set[tuple[str, str]] = field(default_factory=set)
    runs: set[tuple[str, UUID]] = field(default_factory=set)
    made: set[tuple[str, bytes]] = field(default_factory=set)
    relations: set[tuple[str, str, bytes]] = field(default_factory=set)
    related: set[tuple[str, str]] = field(default_factory=set)
