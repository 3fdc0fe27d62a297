"""From runs and durations to figures. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from bench.figures import percentile

ALONE = "alone"
# A longer one or a heavier one than this, per memory, is growth; less is noise.
GROWTH_MAX = 1.5


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run as it was measured.

    `cpu_seconds` by process; `events`: what it appended; `idle_mib`, `peak_mib`: memory of the
    process of maintenance before all runs, and the most during this one.
    """

    seconds: float
    cpu_seconds: Mapping[str, float]
    events: int
    idle_mib: float
    peak_mib: float
    report: Mapping[str, Any]


def typical(runs: Sequence[Run]) -> Run:
    """Medians over runs of the same kind; of memory the most."""
    return Run(
        seconds=median(run.seconds for run in runs),
        cpu_seconds={
            name: median(run.cpu_seconds[name] for run in runs) for name in runs[0].cpu_seconds
        },
        events=round(median(run.events for run in runs)),
        idle_mib=runs[0].idle_mib,
        peak_mib=max(run.peak_mib for run in runs),
        report=runs[0].report,
    )


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A run, and what it can't do without: parts measured alone, `bound_seconds`.

    `memories`: in the namespace; `touched`: those that the job is about, of which it may look at
    a bounded number only, `looked_at`.
    """

    job: str
    memories: int
    touched: int
    looked_at: int
    run: Run
    bound_seconds: Mapping[str, float]

    @property
    def ms_per_memory(self) -> float:
        """Of those that it had to look at."""
        return 1000 * self.run.seconds / max(1, self.touched)

    @property
    def cpu_ms_per_memory(self) -> float:
        """CPU time of maintenance alone, which other programs can't stretch."""
        return 1000 * self.run.cpu_seconds["maintenance"] / max(1, self.touched)

    @property
    def bound(self) -> float:
        """All parts, one after the other."""
        return sum(self.bound_seconds.values())

    @property
    def times_bound(self) -> float:
        """The time of the run, in times of its parts."""
        return self.run.seconds / self.bound


def growth(costs: Sequence[Cost]) -> list[str]:
    """The growth of the CPU time for each memory with their number, job by job."""
    found = []
    by_job: dict[str, list[Cost]] = {}
    for cost in costs:
        by_job.setdefault(cost.job, []).append(cost)
    for job, each in by_job.items():
        ordered = sorted(each, key=lambda cost: cost.memories)
        for less, more in pairwise(ordered):
            ratio = more.cpu_ms_per_memory / less.cpu_ms_per_memory
            if ratio > GROWTH_MAX:
                found.append(
                    f"{job}: {more.memories:,} memories cost {ratio:.1f} times as much CPU time "
                    f"each as {less.memories:,}"
                )
    return found


# By what ran meanwhile ("alone": nothing) and the namespace searched: milliseconds of each search.
Round = Mapping[tuple[str, str], Sequence[float]]


@dataclass(frozen=True)
class Latency:
    """Searches of a namespace while something runs. The ratios are to the same round's alone."""

    meanwhile: str
    namespace: str
    searches: int
    p50_ms: float
    p95_ms: float
    max_ms: float
    p50_ratio: float
    p95_ratio: float


def latencies(rounds: Sequence[Round]) -> list[Latency]:
    """Medians over the rounds; the longest of all."""
    found = []
    for meanwhile, namespace in rounds[0]:
        samples = [each[meanwhile, namespace] for each in rounds]
        alone = [each[ALONE, namespace] for each in rounds]
        p50, p95 = (_over_rounds(samples, percent) for percent in (50, 95))
        ratios = [
            median(
                percentile(mine, percent) / percentile(base, percent)
                for mine, base in zip(samples, alone, strict=True)
            )
            for percent in (50, 95)
        ]
        found.append(
            Latency(
                meanwhile=meanwhile,
                namespace=namespace,
                searches=sum(map(len, samples)),
                p50_ms=p50,
                p95_ms=p95,
                max_ms=max(max(each) for each in samples),
                p50_ratio=ratios[0],
                p95_ratio=ratios[1],
            )
        )
    return found


def _over_rounds(samples: Sequence[Sequence[float]], percent: float) -> float:
    return median(percentile(each, percent) for each in samples)
