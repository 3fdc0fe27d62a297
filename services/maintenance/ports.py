"""Ports of the jobs and of the clock."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import numpy as np

from schemas.events import MemoryEvent
from schemas.inbox import InboxMessage
from services.readside.columns import Memories
from services.readside.documents import Document
from services.readside.layout import TERM, Status, split_record
from services.readside.parameters import InForce
from services.readside.runs import Run

PAGE = 500


@dataclass(frozen=True)
class Upkeep:
    """Facts about a namespace as a whole. `indexed`: its due index can be trusted."""

    parameters: InForce
    counts: dict[Status, int]
    indexed: bool
    last_accessed_ms: int


@dataclass(frozen=True)
class Page:
    """Some memories. `changed_at`: offset of the last event on each. `vectors` have length 1."""

    memories: Memories
    changed_at: list[int]
    vectors: np.ndarray
    terms: list[np.ndarray]
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, ids: list[str], records: Sequence[tuple[bytes, int] | None]) -> "Page":
        """Memories by their records and the offsets at which they changed; None is missing."""
        rows = [(name, *each) for name, each in zip(ids, records, strict=True) if each is not None]
        parts = [split_record(record) for _, record, _ in rows]
        vectors = np.array([np.frombuffer(part.vector, "<f2") for part in parts], np.float32)
        if rows:
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        return cls(
            memories=Memories.of([name for name, _, _ in rows], [record for _, record, _ in rows]),
            changed_at=[offset for _, _, offset in rows],
            vectors=vectors,
            terms=[np.frombuffer(part.terms, TERM)["term"] for part in parts],
            missing=[name for name, each in zip(ids, records, strict=True) if each is None],
        )


class ReadSide(Protocol):
    """The read side of all namespaces. Every method raises Unavailable while it does not answer."""

    async def namespaces(self, partition: int) -> list[str]:
        """All namespaces of a partition, sorted."""
        ...

    async def upkeep(self, namespace: str) -> Upkeep:
        """A namespace's parameters and counts."""
        ...

    async def due(self, namespace: str, until_ms: int, *, limit: int = PAGE) -> list[str]:
        """Memories that may have faded by then, the earliest first."""
        ...

    async def page(self, namespace: str, ids: list[str]) -> Page:
        """Memories as they are, at one instant."""
        ...

    def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        """All memories of a namespace, or those that changed last, in the order of that."""
        ...

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        """The concepts, of these, that exist; True where only runs have added it."""
        ...

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        """Note when to look again, never earlier, at memories unchanged since they were read."""
        ...

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        """Make all memories due: entries were made with other parameters than these."""
        ...

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        """The fold's record of a run."""
        ...

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[Document | None]:
        """The texts of memories, and all that came with them; None where the status is another."""
        ...


class Log(Protocol):
    """The log, and the way into it that producers take."""

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        """Append; the position of each, once all are acknowledged.

        Raises:
            Unavailable: not all are in the log. Which ones is unknown.
        """
        ...

    async def folded(self, position: str) -> None:
        """Return once reads show what is at `position`."""
        ...

    async def ask(self, command: InboxMessage) -> tuple[dict[str, Any], str | None]:
        """Send a command through the inbox; its result and position.

        Raises:
            Rejected, Unavailable, ...: as the reply says.
        """
        ...

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        """The events that a run has led to, until it was over."""
        ...
