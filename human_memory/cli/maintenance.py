"""`maintenance run | runs | show | cancel` and `undo`: what time does to a memory, by hand."""

from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import orjson
import typer
from rich.console import Console
from rich.text import Text

from human_memory.cli.bus_options import BusOptions, QueryOptions
from human_memory.cli.command import command
from human_memory.cli.output import table
from human_memory.cli.rendering import print_indented, when
from schemas.jobs import parameters_of
from schemas.maintenance import CancelRun, RunJob, UndoRun
from schemas.queries import RunQuery, Runs, WorkingMemoryQuery

app = typer.Typer(
    help="Decay, consolidation and forgetting: run them, see what they did.", no_args_is_help=True
)
others = typer.Typer()
RunIdArgument = Annotated[UUID, typer.Argument(metavar="RUN_ID", help="The run's id.")]


@dataclass(frozen=True, kw_only=True)
class RunOptions(BusOptions):
    """Options of `maintenance run`."""

    job: Annotated[
        str,
        typer.Argument(
            help="decay, consolidation, capacity, strategic_prune, interference or rif."
        ),
    ]
    parameters: Annotated[
        list[str],
        typer.Option(
            "--set", "-s", metavar="NAME=VALUE", help="A parameter of the job; may be repeated."
        ),
    ] = field(default_factory=list)


@command(app)
async def run(options: RunOptions) -> None:
    """Run a job now. Waits until it is done, or prints its id if that takes too long.

    Example: `human-memory maintenance run capacity --set capacity=1000`
    """
    parameters = dict(map(_parameter, options.parameters))
    message = options.message(RunJob, parameters=parameters)
    parameters_of(message.job, message.parameters)  # refused here, it leaves no dead letter
    await options.answer(message, _print_outcome)


@dataclass(frozen=True, kw_only=True)
class RunsOptions(QueryOptions):
    """Options of `maintenance runs`."""

    job: Annotated[str | None, typer.Option(help="Only runs of this job.")] = None
    limit: Annotated[int, typer.Option(help="Show at most this many.")] = 50


@command(app)
async def runs(options: RunsOptions) -> None:
    """List the runs of a namespace, newest first.

    Example: `human-memory maintenance runs --job decay`
    """
    await options.answer(options.message(Runs), _print_runs)


@dataclass(frozen=True, kw_only=True)
class ShowOptions(QueryOptions):
    """Options of `maintenance show`."""

    run_id: RunIdArgument


@command(app)
async def show(options: ShowOptions) -> None:
    """Show one run: how far it is, or what it did and why.

    Example: `human-memory maintenance show 8b0f...`
    """
    await options.answer(options.message(RunQuery), _print_fields)


@dataclass(frozen=True, kw_only=True)
class OneRunOptions(BusOptions):
    """Options of `maintenance cancel` and `undo`."""

    run_id: RunIdArgument


@command(app)
async def cancel(options: OneRunOptions) -> None:
    """Stop a run at its next safe point. What it did so far stays; `undo` takes it back.

    Example: `human-memory maintenance cancel 8b0f...`
    """
    await options.answer(options.message(CancelRun), _print_outcome)


@command(others)
async def undo(options: OneRunOptions) -> None:
    """Take back all that a run did: memories are as they were, what it made is deleted.

    Example: `human-memory undo 8b0f...`
    """
    await options.answer(options.message(UndoRun), _print_outcome)


@command(others)
async def focus(options: QueryOptions) -> None:
    """Show working memory: the memories in focus right now, the strongest first.

    Example: `human-memory focus -n acme/agent-7`
    """
    await options.answer(options.message(WorkingMemoryQuery), _print_focus)


def _print_runs(console: Console, result: dict[str, Any]) -> None:
    for each in result["runs"]:
        # An id is there to be copied: on a line of its own it is whole, however narrow that is.
        line = f"{when(each['began_at'])}  {each['job']:<15}  {each['status']}"
        console.print(line, markup=False, style="bold", soft_wrap=True)
        console.print(each["run_id"], markup=False, soft_wrap=True)
        print_indented(console, Text(_report(each)))


def _print_focus(console: Console, result: dict[str, Any]) -> None:
    memories = result["memories"]
    for each in memories:
        console.print(f"{each['activation']:>7.3f}  {each['memory_id']}", markup=False)
        print_indented(console, Text(each["content"]))
    console.print(f"{len(memories)} of at most {result['capacity']}")


def _print_outcome(console: Console, result: dict[str, Any]) -> None:
    if result["complete"]:
        _print_fields(console, result)
    else:
        console.print(f"still at work; see: human-memory maintenance show {result['run_id']}")


def _print_fields(console: Console, result: dict[str, Any]) -> None:
    rows = table("field", "value")
    rows.show_header = False
    for name, value in result.items():
        if name == "report":
            for key, number in value.items():
                rows.add_row(key, Text(_text(number)))
        elif name == "error" and value is not None:
            rows.add_row(name, Text(value["message"]))
        elif value not in (None, [], {}):
            rows.add_row(name, Text(_text(value)))
    console.print(rows)


def _report(run: dict[str, Any]) -> str:
    if run["status"] == "running":
        return f"{run['phase']} {run['done']}/{run['total']}"
    if run["error"] is not None:
        return str(run["error"]["message"])
    numbers = {k: v for k, v in run["report"].items() if isinstance(v, int) and v}
    shown = [f"{name} {value}" for name, value in numbers.items()]
    shown += [str(text) for name, text in run["report"].items() if name.endswith("_error")]
    return ", ".join(shown) or "nothing to do"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _parameter(given: str) -> tuple[str, Any]:
    name, separator, value = given.partition("=")
    if not separator or not name:
        raise typer.BadParameter(f"--set {given}: give NAME=VALUE, such as capacity=1000")
    try:
        return name, orjson.loads(value)
    except orjson.JSONDecodeError:
        return name, value
