"""Operations of maintenance, by command, and what a namespace is busy with."""

from typing import Any

from human_memory.bus.groups import require_service
from human_memory.operations.context import Asking, Json
from human_memory.operations.memories import known, shown
from human_memory.operations.requests import (
    ApiRequest,
    ForgetStrategyRequest,
    StrategyParams,
    memory_id_of,
)
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


async def decay(request: ApiRequest, asking: Asking) -> Json:
    """A decay run, now."""
    report = (await _run(asking, "decay", {}))["report"]
    return {name: int(report.get(name, 0)) for name in ("memories_processed", "memories_decayed")}


async def consolidate(request: ApiRequest, asking: Asking) -> Json:
    """A consolidation, now. Past the deadline it goes on."""
    try:
        result = await _run(asking, "consolidation", {})
    except DeadlineExceeded:
        return {**dict.fromkeys(_CONSOLIDATED, 0), "complete": False}
    report = result["report"]
    counts = {name: int(report.get(name, 0)) for name in _CONSOLIDATED}
    return {**counts, "complete": bool(result.get("complete", True))}


async def forget_strategy(request: ForgetStrategyRequest, asking: Asking) -> Json:
    """A way of forgetting, applied now.

    Raises:
        NotFound: a memory that the parameters name does not exist.
    """
    params: StrategyParams = request.params
    for memory_id in (params.memory_id, *(params.retrieved or ())):
        if memory_id is not None:
            await known(asking, memory_id_of(memory_id))
    job = _STRATEGY_JOBS.get(request.strategy, request.strategy)
    given = params.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    wanted = {name: given[name] for name in _PARAMETERS[request.strategy] if name in given}
    if request.strategy == "strategic_prune" and not wanted.get("goals"):
        return {"strategy": request.strategy, "memories_affected": 0}
    report = (await _run(asking, job, wanted))["report"]
    return {
        "strategy": request.strategy,
        "memories_affected": int(report.get("memories_affected", 0)),
    }


async def working_memory(request: ApiRequest, asking: Asking) -> Json:
    """What the namespace is busy with, the strongest first."""
    result = await asking.ask(asking.message(WorkingMemoryQuery))
    return {**result, "memories": [shown(row) for row in result["memories"]]}


async def _run(asking: Asking, job: str, parameters: dict[str, Any]) -> Json:
    await require_service(asking.bus.settings, "maintenance")
    command = asking.message(
        RunJob, job=job, parameters=parameters, idempotency_key=asking.idempotency_key
    )
    reply = await asking.request(command)
    result = reply.unwrap()
    await asking.visible(reply.position)
    if "report" not in result:
        raise Unavailable("maintenance answered with something else than a report")
    return result
