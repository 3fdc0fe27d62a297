"""`topics apply` and `topics check`."""

from dataclasses import asdict, dataclass

import typer

from human_memory.bus.topics import apply_topics, check_topics
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, KafkaOptions
from human_memory.cli.output import out, print_json

app = typer.Typer(help="Create or check the topics in Kafka.", no_args_is_help=True)


@dataclass(frozen=True, kw_only=True)
class TopicsOptions(KafkaOptions, JsonOption):
    """Options of both."""


@command(app)
async def apply(options: TopicsOptions) -> None:
    """Create missing topics and correct settings that differ; a second run changes nothing.

    Example: `human-memory topics apply --kafka broker:9092`
    """
    changes = await apply_topics(options.settings())
    if options.as_json:
        print_json([asdict(change) for change in changes])
        return
    for change in changes:
        out().print(f"{change.topic}: {change.change}", markup=False)
    if not changes:
        out().print("nothing to do: all topics are as they must be")


@command(app)
async def check(options: TopicsOptions) -> None:
    """Report topics that are missing or wrongly set; the exit status is 1 if there are any.

    Example: `human-memory topics check`
    """
    problems = await check_topics(options.settings())
    if options.as_json:
        print_json([asdict(problem) for problem in problems])
    for problem in problems if not options.as_json else ():
        out().print(f"{problem.topic} {problem.problem}", markup=False)
    if problems:
        if not options.as_json and all(problem.repairable for problem in problems):
            out().print("run: human-memory topics apply")
        raise typer.Exit(1)
    if not options.as_json:
        out().print("all topics are as they must be")
