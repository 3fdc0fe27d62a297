"""Consolidation: replay, extract, prune, compile. Each phase may be run again, to the same end."""

import asyncio
from math import log
from typing import Any

from schemas.jobs import ConsolidationJob
from services.maintenance.jobs.compiling import compile_skills
from services.maintenance.jobs.decay import sweep
from services.maintenance.jobs.extracting import Cluster, Extracted, clusters_of, extract
from services.maintenance.jobs.replaying import replay
from services.maintenance.snapshot import gather
from services.maintenance.work import Outcome, Work

IDS_REPORTED = 20


async def consolidate(work: Work, job: ConsolidationJob) -> Outcome:
    """A consolidation run.

    What it looks at is what there was when it began. A language model that does not answer ends
    its phase without more facts, one that answers nonsense leaves a cluster without; the report
    says so, and the rest runs.
    """
    run = work.run
    upkeep = await work.side.upkeep(run.namespace)
    parameters = upkeep.parameters
    gathered = await gather(
        work.side,
        run.namespace,
        run_id=run.run_id,
        now_ms=run.now_ms,
        parameters=parameters.without_downscaling(run.run_id.hex),
    )
    active = upkeep.counts["active"] + gathered.active_less
    report: dict[str, Any] = dict.fromkeys(
        (
            "episodes_replayed",
            "facts_extracted",
            "memories_pruned",
            "memories_downscaled",
            "phase_4_compiled",
        ),
        0,
    )
    # In a thread, as all that computes for long: searches share this process and its event loop.
    clusters: list[Cluster] = []
    if {"replay", "extract"} & {*job.phases}:
        clusters = await asyncio.to_thread(clusters_of, gathered, job, now_ms=run.now_ms)
    nats = None
    for phase in dict.fromkeys(job.phases):
        await work.progress(phase)
        match phase:
            case "replay":
                repeated = [each.middle for each in clusters]
                report["episodes_replayed"] = await replay(work, job, gathered, repeated)
            case "extract":
                report |= _extraction(await extract(work, gathered, clusters))
                report["concepts_added"] = await work.effects("concept.upserted.v1")
            case "prune":
                nats = log(parameters.downscaling_factor)
                await work.folded()  # what was replayed is spared
                after = parameters.with_downscaling(run.now_ms, nats, run.run_id.hex)
                await sweep(work, parameters, indexed=upkeep.indexed, judged_by=after)
                pruned = await work.effects("memory.decayed.v1")
                report["memories_pruned"] = pruned
                spared = report["episodes_replayed"] + pruned
                report["memories_downscaled"] = max(0, active - spared)
            case "compile":
                new, again = await compile_skills(work, job, gathered)
                report |= {
                    "phase_4_compiled": len(new),
                    "skills_strengthened": again,
                    "skills": new[:IDS_REPORTED],
                }
    await work.folded()
    return Outcome(report, nats)


def _extraction(done: Extracted) -> dict[str, Any]:
    report: dict[str, Any] = {
        "facts_extracted": len(done.facts),
        "facts_strengthened": done.strengthened,
        "clusters_unworded": done.unworded,
        "facts_left": done.left,
        "facts": done.facts[:IDS_REPORTED],
    }
    if done.unaided:
        report["facts_worded_by_extraction"] = done.unaided
    if done.error is not None:
        report["extract_error"] = done.error[:500]
    return report
