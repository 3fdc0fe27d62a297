"""The cost of a run by the number of memories; beside it, its parts alone."""

import asyncio
from dataclasses import dataclass, replace
from statistics import median

from bench.large import stored_events
from bench.maintenance import bounds
from bench.maintenance.figures import Cost, Run, typical
from bench.maintenance.lab import Lab, Say
from bench.maintenance.material import (
    APART_MS,
    DUE_AGE_MS,
    LATER_MS,
    OLDEST_MS,
    RECENT_SHARE,
    Layer,
    Maker,
)
from schemas.maintenance import Job

OLD = 1_000
# A run of a thousand takes a fraction of a second: the median of several says more.
REPEATS = 5
WARM = 500
DECAY_OLD, DECAY_ALL, CONSOLIDATION = "decay, 1,000 due", "decay, all due", "consolidation"


@dataclass
class Costs:
    """Measures runs, one at a time, in namespaces of their own."""

    lab: Lab
    maker: Maker
    now_ms: int
    say: Say
    idle_mib: float = 0.0

    async def warm_up(self) -> None:
        """A run of each job, so that what is loaded once is loaded, and not counted."""
        namespace = "bench/warm"
        old = self.maker.plain(namespace, WARM, name="old", recorded_ms=self._old_ms(0))
        mixed = self.maker.mixed(namespace, WARM, now_ms=self.now_ms)
        await self.lab.fill(namespace, [old, *mixed], now_ms=self.now_ms, say=self.say)
        await self.lab.run(namespace, "decay")
        await self.lab.run(namespace, "consolidation")
        self.idle_mib = self.lab.maintenance.resident_mib

    async def decay(self, memories: int) -> list[Cost]:
        """A thousand due of `memories`, several times, then all the others."""
        rest = memories - REPEATS * OLD
        if rest <= 0:
            # Too small for several thousands: a namespace for each.
            several = [
                await self._decay_old(f"bench/decay-{memories}-{i}", [i], rest=memories - OLD)
                for i in range(REPEATS)
            ]
            return [_typical([cost for costs in several for cost in costs])]
        namespace = f"bench/decay-{memories}"
        costs = await self._decay_old(namespace, list(range(REPEATS)), rest=rest)
        return [
            _typical(costs),
            await self._decay(DECAY_ALL, namespace, memories, self.now_ms),
        ]

    async def _decay_old(self, namespace: str, which: list[int], *, rest: int) -> list[Cost]:
        """Some layers of a thousand and the rest; a run for each of those layers."""
        layers = [self._old(namespace, i) for i in which]
        if rest:
            later_ms = self.now_ms - LATER_MS
            layers.append(self.maker.plain(namespace, rest, name="later", recorded_ms=later_ms))
        await self.lab.fill(namespace, layers, now_ms=self.now_ms, say=self.say)
        memories = rest + OLD * len(which)
        return [
            await self._decay(DECAY_OLD, namespace, memories, self._old_ms(i) + DUE_AGE_MS)
            for i in which
        ]

    def _old(self, namespace: str, i: int) -> Layer:
        return self.maker.plain(namespace, OLD, name=f"old-{i}", recorded_ms=self._old_ms(i))

    def _old_ms(self, i: int) -> int:
        return self.now_ms - OLDEST_MS + i * APART_MS

    async def _decay(self, name: str, namespace: str, memories: int, slot: int) -> Cost:
        lab = self.lab
        read = await bounds.read_due(lab, namespace, slot)
        due = read.memories()
        events = bounds.decays(namespace, due, slot)
        parts = {
            "read": read.seconds,
            "compute": await asyncio.to_thread(bounds.crossing_seconds, due, slot),
            "append": await bounds.appending_seconds(lab, namespace, events),
        }
        run = await self._run(name, namespace, "decay", slot)
        assert run.report["memories_decayed"] == len(due), run.report
        return Cost(
            job=name,
            memories=memories,
            touched=len(due),
            looked_at=len(due),
            run=run,
            bound_seconds=parts,
        )

    async def consolidation(self, memories: int) -> Cost:
        """Of a namespace where a tenth is recent, and nothing is due."""
        namespace, lab = f"bench/consolidation-{memories}", self.lab
        layers = self.maker.mixed(namespace, memories, now_ms=self.now_ms)
        await lab.fill(namespace, layers, now_ms=self.now_ms, say=self.say)
        read = await bounds.read_newest(lab, namespace)
        run = await self._run(CONSOLIDATION, namespace, "consolidation", None)
        made = int(run.report["facts_extracted"]) + int(run.report["phase_4_compiled"])
        recent = min(round(RECENT_SHARE * memories), len(read.records))
        texts = [memory.text for memory in layers[0].memories[:made]]
        events = stored_events(
            layers[0].memories[:made],
            layers[0].vectors[:made],
            model=lab.system.settings.embedding_model,
            now_ms=self.now_ms,
        )
        small = bounds.progresses(namespace, run.events - made, self.now_ms)
        parts = {
            "read": read.seconds,
            "compute": await asyncio.to_thread(bounds.similarity_seconds, read, recent),
            "embed": await asyncio.to_thread(bounds.embedding_seconds, lab, texts),
            "append": await bounds.appending_seconds(lab, namespace, [*events, *small]),
        }
        return Cost(
            job=CONSOLIDATION,
            memories=memories,
            touched=memories,
            looked_at=len(read.records),
            run=run,
            bound_seconds=parts,
        )

    async def _run(self, name: str, namespace: str, job: Job, slot: int | None) -> Run:
        lab = self.lab
        self.say(f"{namespace}: {name}")
        lab.maintenance.forget_peak()
        cursor, before = await lab.cursor(namespace), await lab.cpu_seconds()
        report, seconds = await lab.run(namespace, job, slot=slot)
        after, peak_mib = await lab.cpu_seconds(), lab.maintenance.peak_mib
        return Run(
            seconds=seconds,
            cpu_seconds={process: after[process] - before[process] for process in before},
            events=await lab.cursor(namespace) - cursor,
            idle_mib=self.idle_mib,
            peak_mib=peak_mib,
            report=report,
        )


def _typical(costs: list[Cost]) -> Cost:
    """One for several of the same kind."""
    parts = costs[0].bound_seconds
    return replace(
        costs[0],
        run=typical([cost.run for cost in costs]),
        bound_seconds={name: median(cost.bound_seconds[name] for cost in costs) for name in parts},
    )
