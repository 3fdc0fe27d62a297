"""`python -m bench.quality`: load dialogues, ask their questions, compare rankings."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench import machine
from bench.quality import loop, report
from bench.quality.arms import ARMS, FULL
from bench.quality.asking import Asker, store
from bench.quality.bootstrap import SAMPLES_DEFAULT, SEED_DEFAULT, Difference
from bench.quality.figures import figures_of
from bench.quality.material import MOMENTS, Asked, Loaded, asked, loaded
from bench.quality.metrics import MAIN_METRIC
from bench.quality.plot import draw
from bench.system import System, running
from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer
from human_memory.conversation import Conversation, read
from schemas.errors import MemoryServiceError
from services.common.event_log import EventAppender
from stack.errors import StackError

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "bench" / "results"
OWN_DATA = ROOT / "examples" / "conversation.json"
LOG_WIDTH = 120
CLIENT_ID = "human-memory-bench-quality"
BELOW_STATUS = 3  # told apart from 1, which says that nothing could be measured


@dataclass(frozen=True)
class Plan:
    """The parts of the measurement."""

    dialogues: list[Loaded]
    questions: list[Asked]
    seed: int
    samples: int
    feedback_loop: bool


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog="Rankings:\n\n" + report.legend().replace("\n", "\n\n"))
def quality(
    data: Annotated[
        Path,
        typer.Argument(
            help="A conversation file with questions.", show_default="examples/conversation.json"
        ),
    ] = OWN_DATA,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Where the figures go; else bench/results/.")
    ] = None,
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="Where the plot goes; else beside the figures.")
    ] = None,
    feedback_loop: Annotated[
        bool, typer.Option(help="Also credit answers, and see what that does to later ones.")
    ] = False,
    at_least: Annotated[
        float | None,
        typer.Option(help=f"Exit with {BELOW_STATUS} if pooled {MAIN_METRIC} of full is lower."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the bootstrap, and of the loop.")] = SEED_DEFAULT,
    samples: Annotated[int, typer.Option(min=100, help="Of the bootstrap.")] = SAMPLES_DEFAULT,
    kafka: Annotated[str | None, typer.Option(help="host:port; else a local stack.")] = None,
    redis: Annotated[str | None, typer.Option(help="URL; else a local stack.")] = None,
) -> None:
    """Measure whether searches find what was said, however long ago.

    Starts Kafka, Redis and the services, stores each dialogue of DATA in a namespace of its own
    with its own times, and asks every question at six moments: 1 h, 1 d, 7 d, 30 d and 90 d after
    its newest evidence, and a day after the last session. Prints tables, writes a JSON file and a
    plot. Questions of the category "adversarial" ask for what was never said and stand apart.
    """
    if (kafka is None) != (redis is None):
        raise typer.BadParameter("give both --kafka and --redis, or none")
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    try:
        plan = _plan(read(data), console, seed=seed, samples=samples, feedback_loop=feedback_loop)
        with (
            console.status("starting") as status,
            running(kafka, redis, lambda text: status.update(text)) as system,
        ):
            status.stop()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                result = _about(data, plan) | runner.run(_measure(system, plan, console))
    except (OSError, StackError, MemoryServiceError) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    report.show(console, result)
    _write(console, result, json_file, plot_file)
    reached = result.get("pooled", {}).get(FULL, {}).get(MAIN_METRIC, 0.0)
    if at_least is not None and reached < at_least:
        console.print(f"bench: {MAIN_METRIC} of full is {reached:.4f}, below {at_least}")
        raise typer.Exit(BELOW_STATUS)


def _plan(
    conversation: Conversation,
    console: Console,
    *,
    seed: int,
    samples: int,
    feedback_loop: bool,
) -> Plan:
    dialogues, blank = loaded(conversation)
    questions, without = asked(conversation)
    turns = sum(len(dialogue.stores) for dialogue in dialogues)
    console.print(f"{len(dialogues)} dialogues, {turns:,} turns, {len(questions):,} questions")
    if blank:
        console.print(f"warning: {blank} turns without text are left out", style="yellow")
    if without:
        console.print(f"warning: {without} questions without evidence are left out", style="yellow")
    return Plan(dialogues, questions, seed, samples, feedback_loop)


def _about(data: Path, plan: Plan) -> dict[str, Any]:
    return {
        "benchmark": "quality",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "data": data.name,
        "dialogues": len(plan.dialogues),
        "turns": sum(len(dialogue.stores) for dialogue in plan.dialogues),
        "seed": plan.seed,
        "samples": plan.samples,
        "arms": {arm: each.model_dump(exclude_none=True) for arm, each in ARMS.items()},
    }


async def _measure(system: System, plan: Plan, console: Console) -> dict[str, Any]:
    async with Bus(system.settings, client_id=CLIENT_ID) as bus:
        with _progress(console, "storing", sum(len(d.stores) for d in plan.dialogues)) as advance:
            keys = await store(bus, plan.dialogues, advance)
        count = len(plan.questions) * len(MOMENTS) * len(ARMS)
        with _progress(console, "asking", count) as advance:
            asker = Asker(bus, plan.dialogues, keys)
            values = await asker.measure(plan.questions, ARMS, advance)
        result = figures_of(plan.questions, values, seed=plan.seed, samples=plan.samples)
        if plan.feedback_loop:
            result["feedback_loop"] = await _loop(bus, system, plan, console)
    return result


async def _loop(bus: Bus, system: System, plan: Plan, console: Console) -> dict[str, Any]:
    dialogues = loop.copies(plan.dialogues)
    schedules = [
        loop.schedule(plan.questions, number, seed=plan.seed)
        for number in range(len(plan.dialogues))
    ]
    stored = [dialogue for some in dialogues.values() for dialogue in some]
    with _progress(console, "storing again", sum(len(each.stores) for each in stored)) as advance:
        keys = await store(bus, stored, advance)
    questions = sum(map(len, schedules)) * len(dialogues)
    async with DurableProducer(system.settings, client_id=CLIENT_ID) as producer:
        log = EventAppender(system.settings, producer)
        with _progress(console, "crediting", questions) as advance:
            values = await loop.Loop(bus, log, keys, advance).run(dialogues, schedules)
    return loop.figures_of(values)


@contextmanager
def _progress(console: Console, what: str, total: int) -> Iterator[Any]:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def _write(
    console: Console, result: dict[str, Any], json_file: Path | None, plot_file: Path | None
) -> None:
    stamp = result["at"].replace(":", "").replace("-", "")[:15]
    target = json_file or RESULTS / f"quality-{stamp}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=1, default=_plain)
    target.write_text(text + "\n", encoding="utf-8")
    console.print(f"all figures: {target}", soft_wrap=True)
    if "by_moment" in result:
        plot = plot_file or target.with_suffix(".png")
        draw(result["by_moment"], plot, title=f"{MAIN_METRIC} by age of the evidence")
        console.print(f"plot: {plot}", soft_wrap=True)


def _plain(value: object) -> Any:
    assert isinstance(value, Difference)
    return asdict(value)


if __name__ == "__main__":
    app()
