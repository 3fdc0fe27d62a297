"""Operations of maintenance, by command, and what a namespace is busy with."""

from typing import Any

from human_memory import models
from human_memory.bus.groups import require_service
from human_memory.operations.context import Json, RequestContext
from human_memory.operations.memories import inspected, shown
from human_memory.operations.requests import ForgetStrategyRequest, Nothing, memory_id_of
from schemas.errors import DeadlineExceeded, Unavailable
from schemas.maintenance import RunJob
from schemas.queries import WorkingMemoryQuery

_STRATEGY_JOBS = {"capacity_overflow": "capacity"}
# By the strategy's own parameter; the others mean nothing to it and are left out.
_PARAMETERS = {
    "strategic_prune": ("goals",),
    "capacity_overflow": ("capacity",),
    "interference": ("memory_id",),
    "rif": ("retrieved",),
}
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
    params = request.params
    for memory_id in (params.memory_id, *(params.retrieved or ())):
        if memory_id is not None:
            await inspected(context, memory_id_of(memory_id))
    job = _STRATEGY_JOBS.get(request.strategy, request.strategy)
    given = params.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    wanted = {name: given[name] for name in _PARAMETERS[request.strategy] if name in given}
    affected = 0
    if request.strategy != "strategic_prune" or wanted.get("goals"):
        report = (await _run(context, job, wanted))["report"]
        affected = int(report.get("memories_affected", 0))
    return models.ForgetReport(strategy=request.strategy, memories_affected=affected)


async def working_memory(request: Nothing, context: RequestContext) -> models.WorkingMemory:
    """What the namespace is busy with, the strongest first."""
    result = await context.ask(context.message(WorkingMemoryQuery))
    rows = [shown(row) for row in result["memories"]]
    return models.WorkingMemory.model_validate({**result, "memories": rows})


async def _run(context: RequestContext, job: str, parameters: dict[str, Any]) -> Json:
    await require_service(context.bus.settings, "maintenance")
    command = context.message(
        RunJob, job=job, parameters=parameters, idempotency_key=context.idempotency_key
    )
    reply = await context.request(command)
    result = reply.unwrap()
    await context.visible(reply.position)
    if "report" not in result:
        raise Unavailable("maintenance answered with something else than a report")
    return result
