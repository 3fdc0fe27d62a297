"""Queries about the runs of maintenance: what was done to a namespace."""

from uuid import UUID

from schemas.errors import NotFound
from schemas.queries import RunQuery, Runs, RunsResult, RunStatus, RunSummary
from schemas.replies import ErrorReply, Reply
from services.readside.runs import Run
from services.retrieval.ports import MemoryReader

# To find the runs of one job, at most this many runs of all jobs are read.
LOOKED_THROUGH_MAX = 1_000


class RunQueries:
    """Answers `runs` and `run`."""

    def __init__(self, reader: MemoryReader) -> None:
        self._reader = reader

    async def runs(self, query: Runs) -> Reply:
        """Runs, newest first."""
        newest = query.limit if query.job is None else LOOKED_THROUGH_MAX
        position, found = await self._reader.runs(query.namespace, newest)
        summaries = [summary_of(run_id, run) for run_id, run in found]
        some = [run for run in summaries if query.job in (None, run.job)][: query.limit]
        result = RunsResult(runs=some, count=len(some))
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def run(self, query: RunQuery) -> Reply:
        """One run.

        Raises:
            NotFound: the namespace has no such run.
        """
        position, run = await self._reader.run(query.namespace, query.run_id)
        if run is None:
            raise NotFound(f"run {query.run_id}: not in namespace {query.namespace}")
        summary = summary_of(query.run_id, run)
        return Reply(result=summary.model_dump(mode="json"), position=position)


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
