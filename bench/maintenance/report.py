"""The figures for people (tables) and for programs (what goes into the JSON file)."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.maintenance.figures import Cost, Latency, growth

PROCESSES = ("maintenance", "ingest", "projection", "retrieval", "redis", "kafka")


def figures_of(cost: Cost) -> dict[str, Any]:
    """All of one run."""
    derived = ("ms_per_memory", "cpu_ms_per_memory", "bound", "times_bound")
    return asdict(cost) | {name: getattr(cost, name) for name in derived}


def show(console: Console, costs: Sequence[Cost], latencies: Sequence[Latency]) -> None:
    """Print all tables."""
    if costs:
        console.print(_costs_table(costs))
        console.print(_cpu_table(costs))
        console.print(_bounds_table(costs))
    if latencies:
        console.print(_latency_table(latencies))
    for text in growth(costs):
        console.print(f"warning: {text}", style="yellow", markup=False)


def result_of(costs: Sequence[Cost], latencies: Sequence[Latency]) -> dict[str, Any]:
    """All figures."""
    return {
        "costs": [figures_of(cost) for cost in costs],
        "growth": growth(costs),
        "searches": [asdict(each) for each in latencies],
    }


def _table(title: str, caption: str, *names: str) -> Table:
    table = Table(
        title=title, caption=caption, box=SIMPLE_HEAD, title_justify="left", caption_justify="left"
    )
    for name in names:
        left = name in ("run", "meanwhile", "namespace")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    return table


def _costs_table(costs: Sequence[Cost]) -> Table:
    table = _table(
        "What a run costs",
        "ms, CPU ms: for each memory due (decay) or in the namespace (consolidation); CPU of "
        "maintenance alone. MiB: most that the process held; over idle: more than when it rests.",
        *("run", "memories", "due", "events", "s", "ms", "CPU ms", "of bound", "MiB", "over idle"),
    )
    for cost in costs:
        table.add_row(
            cost.job,
            f"{cost.memories:,}",
            "" if cost.job == "consolidation" else f"{cost.touched:,}",
            f"{cost.run.events:,}",
            f"{cost.run.seconds:.2f}",
            f"{cost.ms_per_memory:.3f}",
            f"{cost.cpu_ms_per_memory:.3f}",
            f"{cost.times_bound:.1f} x",
            f"{cost.run.peak_mib:.0f}",
            f"{cost.run.peak_mib - cost.run.idle_mib:.0f}",
        )
    return table


def _cpu_table(costs: Sequence[Cost]) -> Table:
    caption = "the projection folds what the run appends, and its share after the reply is missing"
    table = _table("CPU seconds by process", caption, "run", "memories", *PROCESSES)
    for cost in costs:
        seconds = [cost.run.cpu_seconds.get(name) for name in PROCESSES]
        shown = ["?" if each is None else f"{each:.2f}" for each in seconds]
        table.add_row(cost.job, f"{cost.memories:,}", *shown)
    return table


def _bounds_table(costs: Sequence[Cost]) -> Table:
    names = list(dict.fromkeys(name for cost in costs for name in cost.bound_seconds))
    caption = "what the run can't do without, each part alone, in the same run of the benchmark"
    table = _table("Bounds, in seconds", caption, "run", "memories", *names, "sum")
    for cost in costs:
        parts = [cost.bound_seconds.get(name) for name in names]
        shown = ["" if part is None else f"{part:.3f}" for part in parts]
        table.add_row(cost.job, f"{cost.memories:,}", *shown, f"{cost.bound:.3f}")
    return table


def _latency_table(latencies: Sequence[Latency]) -> Table:
    table = _table(
        "Searches while a run is at work",
        "medians over the rounds; x: to the same round's searches alone. namespace: the one that "
        "the run works at, or another one.",
        *("meanwhile", "namespace", "n", "p50 ms", "x", "p95 ms", "x", "longest ms"),
    )
    for each in latencies:
        table.add_row(
            each.meanwhile,
            each.namespace,
            f"{each.searches:,}",
            f"{each.p50_ms:.1f}",
            f"{each.p50_ratio:.2f}",
            f"{each.p95_ms:.1f}",
            f"{each.p95_ratio:.2f}",
            f"{each.max_ms:.0f}",
        )
    return table
