"""Ports of ingest."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from schemas.events import Commanded, MemoryAccessed, MemoryEvent, MemoryStored
from services.ingest.vocabulary import Vocabulary
from services.readside.documents import Document

# A namespace, and a memory's id in it.
Ref = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class Appended:
    """The place of an event, and the hash of the command that it was made of, if it has one.

    `accessed`: the memory that it strengthens, the first if there are several.
    """

    position: str
    body_hash: str | None = None
    accessed: UUID | None = None


def appended_of(event: MemoryEvent, position: str) -> Appended:
    """The facts to keep of an event that lies there."""
    match event:
        case MemoryStored():
            return Appended(position, event.data.body_hash)
        case MemoryAccessed():
            return Appended(position, event.bodyhash, event.data.accesses[0].memory_id)
        case Commanded():
            return Appended(position, event.bodyhash)
        case _:
            return Appended(position)


class EventLog(Protocol):
    """The log that ingest appends to."""

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        """Append; the position of each, once all are acknowledged.

        Raises:
            Unavailable: not all are in the log. Which ones is unknown.
        """
        ...

    async def appended_since(self, time_ms: int) -> dict[UUID, Appended]:
        """By id, where the first ones lie of the events ingest has appended since a broker time.

        Also of those of the minutes before, as far as they are not too many.
        """
        ...


class Memories(Protocol):
    """The memories that are there."""

    async def of(self, refs: Iterable[Ref]) -> dict[Ref, Document]:
        """Memories as reads show them; what is unknown, or can't be read now, is left out."""
        ...

    async def near(self, namespace: str, vector: bytes) -> dict[UUID, Document]:
        """Active memories whose vectors are nearest; none if they can't be read now."""
        ...


class Vocabularies(Protocol):
    """Names of the concepts of namespaces."""

    async def of(self, namespaces: Iterable[str]) -> dict[str, Vocabulary]:
        """The vocabulary of each namespace; what is not known is empty."""
        ...

    def learn(self, namespace: str, name: str, aliases: tuple[str, ...], offset: int) -> None:
        """A concept that is in the log at `offset`."""
        ...
