"""From durations to figures: percentiles, rates, ratios, medians over rounds. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from bench.aims import AIMS, Aim
from bench.rows import Row

PROCESSES = ("client", "gateway", "services", "kafka", "redis")


@dataclass(frozen=True)
class Sample:
    """Some requests: how long each took (not known for a batch), and all of them together.

    `used`: seconds of CPU by process, and other counters that went up meanwhile. `errors`: how
    many of them failed.
    """

    count: int
    seconds: float
    durations_ms: list[float] = field(default_factory=list)
    used: dict[str, float] = field(default_factory=dict)
    errors: int = 0

    @property
    def cpu_seconds(self) -> float:
        """Processor time that our own processes have used, as far as it is known."""
        return sum(self.used.get(name, 0.0) for name in PROCESSES)

    @property
    def per_second(self) -> float:
        return self.count / self.seconds

    def figure(self, name: str) -> float:
        """p50_ms, p95_ms, per_second or errors."""
        if name == "per_second":
            return self.per_second
        if name == "errors":
            return self.errors
        return percentile(self.durations_ms, float(name.removeprefix("p").removesuffix("_ms")))


@dataclass(frozen=True)
class Ratio:
    """To the bound, round by round: as times the bound for a duration, as its share for a rate."""

    median: float
    least: float
    most: float


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed, interpolated; NaN of nothing."""
    return float(np.percentile(values, percent)) if values else float("nan")


def joined(samples: Sequence[Sample]) -> Sample:
    """Samples taken in turns, as one."""
    used: dict[str, float] = {}
    for sample in samples:
        for name, value in sample.used.items():
            used[name] = used.get(name, 0.0) + value
    return Sample(
        count=sum(sample.count for sample in samples),
        seconds=sum(sample.seconds for sample in samples),
        durations_ms=[each for sample in samples for each in sample.durations_ms],
        used=used,
        errors=sum(sample.errors for sample in samples),
    )


def over_rounds(rounds: Sequence[Sample], figure: str) -> float:
    """Median over the rounds of a figure."""
    return median(sample.figure(figure) for sample in rounds)


def bound_of(row: Row, samples: Mapping[str, Sample]) -> float:
    """The row's lower bound in one round: added p50s in ms, or the lowest rate a second."""
    if row.is_latency:
        return sum(samples[key].figure("p50_ms") for key in row.bounds)
    return min(samples[key].per_second for key in row.bounds)


def ratio_of(row: Row, rounds: Sequence[Mapping[str, Sample]]) -> Ratio:
    """Each round's figure to the same round's bound: what slows both down cancels out."""
    figure = "p50_ms" if row.is_latency else "per_second"
    ratios = [samples[row.key].figure(figure) / bound_of(row, samples) for samples in rounds]
    return Ratio(median(ratios), min(ratios), max(ratios))


def ceiling_of(row: Row, rounds: Sequence[Mapping[str, Sample]], cores: int) -> float:
    """Requests a second that all processors together could do, were there nothing but its parts.

    Where a bound alone takes all processors, the whole can't come near it: this says how near.
    """
    return median(
        cores / sum(samples[key].cpu_seconds / samples[key].count for key in row.parts)
        for samples in rounds
    )


def others_share(rounds: Sequence[Mapping[str, Sample]], cores: int) -> float | None:
    """The share of the processors that others used during the rounds; None where unknown."""
    samples = [sample for each in rounds for sample in each.values()]
    if not all("kafka" in sample.used and sample.used["machine"] for sample in samples):
        return None
    others = sum(sample.used["machine"] - sample.cpu_seconds for sample in samples)
    return max(0.0, others / sum(sample.used["wall"] for sample in samples) / cores)


def aims_of(rows: Sequence[Row], rounds: Sequence[Mapping[str, Sample]]) -> list[dict[str, object]]:
    """Each aim with the value found and whether it is reached."""
    by_key = {row.key: row for row in rows}
    found: list[dict[str, object]] = []
    for aim in AIMS:
        if aim.figure == "ratio":
            value = ratio_of(by_key[aim.row], rounds).median
        elif aim.figure == "errors":
            value = sum(samples[aim.row].errors for samples in rounds)
        else:
            value = median(_figure(aim, samples) for samples in rounds)
        found.append(
            {
                "row": aim.row,
                "aim": aim.text,
                "figure": aim.figure,
                "limit": aim.limit,
                "value": value,
                "reached": aim.reached(value),
            }
        )
    return found


def _figure(aim: Aim, samples: Mapping[str, Sample]) -> float:
    """Of one round: what another row took in the same round is taken off within it."""
    value = samples[aim.row].figure(aim.figure)
    return value - samples[aim.over].figure(aim.figure) if aim.over else value
