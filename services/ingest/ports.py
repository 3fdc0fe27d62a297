"""What ingest needs of the outside."""

from typing import Protocol
from uuid import UUID

from schemas.events import MemoryEvent


class EventLog(Protocol):
    """The log that ingest appends to."""

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        """Append; the position of each, once all are acknowledged.

        Raises:
            Unavailable: not all are in the log. Which ones is unknown.
        """
        ...

    async def appended_since(self, time_ms: int) -> dict[UUID, str]:
        """Ids and positions of the events ingest has appended since a broker time.

        Also of those of the minutes before, as far as they are not too many.
        """
        ...
