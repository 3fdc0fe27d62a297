"""`python -m bench.speed`: store and search through the bus against their lower bounds."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import machine, report
from bench.figures import Sample, aims_of, joined, others_share
from bench.http_clients import HttpClients
from bench.material import LARGE_MEMORIES, Item, Material
from bench.rows import QUICK_DIVISOR, REPLAY, REPLAY_EXPLANATION, ROWS, Row
from bench.system import System, running
from bench.texts import load_conversation
from bench.workbench import Encode, Workbench
from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer
from schemas.errors import MemoryServiceError
from services.common.embedding.model_files import load_model
from services.common.redis import connect
from services.projection.app import rebuild
from services.retrieval.settings import RetrievalSettings
from stack.errors import StackError

RESULTS = Path(__file__).parent / "results"
ROUNDS_DEFAULT = 5
# The questions of the conversation yield so many times the new queries of a round.
ROUNDS_MAX = 12
REPLAYS_MAX = 3
# Rows of single requests take turns within a round, so that a busy minute hits all of them.
TURNS = 5
SEED_DEFAULT = 1
LOG_WIDTH = 100
HOW_COMPARED = (
    "A duration is held against the sum of its bounds' p50s, a rate against the lowest of its "
    "bounds' rates, round by round; shown is the median over the rounds."
)


@dataclass(frozen=True)
class Plan:
    """The size of the measurement."""

    rows: tuple[Row, ...]
    rounds: int
    seed: int
    large_memories: int


def _epilog() -> str:
    keys: dict[str, list[str]] = {}
    for row in ROWS:
        keys.setdefault(row.explanation, []).append(row.key)
    lines = [f"{', '.join(some)}: {explanation}." for explanation, some in keys.items()]
    return "\n\n".join(
        [
            "Rows (the number at the end is how many requests are in flight):",
            *lines,
            f"{REPLAY}: {REPLAY_EXPLANATION}.",
            HOW_COMPARED,
        ]
    )


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=_epilog())
def speed(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go; else bench/results/.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=ROUNDS_MAX, help="How often.")] = ROUNDS_DEFAULT,
    quick: Annotated[
        bool, typer.Option("--quick", help="One round, fewer requests: only to see that it works.")
    ] = False,
    kafka: Annotated[str | None, typer.Option(help="host:port; else a local stack.")] = None,
    redis: Annotated[str | None, typer.Option(help="URL; else a local stack.")] = None,
    seed: Annotated[int, typer.Option(help="Of the texts.")] = SEED_DEFAULT,
) -> None:
    """Measure store and search through the bus against their lower bounds, in one run.

    Starts Kafka, Redis and the services (the gateway in a process of its own, the others in
    another), measures every row in every round, prints tables and writes a JSON file. The exit
    status says only whether the measurement could be carried out, never how fast it was.
    """
    if (kafka is None) != (redis is None):
        raise typer.BadParameter("give both --kafka and --redis, or none")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    plan = Plan(
        rows=tuple(row.quick() for row in ROWS) if quick else ROWS,
        rounds=1 if quick else rounds,
        seed=seed,
        large_memories=LARGE_MEMORIES // QUICK_DIVISOR if quick else LARGE_MEMORIES,
    )
    about = _about_this_machine(console)
    try:
        with (
            console.status("starting") as status,
            running(kafka, redis, lambda text: status.update(text)) as system,
        ):
            encode = _load_model(system.settings)
            status.stop()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result = runner.run(_measure(system, plan, encode, console))
    except (StackError, MemoryServiceError) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    result = about | result
    report.show(console, plan.rows, result)
    _warn(console, result)
    _write(console, result, json_file)


def _about_this_machine(console: Console) -> dict[str, Any]:
    about = machine.describe()
    busy = machine.busy_share()
    console.print(
        f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB; load average "
        f"{about['load_average'][0]}; {busy:.0%} of the processors busy before the start"
    )
    warnings = []
    if busy > machine.BUSY_SHARE_MAX:
        warnings.append(
            f"other programs used {busy:.0%} of the processors before the start: stop them, or "
            "take only the ratios seriously"
        )
    return {
        "benchmark": "speed",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "busy_share_before": busy,
        "warnings": warnings,
    }


def _load_model(settings: RetrievalSettings) -> Encode:
    """The same model with the same number of threads as in the services."""
    threads = settings.embedding_threads or os.cpu_count() or 1
    return load_model(settings.embedding_model, threads=threads)


async def _measure(system: System, plan: Plan, encode: Encode, console: Console) -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    material = Material(load_conversation(), seed=plan.seed, now_ms=now_ms)
    redis = connect(system.settings.redis)
    try:
        async with (
            Bus(system.settings, client_id="human-memory-bench") as bus,
            DurableProducer(system.settings, client_id="human-memory-bench") as producer,
            HttpClients(system.http["gateway"]) as clients,
        ):
            workbench = Workbench(
                system,
                bus=bus,
                producer=producer,
                redis=redis,
                encode=encode,
                clients=clients,
            )
            console.print(f"storing {len(material.searched):,} memories, finding batch sizes")
            await workbench.prepare(
                material.searched, material.cached_queries, material.cached_memories
            )
            console.print(f"appending {plan.large_memories:,} memories to one namespace")
            large = material.large(plan.large_memories)
            await workbench.prepare_large(large, seed=plan.seed, now_ms=now_ms)
            rounds = await _rounds(workbench, plan, material, console)
    finally:
        await redis.aclose()
    cores = os.cpu_count() or 1
    replays = [await _replay(system.settings) for _ in range(min(plan.rounds, REPLAYS_MAX))]
    return {
        "seed": plan.seed,
        "rounds": plan.rounds,
        "batch_sizes": workbench.batch_sizes,
        "memories_searched": len(material.searched),
        "memories_large": plan.large_memories,
        "others_share": others_share(rounds, cores),
        "doubts": report.doubts(plan.rows, rounds),
        "rows": {row.key: report.figures_of(row, rounds, cores) for row in plan.rows},
        REPLAY: replays,
        "aims": aims_of(plan.rows, rounds),
    }


async def _rounds(
    workbench: Workbench, plan: Plan, material: Material, console: Console
) -> list[dict[str, Sample]]:
    rounds = []
    with _progress(console) as progress:
        task = progress.add_task("", total=plan.rounds * (len(plan.rows) + _extra_turns(plan.rows)))
        for number in range(plan.rounds):
            items = material.for_round(plan.rows)
            # There and back: what drifts during a round hits bound and measurement alike.
            order = plan.rows if number % 2 == 0 else tuple(reversed(plan.rows))
            samples: dict[str, list[Sample]] = {row.key: [] for row in plan.rows}
            for row, part, count in _schedule(order, items):
                progress.update(task, description=row.key)
                samples[row.key].append(await workbench.measure(row, part, count))
                progress.advance(task)
            rounds.append({key: joined(parts) for key, parts in samples.items()})
    return rounds


def _schedule(
    rows: tuple[Row, ...], items: dict[str, list[Item]]
) -> Iterator[tuple[Row, list[Item], int]]:
    """Rows of single requests in turns, then the others; each with its share of its items."""
    for turn in range(TURNS):
        for row in rows:
            if row.is_latency:
                part = slice(row.count * turn // TURNS, row.count * (turn + 1) // TURNS)
                yield row, items.get(row.key, [])[part], part.stop - part.start
    for row in rows:
        if not row.is_latency:
            yield row, items.get(row.key, []), row.count


def _extra_turns(rows: tuple[Row, ...]) -> int:
    return (TURNS - 1) * sum(row.is_latency for row in rows)


async def _replay(settings: RetrievalSettings) -> dict[str, float]:
    began = folded = time.perf_counter()

    def progress(_done: int, _total: int) -> None:
        nonlocal folded
        folded = time.perf_counter()

    done = await rebuild(settings, progress=progress)
    fold_seconds = folded - began
    return {
        "events": done.events,
        "fold_seconds": fold_seconds,
        "events_per_second": done.events / fold_seconds,
        "rebuild_seconds": time.perf_counter() - began,
    }


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    with Progress(
        MofNCompleteColumn(),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
        console=console,
        refresh_per_second=1,  # drawing takes time from what is measured
        transient=True,
    ) as progress:
        yield progress


def _warn(console: Console, result: dict[str, Any]) -> None:
    share = result["others_share"]
    if share is not None and share > machine.BUSY_SHARE_MAX:
        result["warnings"].append(
            f"other programs used {share:.0%} of the processors during the rounds"
        )
    for text in [*result["warnings"], *result["doubts"]]:
        console.print(f"warning: {text}", style="yellow", markup=False)


def _write(console: Console, result: dict[str, Any], file: Path | None) -> None:
    stamp = result["at"].replace(":", "").replace("-", "")[:15]
    target = file or RESULTS / f"speed-{stamp}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    console.print(f"all figures: {target}", soft_wrap=True)


if __name__ == "__main__":
    app()
