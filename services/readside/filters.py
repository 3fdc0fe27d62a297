"""Filters: conditions on memories, for searches and lists."""

from dataclasses import dataclass, replace
from typing import Any

import orjson

from schemas.filters import matches
from schemas.queries import Search
from schemas.selection import Select
from services.readside.documents import Attributes


@dataclass(frozen=True)
class Filters:
    """Conditions on a memory. Times are when it was created, in milliseconds."""

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_from_ms: int | None = None
    created_before_ms: int | None = None
    metadata: dict[str, Any] | None = None
    session: str | None = None
    speaker: str | None = None

    @property
    def unindexed(self) -> bool:
        """True where the index does not know of all conditions."""
        return not (self.metadata is None and self.session is None and self.speaker is None)

    def until(self, moment_ms: int | None) -> "Filters":
        """The same for what was created by then."""
        if moment_ms is None:
            return self
        before = [at for at in (self.created_before_ms, moment_ms + 1) if at is not None]
        return replace(self, created_before_ms=min(before))

    def admits(self, memory: Attributes) -> bool:
        """True if a memory passes; the index is told the same rule in its own language."""
        if self.types and memory.memory_type not in self.types:
            return False
        if self.tags and not set(self.tags) <= set(memory.tags):
            return False
        if self.created_from_ms is not None and memory.created_ms < self.created_from_ms:
            return False
        if self.created_before_ms is not None and memory.created_ms >= self.created_before_ms:
            return False
        return not self.unindexed or self._admits_rest(orjson.loads(memory.more))

    def _admits_rest(self, more: dict[str, Any]) -> bool:
        if self.session is not None and more.get("session") != self.session:
            return False
        if self.speaker is not None and more.get("speaker") != self.speaker:
            return False
        return self.metadata is None or matches(self.metadata, more.get("metadata", {}))


NO_FILTERS = Filters()


def filters_of(query: Search | Select) -> Filters:
    """The filters of a query."""
    return Filters(
        types=tuple(query.types),
        tags=tuple(query.tags),
        created_from_ms=query.created_after,
        created_before_ms=query.created_before,
        metadata=query.filter,
        session=query.session,
        speaker=query.speaker,
    )
