"""A run that cannot be done: known as failed, why, and free to be tried again."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from schemas.errors import DeadlineExceeded, MemoryServiceError, NotFound, Rejected, Unavailable
from schemas.events import MaintenanceCompleted, MaintenanceProgressed
from schemas.ids import derive
from schemas.jobs import parameters_of
from services.maintenance.events import RunContext, failed_event, progressed_event
from services.maintenance.jobs.undo import UndoJob
from services.maintenance.ports import Page
from services.maintenance.runner import Runner
from services.projection.fold.fold import fold_log
from services.readside.collections import RUNS
from services.readside.runs import Run, pack_run, unpack_run
from services.retrieval.queries.runs import summary_of
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import FoldedLog, World
from tests.unit.services.maintenance.living import episodes, store, world

PRUNE = parameters_of("strategic_prune", {"goals": ["kites"]})


class BrokenSide(FoldedReadSide):
    """A read side whose second page nobody can decode."""

    async def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        async for page in super().pages(namespace, newest=newest):
            yield page
            raise ZeroDivisionError("no such luck")


class SilentSide(FoldedReadSide):
    """A read side that does not answer."""

    async def pages(self, namespace: str, *, newest: int | None = None) -> AsyncIterator[Page]:
        raise Unavailable("Redis does not answer")
        yield


def context(own: World, *, job: str = "strategic_prune", commanded_ms: int = 0) -> RunContext:
    return RunContext(
        run_id=derive("run", job),
        namespace=own.namespace,
        job=job,
        now_ms=own.now_ms,
        commanded_ms=commanded_ms or own.now_ms,
    )


async def execute(own: World, side: FoldedReadSide, run: RunContext) -> None:
    runner = Runner(side=side, log=FoldedLog(own), embedder=own.embedder)
    await runner.execute(runner.work_of(run), PRUNE)


def run_of(own: World, run_id: UUID) -> Run:
    return own.view.namespace(own.namespace)[RUNS][run_id]


async def test_run_that_meets_a_bug_is_failed_with_its_error_and_a_replay_knows() -> None:
    own = world()
    await episodes(own)
    run = context(own)

    with pytest.raises(MemoryServiceError, match="ZeroDivisionError"):
        await execute(own, BrokenSide(own), run)

    replayed = fold_log(enumerate(own.events)).namespace(own.namespace)[RUNS][run.run_id]
    for known in (run_of(own, run.run_id), replayed, unpack_run(pack_run(replayed))):
        summary = summary_of(run.run_id, known)
        assert summary.status == "failed"
        assert summary.error is not None
        assert summary.error.code == "internal"
        assert "ZeroDivisionError" in summary.error.message
    assert own.events[-1].type == "maintenance.completed.v1"


async def test_same_command_delivered_again_is_refused_again_and_appends_no_second_end() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    with pytest.raises(MemoryServiceError):
        await execute(own, BrokenSide(own), run)

    with pytest.raises(MemoryServiceError, match="ZeroDivisionError"):
        await execute(own, FoldedReadSide(own), run)

    assert sum(isinstance(event, MaintenanceCompleted) for event in own.events) == 1


async def test_another_command_brings_a_failed_run_to_its_end() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    with pytest.raises(MemoryServiceError):
        await execute(own, BrokenSide(own), run)
    again = replace(run, commanded_ms=run.commanded_ms + 1)

    await execute(own, FoldedReadSide(own), again)

    summary = summary_of(run.run_id, run_of(own, run.run_id))
    assert (summary.status, summary.error) == ("completed", None)
    assert summary.report["memories_affected"] == 6  # each once, whichever attempt lowered it


async def test_run_whose_read_side_is_away_has_not_failed() -> None:
    own = world()
    await episodes(own)
    run = context(own)

    with pytest.raises(Unavailable):
        await execute(own, SilentSide(own), run)

    assert summary_of(run.run_id, run_of(own, run.run_id)).status == "running"
    await execute(own, FoldedReadSide(own), run)
    assert summary_of(run.run_id, run_of(own, run.run_id)).status == "completed"


async def test_failed_run_can_be_undone_and_says_afterwards_why_it_failed() -> None:
    own = world()
    await store(own, "Something else.")
    with pytest.raises(NotFound):
        await own.run("interference", memory_id=str(derive("nobody")))
    (failed,) = own.view.namespace(own.namespace)[RUNS]
    undo = context(own, job="undo")

    await own.execute(undo, UndoJob(run_id=failed))

    summary = summary_of(failed, run_of(own, failed))
    assert summary.status == "undone"
    assert summary.error is not None
    assert "not in namespace" in summary.error.message


async def test_undo_that_came_too_early_may_be_asked_for_again() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    event = progressed_event(run, "begin")
    assert isinstance(event, MaintenanceProgressed)
    own.take(event)
    undo = context(own, job="undo", commanded_ms=own.now_ms + 1)
    with pytest.raises(Rejected, match="still at work"):
        await own.execute(undo, UndoJob(run_id=run.run_id))
    await execute(own, FoldedReadSide(own), run)

    later = replace(undo, commanded_ms=own.now_ms + 2)
    await own.execute(later, UndoJob(run_id=run.run_id))

    assert summary_of(run.run_id, run_of(own, run.run_id)).status == "undone"
    assert summary_of(undo.run_id, run_of(own, undo.run_id)).status == "completed"


async def test_failed_run_that_was_undone_stays_undone_whoever_asks_for_it_again() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    with pytest.raises(MemoryServiceError):
        await execute(own, BrokenSide(own), run)
    await own.execute(context(own, job="undo"), UndoJob(run_id=run.run_id))
    before = len(own.events)

    await execute(own, FoldedReadSide(own), replace(run, commanded_ms=run.commanded_ms + 1))

    assert len(own.events) == before
    assert summary_of(run.run_id, run_of(own, run.run_id)).status == "undone"


async def test_failure_said_late_by_another_instance_leaves_a_completed_run_completed() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    await execute(own, FoldedReadSide(own), run)
    report = dict(run_of(own, run.run_id).report)

    late = failed_event(run, DeadlineExceeded("too late"))
    assert isinstance(late, MaintenanceCompleted)
    own.take(late)

    summary = summary_of(run.run_id, run_of(own, run.run_id))
    assert (summary.status, summary.error, summary.report) == ("completed", None, report)


async def test_failed_run_that_is_tried_again_is_running_and_cannot_be_undone_meanwhile() -> None:
    own = world()
    await episodes(own)
    run = context(own)
    with pytest.raises(MemoryServiceError):
        await execute(own, BrokenSide(own), run)
    again = replace(run, commanded_ms=run.commanded_ms + 1)

    with pytest.raises(Unavailable):
        await execute(own, SilentSide(own), again)

    assert summary_of(run.run_id, run_of(own, run.run_id)).status == "running"
    with pytest.raises(Rejected, match="still at work"):
        await own.execute(context(own, job="undo"), UndoJob(run_id=run.run_id))
