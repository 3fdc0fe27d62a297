"""Runs of maintenance and working memory: what was done to a namespace, what it is busy with."""

from uuid import UUID

import orjson

from schemas.errors import NotFound
from schemas.queries import (
    InFocus,
    RunQuery,
    Runs,
    RunsResult,
    RunStatus,
    RunSummary,
    WorkingMemoryQuery,
    WorkingMemoryResult,
)
from schemas.replies import ErrorReply, Reply
from services.readside.columns import Memories
from services.readside.layout import Layout
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import unpack_parameters
from services.readside.runs import Run, unpack_run
from services.retrieval.adapters.redis_reader import RedisReader
from services.retrieval.working_memory import CHOSEN_FROM, focus_of

# Of one job among many others: so many of all runs are looked through.
LOOKED_THROUGH_MAX = 1_000


class UpkeepQueries:
    """Answers `runs`, `run` and `working_memory`."""

    def __init__(self, build: LiveBuild, reader: RedisReader) -> None:
        self._build = build
        self._reader = reader

    async def runs(self, query: Runs) -> Reply:
        """Runs, newest first."""
        namespace, partition = query.namespace, self._build.partition(query.namespace)
        last = (query.limit if query.job is None else LOOKED_THROUGH_MAX) - 1
        cursor, (ids,) = await self._build.read(
            partition,
            lambda layout: [["ZREVRANGE", layout.runs_by_offset(namespace), 0, last]],
        )
        packed: list[bytes | None] = []
        if ids:
            cursor, (packed,) = await self._build.read(
                partition, lambda layout: [["HMGET", layout.runs(namespace), *ids]]
            )
        found = [
            summary_of(UUID(id_.decode()), unpack_run(each))
            for id_, each in zip(ids, packed, strict=True)
            if each is not None
        ]
        some = [run for run in found if query.job in (None, run.job)][: query.limit]
        result = RunsResult(runs=some, count=len(some))
        return Reply(result=result.model_dump(mode="json"), position=position_of(partition, cursor))

    async def run(self, query: RunQuery) -> Reply:
        """One run.

        Raises:
            NotFound: the namespace has no such run.
        """
        partition = self._build.partition(query.namespace)
        cursor, (packed,) = await self._build.read(
            partition,
            lambda layout: [["HGET", layout.runs(query.namespace), query.run_id.hex]],
        )
        if packed is None:
            raise NotFound(f"run {query.run_id}: not in namespace {query.namespace}")
        summary = summary_of(query.run_id, unpack_run(packed))
        return Reply(
            result=summary.model_dump(mode="json"), position=position_of(partition, cursor)
        )

    async def working_memory(self, query: WorkingMemoryQuery, now_ms: int) -> Reply:
        """What is in focus, the strongest first; reading it changes nothing."""
        namespace, partition = query.namespace, self._build.partition(query.namespace)

        def queue(layout: Layout) -> Commands:
            recent = layout.recent(namespace)
            return [
                ["ZREVRANGE", recent, 0, CHOSEN_FROM - 1],
                ["GET", layout.parameters(namespace)],
            ]

        cursor, (members, packed) = await self._build.read(partition, queue)
        parameters = unpack_parameters(packed)
        ids = [member.decode() for member in members]
        _, records = await self._build.records(namespace, ids, cursor)
        held = [(id_, each) for id_, each in zip(ids, records, strict=True) if each is not None]
        memories = Memories.of([id_ for id_, _ in held], [each for _, each in held])
        focus = focus_of(memories, now_ms, parameters)
        documents = await self._reader.documents(
            namespace,
            [memories.ids[i] for i in focus],
            ["active"] * len(focus),
            ["content", "type", "more"],
        )
        result = WorkingMemoryResult(
            memories=[
                InFocus(
                    memory_id=UUID(memories.ids[i]),
                    content=content.decode(),
                    memory_type=(memory_type or b"unknown").decode(),
                    activation=activation,
                    last_accessed=int(memories.states["last_accessed_ms"][i]),
                    concepts=orjson.loads(more or b"{}").get("concepts", []),
                )
                for (i, activation), (content, memory_type, more) in zip(
                    focus.items(), documents, strict=True
                )
                if content is not None
            ],
            capacity=parameters.focus_capacity,
            window_seconds=parameters.focus_seconds,
        )
        return Reply(result=result.model_dump(mode="json"), position=position_of(partition, cursor))


def summary_of(run_id: UUID, run: Run) -> RunSummary:
    """A run as it is shown."""
    return RunSummary(
        run_id=run_id,
        job=run.job,
        status=_status(run),
        began_at=run.began_ms,
        completed_at=run.completed_ms,
        undone_at=run.undone_ms,
        phase=run.phase or None,
        done=run.done,
        total=run.total,
        effects=dict(run.effects),
        report=run.report,
        error=ErrorReply(**run.error) if run.error is not None else None,
        downscaling_nats=run.nats,
        seconds=run.seconds,
    )


def _status(run: Run) -> RunStatus:
    if run.undone_ms is not None:
        return "undone"
    if run.completed_ms is None:
        return "running"
    if run.error is not None:
        return "failed"
    return "cancelled" if run.cancelled else "completed"
