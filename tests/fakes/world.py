"""A namespace whose log, read side and clock are in this process, so that a year takes minutes.

Everything that decides is the services' own code: ingest's events, the fold, the jobs. Only Kafka
and Redis are not there: the log is a list, the read side is the fold itself.
"""

from typing import Any
from uuid import UUID

from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.inbox import InboxMessage, Store
from schemas.jobs import parameters_of
from schemas.maintenance import Job
from schemas.replies import RunResult
from services.common.embedding.embedder import Embedder
from services.ingest.domain import (
    Received,
    WorkedOut,
    cause_of,
    embedding_of,
    event_of,
    indexed_text,
)
from services.maintenance.events import RunContext, is_effect
from services.maintenance.phrasing import Wording
from services.maintenance.runner import Runner
from services.readside.runs import Run
from tests.fakes.folded_side import PARTITION
from tests.fakes.maintenance_side import DueSide, FoldedReadSide


class World(DueSide):
    """One namespace. `now_ms` is the time; whoever moves it makes time pass."""

    def __init__(self, embedder: Embedder, now_ms: int, *, namespace: str = "year") -> None:
        super().__init__()
        self.embedder = embedder
        self.now_ms = now_ms
        self.namespace = namespace
        self.wording: Wording | None = None

    async def tell(self, command: InboxMessage) -> tuple[UUID, str]:
        """Do as ingest does with a command; returns its event's cause and position."""
        received = Received("inbox", PARTITION, len(self.events), self.now_ms)
        time_ms = command.occurred_at if command.occurred_at is not None else self.now_ms
        worked_out = None
        if isinstance(command, Store):
            vectors = await self.embedder.embed([indexed_text(command, time_ms)])
            worked_out = WorkedOut(
                embedding_of(vectors[0], self.embedder.model, self.embedder.digest)
            )
        self.take(event_of(command, received, time_ms, worked_out))
        assert self.position is not None
        return cause_of(command, received), self.position

    async def run(self, job: Job, **parameters: Any) -> RunResult:
        """Run a job now."""
        context = RunContext(
            run_id=derive("run", job, self.namespace, self.now_ms, len(self.events)),
            namespace=self.namespace,
            job=job,
            now_ms=self.now_ms,
            commanded_ms=self.now_ms,
        )
        return await self.execute(context, parameters_of(job, parameters))

    async def execute(self, context: RunContext, parameters: Any) -> RunResult:
        """Do a run, or do it again."""
        runner = Runner(
            side=FoldedReadSide(self),
            log=FoldedLog(self),
            embedder=self.embedder,
            wording=lambda: self.wording,
            clock=lambda: 0.0,
        )
        result, _ = await runner.execute(runner.work_of(context), parameters)
        return result


class FoldedLog:
    """`Log` of maintenance on a list that is folded at once."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        begin = len(self._world.events)
        self._world.take(*events)
        return [f"{PARTITION}:{offset}" for offset in range(begin, begin + len(events))]

    async def folded(self, position: str) -> None:
        return  # what is appended is folded

    async def ask(self, command: InboxMessage) -> tuple[dict[str, Any], str | None]:
        subject, position = await self._world.tell(command)
        return {"memory_id": str(subject)}, position

    async def effects_of(self, namespace: str, run_id: UUID, run: Run) -> list[MemoryEvent]:
        events = self._world.events[: run.completed_offset or 0]
        return [event for event in events if is_effect(event, run_id)]
