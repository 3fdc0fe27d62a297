"""Ports of the jobs."""

from collections.abc import AsyncIterator
from typing import Any, Protocol
from uuid import UUID

import numpy as np

from schemas.events import MemoryEvent
from schemas.inbox import InboxCommand
from services.maintenance.adapters.redis_side import Page as Page
from services.maintenance.adapters.redis_side import Upkeep as Upkeep
from services.readside.layout import Status
from services.readside.parameters import InForce
from services.readside.runs import Run


class ReadSide(Protocol):
    """The read side of all namespaces. Every method raises Unavailable while it does not answer."""

    async def upkeep(self, namespace: str) -> Upkeep:
        """A namespace's parameters and counts."""
        ...

    async def due(self, namespace: str, until_ms: int, *, limit: int = 500) -> list[str]:
        """Memories that may have faded by then."""
        ...

    async def page(self, namespace: str, ids: list[str]) -> Page:
        """Memories as they are."""
        ...

    def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        """All memories of a namespace, or those that changed last."""
        ...

    async def concepts(self, namespace: str, names: list[str]) -> dict[str, bool]:
        """The concepts, of these, that exist; True where only runs have added it."""
        ...

    async def settle(self, namespace: str, page: Page, next_ms: np.ndarray) -> None:
        """Note when to look again at memories."""
        ...

    async def look_at_all(self, namespace: str, parameters: InForce) -> None:
        """Make all memories due."""
        ...

    async def run(self, namespace: str, run_id: UUID) -> Run | None:
        """The fold's record of a run."""
        ...

    async def documents(
        self, namespace: str, ids: list[str], statuses: list[Status]
    ) -> list[dict[str, Any]]:
        """The texts of memories, and where they come from."""
        ...


class Log(Protocol):
    """The log, and the way into it that producers take."""

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        """Append; the position of each, once all are acknowledged."""
        ...

    async def folded(self, position: str) -> None:
        """Return once reads show what is at `position`."""
        ...

    async def ask(self, command: InboxCommand) -> tuple[dict[str, Any], str | None]:
        """Send a command through the inbox; its result and position."""
        ...

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        """The events that a run has led to."""
        ...
