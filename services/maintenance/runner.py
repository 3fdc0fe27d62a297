"""One run from its command to its report: each run once, whatever is repeated or dies."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter, Histogram

from schemas.errors import DeadlineExceeded, MemoryServiceError, Unavailable, error_from_reply
from schemas.fields import Message
from schemas.replies import RunResult
from services.common.embedding.embedder import Embedder
from services.common.redis import REDIS_ERRORS
from services.maintenance.events import RunContext, completed_event, failed_event
from services.maintenance.jobs.consolidation import consolidate
from services.maintenance.jobs.decay import decay
from services.maintenance.jobs.forgetting import STRATEGIES
from services.maintenance.jobs.undo import undo
from services.maintenance.phrasing import Wording
from services.maintenance.ports import Log, ReadSide
from services.maintenance.work import Outcome, RunCancelled, Work
from services.readside.runs import BEGIN, Run

log = structlog.get_logger(__name__)
RUNS = Counter("human_memory_runs_total", "Maintenance runs by how they ended", ["job", "outcome"])
RUN_SECONDS = Histogram(
    "human_memory_run_seconds",
    "How long a maintenance run took",
    ["job"],
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
# Errors that heal by themselves: the run waits, and is done again from its beginning.
HEALS = (Unavailable, DeadlineExceeded, KafkaError, *REDIS_ERRORS)
Job = Callable[[Work, Any], Awaitable[Outcome]]
JOBS: dict[str, Job] = {"decay": decay, "consolidation": consolidate, "undo": undo, **STRATEGIES}


class Runner:
    """Executes runs.

    A run begins with an event and waits until that is folded: what it reads then is no older than
    any effect of an earlier attempt at the same run, by us or by whoever had the partition before.
    """

    def __init__(
        self,
        *,
        side: ReadSide,
        log: Log,
        embedder: Embedder,
        wording: Callable[[], Wording | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock`: in seconds, for how long runs take."""
        self._side = side
        self._log = log
        self._embedder = embedder
        self._wording = wording
        self._clock = clock

    def work_of(self, run: RunContext) -> Work:
        """A run to be done."""
        return Work(
            run=run,
            side=self._side,
            log=self._log,
            embedder=self._embedder,
            wording=self._wording(),  # one for each run: its budget is the run's
        )

    async def execute(self, work: Work, parameters: Message) -> tuple[RunResult, str | None]:
        """Do the run, unless it is done; its result, and the position reads must have seen.

        Raises:
            HEALS: something did not answer; doing it again is safe.
            MemoryServiceError: it failed, and the log says so; another command may try again.
        """
        run = work.run
        if (done := await self._done(run)) is not None:
            return done, None
        await work.progress(BEGIN)
        try:
            return await self._begun(work, parameters)
        except HEALS:
            raise
        except MemoryServiceError as error:
            await self._fail(run, error)
            raise
        except Exception as error:
            log.exception("run failed", job=run.job, run=str(run.run_id))
            internal = MemoryServiceError(
                f"internal error ({type(error).__name__}); the service's log says more"
            )
            await self._fail(run, internal)
            raise internal from error

    async def _begun(self, work: Work, parameters: Message) -> tuple[RunResult, str | None]:
        run = work.run
        await work.folded()
        if (done := await self._done(run)) is not None:
            return done, work.position
        cancelled, began = False, self._clock()
        with RUN_SECONDS.labels(run.job).time():
            try:
                outcome = await JOBS[run.job](work, parameters)
            except RunCancelled:
                cancelled = True
                outcome = Outcome({"effects": await self._effects(work)})
        seconds = round(self._clock() - began, 3)
        event = completed_event(
            run, outcome.report, nats=outcome.nats, cancelled=cancelled, seconds=seconds
        )
        (position,) = await self._log.append([event])
        RUNS.labels(run.job, "cancelled" if cancelled else "completed").inc()
        log.info("run", job=run.job, namespace=run.namespace, report=outcome.report)
        result = RunResult(
            run_id=run.run_id,
            job=run.job,
            complete=True,
            cancelled=cancelled,
            report=outcome.report,
        )
        return result, position

    async def _fail(self, run: RunContext, error: MemoryServiceError) -> None:
        await self._log.append([failed_event(run, error)])
        RUNS.labels(run.job, "failed").inc()
        log.warning("run failed", job=run.job, namespace=run.namespace, error=error.message)

    async def _effects(self, work: Work) -> dict[str, int]:
        await work.folded()
        known = await self._side.run(work.run.namespace, work.run.run_id)
        return dict(known.effects) if known is not None else {}

    async def _done(self, run: RunContext) -> RunResult | None:
        known = await self._side.run(run.namespace, run.run_id)
        if known is None or known.completed_ms is None:
            return None
        if known.error is None or known.undone_ms is not None:  # what is undone stays so
            return result_of(run, known)
        if known.commanded_ms == run.commanded_ms:  # the same command, delivered again
            raise error_from_reply(known.error["code"], known.error["message"], {})
        return None


def result_of(run: RunContext, known: Run) -> RunResult:
    """The result of a run that is over."""
    return RunResult(
        run_id=run.run_id,
        job=known.job,
        complete=known.completed_ms is not None,
        cancelled=known.cancelled,
        report=known.report,
    )
