"""Operations of maintenance, by command, and what a namespace is busy with."""

from typing import Any

from human_memory import models
from human_memory._client.arguments import STRATEGY_PARAMETERS
from human_memory.bus.groups import require_service
from human_memory.operations.context import Json, RequestContext
from human_memory.operations.memories import inspected, shown
from human_memory.operations.requests import (
    ForgetStrategyRequest,
    Nothing,
    RunRequest,
    RunsRequest,
    StartRunRequest,
    memory_id_of,
    run_id_of,
)
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.jobs import parameters_of
from schemas.maintenance import CancelRun, RunJob, UndoRun
from schemas.queries import RunQuery, Runs, WorkingMemoryQuery

_STRATEGY_JOBS = {"capacity_overflow": "capacity"}
_CONSOLIDATED = (
    "episodes_replayed",
    "facts_extracted",
    "memories_pruned",
    "memories_downscaled",
    "phase_4_compiled",
)


async def decay(request: Nothing, context: RequestContext) -> models.DecayReport:
    """A decay run, now."""
    report = (await _run(context, "decay", {}))["report"]
    return models.DecayReport(
        memories_processed=int(report.get("memories_processed", 0)),
        memories_decayed=int(report.get("memories_decayed", 0)),
    )


async def consolidate(request: Nothing, context: RequestContext) -> models.ConsolidationReport:
    """A consolidation, now. Past the deadline it goes on."""
    try:
        result = await _run(context, "consolidation", {})
    except DeadlineExceeded:
        result = {"report": {}, "complete": False}
    counts = {name: int(result["report"].get(name, 0)) for name in _CONSOLIDATED}
    return models.ConsolidationReport(**counts, complete=bool(result.get("complete", True)))


async def forget_strategy(
    request: ForgetStrategyRequest, context: RequestContext
) -> models.ForgetReport:
    """A way of forgetting, applied now.

    Raises:
        NotFound: a memory that the parameters name does not exist.
    """
    params, known = request.params, STRATEGY_PARAMETERS[request.strategy]
    given = params.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    for name in given.keys() - known:
        words = f"is no parameter of {request.strategy}; known: {', '.join(known)}"
        context.ignore(f"params.{name}", words)
    for memory_id in (params.memory_id, *(params.retrieved or ())):
        if memory_id is not None:
            await inspected(context, memory_id_of(memory_id))
    job = _STRATEGY_JOBS.get(request.strategy, request.strategy)
    wanted = {name: given[name] for name in known if name in given}
    affected = 0
    if request.strategy != "strategic_prune" or wanted.get("goals"):
        report = (await _run(context, job, wanted))["report"]
        affected = int(report.get("memories_affected", 0))
    return models.ForgetReport(strategy=request.strategy, memories_affected=affected)


async def start_run(request: StartRunRequest, context: RequestContext) -> models.RunReport:
    """A run of any job, now. Past the deadline it goes on.

    Raises:
        Rejected: the job has no such parameter, or not with this value.
    """
    command = context.message(RunJob, request, idempotency_key=context.idempotency_key)
    parameters_of(command.job, command.parameters)  # refused here, it leaves no dead letter
    return await _report(context, command)


async def runs(request: RunsRequest, context: RequestContext) -> models.Runs:
    """The runs of maintenance, newest first."""
    result = await context.ask(context.message(Runs, request))
    return models.Runs.model_validate({**result, "runs": [shown(row) for row in result["runs"]]})


async def get_run(request: RunRequest, context: RequestContext) -> models.Run:
    """One run: how far it is, or what it did and why.

    Raises:
        NotFound: the namespace has no such run.
    """
    query = context.message(RunQuery, run_id=run_id_of(request.run_id))
    return models.Run.model_validate(shown(await context.ask(query)))


async def cancel_run(request: RunRequest, context: RequestContext) -> models.RunReport:
    """Stop a run at its next safe point. What it did so far stays; undo takes it back.

    Raises:
        NotFound: no such run is at work in the namespace.
    """
    return await _report(context, context.message(CancelRun, run_id=run_id_of(request.run_id)))


async def undo_run(request: RunRequest, context: RequestContext) -> models.RunReport:
    """Take back all that a run did: memories are as they were, what it made is deleted.

    Raises:
        NotFound: the namespace has no such run.
    """
    return await _report(context, context.message(UndoRun, run_id=run_id_of(request.run_id)))


async def working_memory(request: Nothing, context: RequestContext) -> models.WorkingMemory:
    """Working memory: the memories in focus, the strongest first."""
    result = await context.ask(context.message(WorkingMemoryQuery))
    rows = [shown(row) for row in result["memories"]]
    return models.WorkingMemory.model_validate({**result, "memories": rows})


async def _run(context: RequestContext, job: str, parameters: dict[str, Any]) -> Json:
    command = context.message(
        RunJob, job=job, parameters=parameters, idempotency_key=context.idempotency_key
    )
    return await _done(context, command)


async def _report(
    context: RequestContext, command: RunJob | CancelRun | UndoRun
) -> models.RunReport:
    return models.RunReport.model_validate(await _done(context, command))


async def _done(context: RequestContext, command: RunJob | CancelRun | UndoRun) -> Json:
    await require_service(context.bus.settings, "maintenance")
    reply = await context.request(command)
    result = reply.unwrap()
    await context.visible(reply.position)
    if "report" not in result:
        raise Unavailable("maintenance answered with something other than a report")
    return result
