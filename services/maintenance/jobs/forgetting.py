"""Strategies of forgetting, each told by parameters: what is lowered or archived, and by how much.

All of them are effects on memories that exist, so `undo` takes them back.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import numpy as np

from cognition.language.emoji import named
from cognition.language.text import terms
from schemas.errors import NotFound
from schemas.jobs import CapacityJob, InterferenceJob, RifJob, StrategicPruneJob
from services.maintenance.decisions import levels_of
from services.maintenance.events import adjusted_event, decayed_events
from services.maintenance.ports import Page
from services.maintenance.work import Outcome, Work
from services.readside.columns import ACTIVE, expired, statuses_at
from services.readside.layout import hash64, of_kinds

# Which memories of a page are lowered, and by how many nats each; 0: spared.
Losses = Callable[[Page], np.ndarray]


async def capacity(work: Work, job: CapacityJob) -> Outcome:
    """Archive the weakest beyond the capacity; pinned memories count, and are spared."""
    upkeep = await work.side.upkeep(work.run.namespace)
    allowed = job.capacity
    if upkeep.parameters.capacity and "capacity" not in job.model_fields_set:
        allowed = upkeep.parameters.capacity
    beyond = upkeep.counts["active"] - allowed
    before = await work.effects("memory.decayed.v1")  # of an earlier attempt
    weakest: list[tuple[float, str]] = []
    async for page in work.side.pages(work.run.namespace):
        states = page.memories.states
        levels = levels_of(page.memories, work.run.now_ms, upkeep.parameters)
        gone = expired(states, work.run.now_ms)
        levels = np.where(gone, -np.inf, levels)
        free = np.flatnonzero((states["status"] == ACTIVE) & ((states["pinned"] == 0) | gone))
        weakest += [(float(levels[i]), page.memories.ids[i]) for i in free.tolist()]
        weakest = sorted(weakest)[: max(0, beyond)]
        work.check()
    names = [name for _, name in weakest]
    for start in range(0, len(names), 500):
        page = await work.side.page(work.run.namespace, names[start : start + 500])
        active = np.flatnonzero(page.memories.states["status"] == ACTIVE).tolist()
        await work.emit(decayed_events(work.run, page.memories, active))
    return await _report(work, "memory.decayed.v1", examined=upkeep.counts["active"] + before)


async def strategic_prune(work: Work, job: StrategicPruneJob) -> Outcome:
    """Lower what has to do with none of the goals, by meaning or by a word."""
    if not job.goals:
        return await _report(work, "memory.adjusted.v1", examined=0)
    goals = list(map(named, job.goals))
    vectors = (await work.embedder.embed(goals)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    words = {word for goal in goals for word in terms(goal)}
    hashes = np.frombuffer(b"".join(sorted(map(hash64, words))), "<u8")

    def losses(page: Page) -> np.ndarray:
        related = (page.vectors @ vectors.T).max(axis=1, initial=-1.0) >= job.similarity_min
        said = np.array([bool(np.isin(each, hashes).any()) for each in page.terms], bool)
        return np.where(related | said, 0.0, job.nats)

    return await _lower(work, losses)


async def interference(work: Work, job: InterferenceJob) -> Outcome:
    """Lower what is similar to a memory, by `nats` times the similarity.

    Raises:
        NotFound: the memory is not in the namespace.
    """
    rival = str(job.memory_id) if job.memory_id is not None else await _newest(work)
    if rival is None:
        return await _report(work, "memory.adjusted.v1", examined=0)
    vector = (await _known(work, [rival])).vectors[0]

    def losses(page: Page) -> np.ndarray:
        cosines = page.vectors @ vector
        own = np.array([name == rival for name in page.memories.ids], bool)
        return np.where((cosines > job.similarity_min) & ~own, job.nats * cosines, 0.0)

    return await _lower(work, losses)


async def rif(work: Work, job: RifJob) -> Outcome:
    """Lower what is similar to what was retrieved, and was not retrieved itself.

    Raises:
        NotFound: one of the retrieved is not in the namespace.
    """
    retrieved = [str(each) for each in job.retrieved] or await _last_found(work)
    if not retrieved:
        return await _report(work, "memory.adjusted.v1", examined=0)
    vectors = (await _known(work, retrieved)).vectors
    spared = set(retrieved)

    def losses(page: Page) -> np.ndarray:
        cosines = (page.vectors @ vectors.T).max(axis=1, initial=-1.0)
        others = np.array([name not in spared for name in page.memories.ids], bool)
        return np.where((cosines > job.similarity_min) & others, job.nats, 0.0)

    return await _lower(work, losses)


async def _lower(work: Work, losses: Losses) -> Outcome:
    """Lower active memories that are not pinned."""
    examined = 0
    async for page in work.side.pages(work.run.namespace):
        if len(page.memories) == 0:
            continue
        states = page.memories.states
        active = statuses_at(states, work.run.now_ms) == ACTIVE
        free = active & (states["pinned"] == 0)
        nats = np.where(free, losses(page), 0.0)
        await work.emit(
            [
                adjusted_event(work.run, page.memories.ids[i], -float(nats[i]), cause=work.run.job)
                for i in np.flatnonzero(nats > 0).tolist()
            ]
        )
        examined += int(free.sum())
    return await _report(work, "memory.adjusted.v1", examined=examined)


async def _report(work: Work, event_type: str, *, examined: int) -> Outcome:
    affected = await work.effects(event_type)
    return Outcome({"memories_examined": examined, "memories_affected": affected})


async def _known(work: Work, ids: list[str]) -> Page:
    page = await work.side.page(work.run.namespace, ids)
    if page.missing:
        raise NotFound(f"memory {page.missing[0]}: not in namespace {work.run.namespace}")
    return page


@dataclass
class _Latest:
    """The best so far of some pages."""

    at_ms: int = -1
    ids: list[str] = field(default_factory=list)


async def _newest(work: Work) -> str | None:
    found = _Latest()
    async for page in work.side.pages(work.run.namespace):
        states = page.memories.states
        for i in np.flatnonzero(statuses_at(states, work.run.now_ms) == ACTIVE).tolist():
            if (at := int(states["created_ms"][i])) > found.at_ms:
                found = _Latest(at, [page.memories.ids[i]])
    return found.ids[0] if found.ids else None


async def _last_found(work: Work) -> list[str]:
    """The memories that the last recorded search returned: its traces have one id."""
    found, identity = _Latest(), 0
    async for page in work.side.pages(work.run.namespace):
        traces = page.memories.traces
        for i in np.flatnonzero(of_kinds(traces["id"], "search")).tolist():
            at_ms, own = int(traces["time_ms"][i]), int(traces["id"][i])
            if (at_ms, own) > (found.at_ms, identity):
                found, identity = _Latest(at_ms, []), own
            if own == identity:
                found.ids.append(page.memories.ids[page.memories.memory_of_trace[i]])
    return found.ids


Strategy = Callable[..., Awaitable[Outcome]]
STRATEGIES: dict[str, Strategy] = {
    "capacity": capacity,
    "strategic_prune": strategic_prune,
    "interference": interference,
    "rif": rif,
}
