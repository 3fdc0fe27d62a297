"""`dead-letters list`, `show`, `replay`, `discard`: what could not be processed."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.text import Text

from human_memory.cli.bus_options import context_of
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, KafkaOptions, moment
from human_memory.cli.output import out, print_json
from human_memory.cli.rendering import print_indented
from human_memory.models import DeadLetter
from human_memory.operations import dead_letters
from human_memory.operations.requests import (
    DeadLetterFilters,
    DeadLetterRequest,
    DeadLettersRequest,
    DiscardRequest,
    ReplayRequest,
)
from schemas.limits import POSITION_PATTERN

app = typer.Typer(
    help="See what could not be processed, send it again, or discard it.",
    no_args_is_help=True,
)
PlaceArgument = Annotated[
    str, typer.Argument(metavar="PARTITION:OFFSET", help="Its place, as `list` shows it.")
]


@dataclass(frozen=True, kw_only=True)
class FilterOptions(KafkaOptions, JsonOption):
    """Options that choose among dead letters."""

    topic: Annotated[
        str | None, typer.Option(help="Refused in this topic, such as memory.inbox.")
    ] = None
    code: Annotated[str | None, typer.Option(help="Refused with this code.")] = None
    service: Annotated[str | None, typer.Option(help="Refused by this service.")] = None
    key: Annotated[str | None, typer.Option(help="With this key, which is a namespace.")] = None
    contains: Annotated[str | None, typer.Option(help="With this in the reason.")] = None
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Refused at that time or later.")
    ] = None
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Refused before that time.")] = (
        None
    )

    def filters(self) -> dict[str, Any]:
        """Filters that are given, as requests take them."""
        given = {name: getattr(self, name) for name in DeadLetterFilters.model_fields}
        given["since"] = moment(self.since, "--since")
        given["until"] = moment(self.until, "--until")
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class ListOptions(FilterOptions):
    """Options of `list`."""

    last: Annotated[
        int, typer.Option("--last", "-l", min=1, help="Show this many, the newest.")
    ] = 50
    state: Annotated[
        str | None, typer.Option(help="Only waiting, sent_back, returned or discarded ones.")
    ] = None


@command(app, "list")
async def list_(options: ListOptions) -> None:
    """The newest dead letters: where they lie, where they came from, why, what became of them.

    One that is `returned` was sent back and refused again: that is a dead letter of its own.

    Example: `human-memory dead-letters list --state waiting --contains "in the future"`
    """
    request = DeadLettersRequest.model_validate(
        {"last": options.last, "state": options.state, **options.filters()}
    )
    found = (await dead_letters.dead_letters(request, context_of(options))).dead_letters
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
    print_json((await dead_letters.get_dead_letter(request, context_of(options))).model_dump())


@dataclass(frozen=True, kw_only=True)
class SomeOptions(FilterOptions):
    """Options that name one dead letter or all."""

    place: Annotated[
        str | None, typer.Argument(metavar="[PARTITION:OFFSET]", help="The dead letter.")
    ] = None
    all_: Annotated[
        bool, typer.Option("--all", help="All, or those that the other options choose.")
    ] = False

    def chosen(self) -> dict[str, Any]:
        """The places, or all, as requests take them.

        Raises:
            BadParameter: neither was given, or both.
        """
        if (self.place is None) == (not self.all_):
            raise typer.BadParameter("give either PARTITION:OFFSET or --all")
        filters = self.filters()
        if self.place is None:
            return {"all": True, **filters}
        if filters:
            raise typer.BadParameter(f"{', '.join(f'--{each}' for each in filters)} needs --all")
        return {"places": [_checked(self.place)]}


@dataclass(frozen=True, kw_only=True)
class ReplayOptions(SomeOptions):
    """Options of `replay`."""

    again: Annotated[bool, typer.Option("--again", help="Also send what was sent back before.")] = (
        False
    )


@command(app)
async def replay(options: ReplayOptions) -> None:
    """Send dead letters back to the topic they came from, as they were, each once.

    Do so after what refused them was repaired. They stay among the dead letters for 30 days; one
    that is refused again becomes another dead letter, which --all leaves alone, unless --again is
    given, too. A command that is sent back twice counts once. With --all only commands are sent
    back, no queries and no events.

    Example: `human-memory dead-letters replay --all --code validation`
    """
    request = ReplayRequest.model_validate({**options.chosen(), "again": options.again})
    done = await dead_letters.replay_dead_letters(request, context_of(options))
    if options.as_json:
        print_json([each.model_dump() for each in done.replayed])
        return
    for each in done.replayed:
        out().print(f"{each.dead_letter} → {each.sent_to}", markup=False)
    left = f"; {done.left} were sent back before: --again sends them, too" if done.left else ""
    out().print(f"{len(done.replayed)} sent{left}")


@dataclass(frozen=True, kw_only=True)
class DiscardOptions(SomeOptions):
    """Options of `discard`."""


@command(app)
async def discard(options: DiscardOptions) -> None:
    """Discard a dead letter, or with --all all that wait: `replay --all` leaves them out.

    They stay in the list for 30 days, as discarded; each can still be sent back by its place.

    Example: `human-memory dead-letters discard --all --topic memory.queries`
    """
    request = DiscardRequest.model_validate(options.chosen())
    done = (await dead_letters.discard_dead_letters(request, context_of(options))).discarded
    if options.as_json:
        print_json(done)
        return
    out().print(f"{len(done)} discarded")


def _print(letter: DeadLetter) -> None:
    became = _became(letter)
    reason = letter.reason
    if reason is None:
        out().print(f"{letter.place}  not written by a service{became}", markup=False)
        return
    whence = f"from {reason.topic} {reason.partition}:{reason.offset} of {reason.timestamp}"
    out().print(f"{letter.place}  {whence}{became}", markup=False, soft_wrap=True)
    print_indented(out(), Text(f"{reason.code}: {reason.reason}"))


def _became(letter: DeadLetter) -> str:
    match letter.state:
        case "sent_back":
            return f"  sent back as {letter.sent_to}"
        case "returned":
            return f"  sent back, and refused again: {letter.returned_as}"
        case "discarded":
            return "  discarded"
        case _:
            return ""


def _checked(place: str) -> str:
    if not re.fullmatch(POSITION_PATTERN, place):
        raise typer.BadParameter(f"{place}: give PARTITION:OFFSET, such as 3:17")
    return place
