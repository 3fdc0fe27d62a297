"""`dead-letters list`, `show`, `replay`: what could not be processed."""

import re
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.text import Text

from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, KafkaOptions, context_of
from human_memory.cli.output import out, print_json
from human_memory.cli.rendering import print_indented
from human_memory.models import DeadLetter
from human_memory.operations import installation
from human_memory.operations.requests import DeadLetterRequest, DeadLettersRequest, ReplayRequest
from schemas.limits import POSITION_PATTERN

app = typer.Typer(
    help="Look at what could not be processed, and send it again.", no_args_is_help=True
)
PlaceArgument = Annotated[
    str, typer.Argument(metavar="PARTITION:OFFSET", help="Its place, as `list` shows it.")
]


@dataclass(frozen=True, kw_only=True)
class ListOptions(KafkaOptions, JsonOption):
    """Options of `list`."""

    last: Annotated[int, typer.Option("--last", "-l", min=1, help="The newest so many.")] = 50


@command(app, "list")
async def list_(options: ListOptions) -> None:
    """The newest dead letters: where they lie, where they came from, and why.

    Example: `human-memory dead-letters list --last 20`
    """
    request = DeadLettersRequest(last=options.last)
    found = (await installation.dead_letters(request, context_of(options))).dead_letters
    if options.as_json:
        print_json([each.model_dump() for each in found])
        return
    if not found:
        out().print("no dead letters")
    for each in found:
        _print(each)


@dataclass(frozen=True, kw_only=True)
class ShowOptions(KafkaOptions, JsonOption):
    """Options of `show`."""

    place: PlaceArgument


@command(app)
async def show(options: ShowOptions) -> None:
    """One dead letter, whole.

    Example: `human-memory dead-letters show 3:17`
    """
    request = DeadLetterRequest(place=_checked(options.place))
    print_json((await installation.get_dead_letter(request, context_of(options))).model_dump())


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(KafkaOptions, JsonOption):
    """Options of `replay`."""

    place: Annotated[
        str | None, typer.Argument(metavar="[PARTITION:OFFSET]", help="Which one.")
    ] = None
    all_: Annotated[bool, typer.Option("--all", help="All that are there.")] = False


@command(app)
async def replay(options: ReplayOptions) -> None:
    """Send dead letters back to the topic they came from, as they were.

    Do so after what refused them was repaired. They stay among the dead letters for 30 days; one
    that is refused again becomes another dead letter. A command that is sent back twice counts
    once. With --all only commands are sent back, no queries and no events.

    Example: `human-memory dead-letters replay 3:17`
    """
    if (options.place is None) == (not options.all_):
        raise typer.BadParameter("give either PARTITION:OFFSET or --all")
    places = [] if options.place is None else [_checked(options.place)]
    request = ReplayRequest(places=places, all=options.all_)
    sent = (await installation.replay_dead_letters(request, context_of(options))).replayed
    if options.as_json:
        print_json([each.model_dump() for each in sent])
        return
    for each in sent:
        out().print(f"{each.dead_letter} → {each.sent_to}", markup=False)
    out().print(f"{len(sent)} sent")


def _print(letter: DeadLetter) -> None:
    reason = letter.reason
    if reason is None:
        out().print(f"{letter.place}  not written by a service", markup=False)
        return
    whence = f"from {reason.topic} {reason.partition}:{reason.offset} of {reason.timestamp}"
    out().print(f"{letter.place}  {whence}", markup=False, soft_wrap=True)
    print_indented(out(), Text(f"{reason.code}: {reason.reason}"))


def _checked(place: str) -> str:
    if not re.fullmatch(POSITION_PATTERN, place):
        raise typer.BadParameter(f"{place}: give PARTITION:OFFSET, such as 3:17")
    return place
