"""Filters of a search: one rule for the index and for what did not come from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Filters:
    """Conditions on a memory. Times are when it was created, in milliseconds."""

    types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_from_ms: int | None = None
    created_before_ms: int | None = None

    def until(self, moment_ms: int | None) -> "Filters":
        """The same for what was created by then."""
        if moment_ms is None:
            return self
        before = [at for at in (self.created_before_ms, moment_ms + 1) if at is not None]
        return replace(self, created_before_ms=min(before))

    def admits(self, memory_type: str, tags: Sequence[str], created_ms: int) -> bool:
        """True if a memory passes; the index is told the same rule in its own language."""
        if self.types and memory_type not in self.types:
            return False
        if self.tags and not set(self.tags) <= set(tags):
            return False
        if self.created_from_ms is not None and created_ms < self.created_from_ms:
            return False
        return self.created_before_ms is None or created_ms < self.created_before_ms


NO_FILTERS = Filters()
