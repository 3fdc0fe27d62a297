"""A run at work: what a job is given, and how its effects get into the log."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from schemas.events import MemoryEvent
from schemas.ids import cause_of_key
from services.common.embedding.embedder import Embedder
from services.maintenance.events import RunContext, progressed_event
from services.maintenance.phrasing import Wording
from services.maintenance.ports import Log, ReadSide
from services.readside.columns import status_name
from services.readside.runs import RUN_METADATA

APPEND_AT_ONCE = 500


class RunCancelled(Exception):
    """Somebody asked the run to stop; what it did so far stays, and can be undone."""


@dataclass(frozen=True)
class Outcome:
    """A job's report. `nats`: of the downscaling it has done, if any."""

    report: dict[str, Any]
    nats: float | None = None


@dataclass(frozen=True)
class Stored:
    """A memory that there is. `content`: what it says, if this run has made it and it is there."""

    memory_id: str
    content: str | None = None


@dataclass(kw_only=True)
class Work:
    """One run. `cancel`: set when somebody wants it to stop."""

    run: RunContext
    side: ReadSide
    log: Log
    embedder: Embedder
    wording: Wording | None = None
    cancel: asyncio.Event = field(default_factory=asyncio.Event)
    position: str | None = None

    async def emit(self, events: list[MemoryEvent]) -> None:
        """Append effects; returns when they are safe.

        Raises:
            RunCancelled: at a safe point, between two appends.
        """
        for start in range(0, len(events), APPEND_AT_ONCE):
            self.check()
            positions = await self.log.append(events[start : start + APPEND_AT_ONCE])
            self.position = positions[-1]

    async def progress(self, phase: str, *, done: int = 0, total: int = 0, step: int = 0) -> None:
        """Say how far it is: an event of its own."""
        event = progressed_event(self.run, phase, done=done, total=total, step=step)
        self.position = (await self.log.append([event]))[-1]

    async def folded(self) -> None:
        """Return once reads show all effects so far."""
        if self.position is not None:
            await self.log.folded(self.position)

    async def effects(self, event_type: str) -> int:
        """The number of effects of a type that are folded, with those of earlier attempts."""
        await self.folded()
        known = await self.side.run(self.run.namespace, self.run.run_id)
        return known.effects[event_type] if known is not None else 0

    async def stored(self, idempotency_key: str) -> Stored | None:
        """The memory stored under a key, if there is one."""
        namespace = self.run.namespace
        name = str(cause_of_key(namespace, idempotency_key))
        page = await self.side.page(namespace, [name])
        if page.missing:
            return None
        status = status_name(int(page.memories.states["status"][0]))
        if status == "deleted":
            return Stored(name)
        (document,) = await self.side.documents(namespace, [name], [status])
        if document is None or document.metadata.get(RUN_METADATA) != str(self.run.run_id):
            return Stored(name)
        return Stored(name, document.content)

    def check(self) -> None:
        """Raise RunCancelled if somebody wants the run to stop."""
        if self.cancel.is_set():
            raise RunCancelled
