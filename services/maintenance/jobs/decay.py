"""Decay: archive what has faded, looking only at what is due."""

from schemas.jobs import DecayJob
from schemas.parameters import Parameters
from services.maintenance.decisions import decide
from services.maintenance.events import decayed_events
from services.maintenance.work import Outcome, Work
from services.readside.parameters import InForce

SWEPT_AT_ONCE = 500


async def decay(work: Work, _: DecayJob) -> Outcome:
    """A decay run. It costs what is due, however much there is."""
    upkeep = await work.side.upkeep(work.run.namespace)
    before = await work.effects("memory.decayed.v1")  # of an earlier attempt
    examined = await sweep(work, upkeep.parameters, indexed=upkeep.indexed)
    return Outcome(
        {
            "memories_processed": upkeep.counts["active"] + before,
            "memories_examined": examined,
            "memories_decayed": await work.effects("memory.decayed.v1"),
        }
    )


async def sweep(
    work: Work, parameters: InForce, *, indexed: bool = True, judged_by: Parameters | None = None
) -> int:
    """Archive all that has faded at the run's moment; how many memories were looked at.

    `judged_by`: the parameters that decide, if not those in force yet.
    """
    namespace, now_ms = work.run.namespace, work.run.now_ms
    if not indexed:
        await work.side.look_at_all(namespace, parameters)
    examined = 0
    while ids := await work.side.due(namespace, now_ms, limit=SWEPT_AT_ONCE):
        page = await work.side.page(namespace, ids)
        decisions = decide(page.memories, now_ms, judged_by or parameters)
        # Settled after the append: after a crash between the two they are looked at once more.
        await work.emit(decayed_events(work.run, page.memories, decisions.faded))
        await work.side.settle(namespace, page, decisions.next_ms)
        examined += len(ids)
        if examined > SWEPT_AT_ONCE:
            await work.progress("decay", done=examined, step=examined // SWEPT_AT_ONCE)
    return examined
