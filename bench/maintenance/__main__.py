"""`python -m bench.maintenance`: what decay and consolidation cost, and what searches feel."""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
import uvloop
from rich.console import Console
from rich.status import Status

from bench import machine
from bench.maintenance import report
from bench.maintenance.costs import Costs
from bench.maintenance.figures import Cost, Latency, latencies
from bench.maintenance.lab import Lab, Say
from bench.maintenance.material import Maker
from bench.maintenance.searching import Searching
from bench.system import System, running
from bench.texts import Recombiner, load_conversation
from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer
from schemas.errors import MemoryServiceError
from services.common.embedding.model_files import load_model
from services.common.redis import connect
from stack.errors import StackError

RESULTS = Path(__file__).parents[1] / "results"
CLIENT = "human-memory-bench"
SIZES, SIZES_QUICK = (1_000, 10_000, 100_000), (1_000, 10_000)
SEARCHED, SEARCHED_QUICK = 10_000, 2_000
ROUNDS, ROUNDS_QUICK = 5, 1
ALONE = 150
DIGITS = re.compile(r"[\d,.]+")
QUERIES = 200
LOG_WIDTH = 110


class Part(StrEnum):
    """A part that can be measured by itself."""

    COSTS = "costs"
    SEARCHES = "searches"


T = TypeVar("T")
Measure = Callable[[Lab, Maker, list[str]], Awaitable[T]]


@dataclass(frozen=True)
class Plan:
    """The size of the measurement, and where its results go."""

    parts: tuple[Part, ...]
    sizes: tuple[int, ...]
    searched: int
    rounds: int
    seed: int
    kafka: str | None
    redis: str | None


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def maintenance(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go; else bench/results/.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="1,000 and 10,000 memories, one round of searches.")
    ] = False,
    only: Annotated[
        Part | None, typer.Option(help="Only what a run costs, or only what searches feel.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, max=20, help="Of searches.")] = ROUNDS,
    kafka: Annotated[str | None, typer.Option(help="host:port; else a local stack.")] = None,
    redis: Annotated[str | None, typer.Option(help="URL; else a local stack.")] = None,
    seed: Annotated[int, typer.Option(help="Of the memories.")] = 1,
) -> None:
    """Measure decay and consolidation on a real Kafka and Redis, and searches while they run.

    First each service in a process of its own, for what a run costs; then as `human-memory up` runs
    them, for what searches feel. The exit status says only whether it could be measured.
    """
    if (kafka is None) != (redis is None):
        raise typer.BadParameter("give both --kafka and --redis, or none")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    plan = Plan(
        parts=tuple(Part) if only is None else (only,),
        sizes=SIZES_QUICK if quick else SIZES,
        searched=SEARCHED_QUICK if quick else SEARCHED,
        rounds=ROUNDS_QUICK if quick else rounds,
        seed=seed,
        kafka=kafka,
        redis=redis,
    )
    about = {
        "benchmark": "maintenance",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "busy_share_before": machine.busy_share(),
        "seed": seed,
    }
    try:
        costs, felt = _measured(plan, console)
    except (StackError, MemoryServiceError) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    report.show(console, costs, felt)
    _write(console, about | report.result_of(costs, felt), json_file)


def _measured(plan: Plan, console: Console) -> tuple[list[Cost], list[Latency]]:
    costs, felt = list[Cost](), list[Latency]()
    with console.status("starting") as status:
        say = _sayer(console, status)
        if Part.COSTS in plan.parts:
            costs = _in_system(plan, say, _costs(plan, say), separate=True)
        if Part.SEARCHES in plan.parts:
            felt = _in_system(plan, say, _searches(plan, say), separate=False)
    return costs, felt


def _sayer(console: Console, status: Status) -> Say:
    """Shows how far it is: on one line of a terminal, elsewhere a line for each step."""
    said = ""

    def say(text: str) -> None:
        nonlocal said
        step = DIGITS.sub("", text)
        if console.is_terminal:
            status.update(text)
        elif step != said:
            console.print(text, markup=False)
        said = step

    return say


def _in_system(plan: Plan, say: Say, measure: Measure[T], *, separate: bool) -> T:
    with (
        running(plan.kafka, plan.redis, say, separate=separate) as system,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_in_lab(system, plan, measure))


async def _in_lab(system: System, plan: Plan, measure: Measure[T]) -> T:
    conversation = load_conversation()
    queries = Recombiner(conversation.questions, seed=plan.seed).take(QUERIES)
    encode = load_model(system.settings.embedding_model, threads=os.cpu_count() or 1)
    maker = Maker(conversation, encode(queries).astype(np.float16), seed=plan.seed)
    redis = connect(system.settings.redis)
    try:
        async with (
            Bus(system.settings, client_id=CLIENT) as bus,
            DurableProducer(system.settings, client_id=CLIENT) as producer,
        ):
            lab = Lab(system, bus=bus, producer=producer, redis=redis, encode=encode)
            return await measure(lab, maker, queries)
    finally:
        await redis.aclose()


def _costs(plan: Plan, say: Say) -> Measure[list[Cost]]:
    async def measure(lab: Lab, maker: Maker, _: list[str]) -> list[Cost]:
        costs = Costs(lab, maker, now_ms=_now_ms(), say=say)
        await costs.warm_up()
        # Ascending, and the job that holds little first: so the peak of each is its own.
        decays = [await costs.decay(memories) for memories in plan.sizes]
        consolidations = [await costs.consolidation(memories) for memories in plan.sizes]
        return [*(cost for each in decays for cost in each), *consolidations]

    return measure


def _searches(plan: Plan, say: Say) -> Measure[list[Latency]]:
    async def measure(lab: Lab, maker: Maker, queries: list[str]) -> list[Latency]:
        searching = Searching(lab, maker, queries, memories=plan.searched, now_ms=_now_ms())
        await searching.prepare(say)
        rounds = [
            await searching.round(number, alone=ALONE, say=say) for number in range(plan.rounds)
        ]
        return latencies(rounds)

    return measure


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _write(console: Console, result: dict[str, Any], file: Path | None) -> None:
    stamp = result["at"].replace(":", "").replace("-", "")[:15]
    target = file or RESULTS / f"maintenance-{stamp}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    console.print(f"all figures: {target}", soft_wrap=True)


if __name__ == "__main__":
    app()
