"""The read side of one partition in memory: what the fold has made of a log."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import TypeVar
from uuid import UUID

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from services.projection.fold.fold import fold
from services.projection.fold.view import Memory, View
from services.readside.collections import COUNTS
from services.readside.documents import (
    ATTRIBUTES,
    DOCUMENT,
    Attributes,
    Document,
    DocumentKey,
    Fields,
)
from services.readside.layout import STATUSES, Status, pack_record

T = TypeVar("T")
PARTITION = 0


class FoldedSide:
    """A read side that readers read and a test writes.

    `live`: version of the live build, `known_live` as a read has last found it. `beside`:
    version and events of the build that is made beside it, if one is. `target`: after a loss, the
    events until queries are answered. `away`: so many reads fail. `reads`: how many there were.
    `after_reads`: what is folded after so many of them.
    """

    def __init__(self, *events: MemoryEvent, turns: Iterator[int] | None = None) -> None:
        """`turns`: how often others go on before a read sees the fold, and before its reply."""
        self.events: list[MemoryEvent] = []
        self.view = View()
        self.live = self.known_live = 1
        self.beside: tuple[int, int] | None = None
        self.target = 0
        self.away = 0
        self.reads = 0
        self.after_reads: dict[int, list[MemoryEvent]] = {}
        self._turns = turns or repeat(1)
        self.take(*events)

    @property
    def cursor(self) -> int:
        """The next offset to fold."""
        return len(self.events)

    @property
    def position(self) -> str | None:
        """The event that was folded last."""
        return f"{PARTITION}:{self.cursor - 1}" if self.events else None

    def take(self, *events: MemoryEvent) -> None:
        """Fold more events."""
        for event in events:
            fold(self.view, event, self.cursor)
            self.events.append(event)

    def begin_anew(self, events: Sequence[MemoryEvent]) -> None:
        """Fold another log, or less of the same."""
        self.events, self.view = [], View()
        self.take(*events)

    async def others(self) -> None:
        """Let others go on for a while."""
        for _ in range(next(self._turns)):
            await asyncio.sleep(0)

    async def read(self, answer: Callable[[], T]) -> T:
        """An answer as of one moment of this read."""
        await self.others()
        self.reads += 1
        if self.away:
            self.away -= 1
            raise Unavailable("the read side is away")
        self.known_live = self.live
        reply = answer()
        self.take(*self.after_reads.pop(self.reads, []))
        await self.others()
        return reply

    def memories(self, namespace: str) -> dict[str, Memory]:
        """All memories of a namespace by id."""
        return {str(ref[1]): m for ref, m in self.view.memories.items() if ref[0] == namespace}

    def record(self, namespace: str, name: str) -> bytes | None:
        """A memory's record; None where there is none."""
        memory = self.view.memories.get((namespace, UUID(name)))
        return pack_record(memory.state, memory.parts) if memory is not None else None

    def documents(
        self, namespace: str, keys: Sequence[DocumentKey], fields: Sequence[str] = DOCUMENT
    ) -> list[Document | None]:
        """Documents by the status that they lie under."""
        rows = self._fields(namespace, keys, fields)
        return [Document.of(fields) if fields[0] is not None else None for fields in rows]

    def attributes(self, namespace: str, keys: Sequence[DocumentKey]) -> list[Attributes | None]:
        """Their attributes."""
        rows = self._fields(namespace, keys, ATTRIBUTES)
        return [Attributes.of(fields) if fields[2] is not None else None for fields in rows]

    def _fields(
        self, namespace: str, keys: Sequence[DocumentKey], fields: Sequence[str]
    ) -> list[Fields]:
        found: list[Fields] = []
        for name, status in keys:
            memory = self.view.memories.get((namespace, UUID(name)))
            is_there = memory is not None and memory.state.status == status
            document = (memory.document or {}) if memory is not None and is_there else {}
            found.append([document.get(field) for field in fields])
        return found


def counts_of(view: View, namespace: str, now_ms: int) -> dict[Status, int]:
    """Memories by status, where each that is active and has expired is counted as decayed."""
    counts = {each: view.namespace(namespace)[COUNTS].get(each, 0) for each in STATUSES}
    for (name, _), memory in view.memories.items():
        state = memory.state
        if name == namespace and state.status == "active" and 0 < state.expires_ms <= now_ms:
            counts["active"] -= 1
            counts["decayed"] += 1
    return counts
