"""`dead-letters list`, `show`, `replay`: what could not be processed."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.text import Text

from human_memory.bus.producer import DurableProducer, Outgoing
from human_memory.bus.settings import KafkaSettings
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, KafkaOptions
from human_memory.cli.output import out, print_json
from human_memory.cli.records import Reader, as_json, reading
from human_memory.cli.rendering import print_indented
from schemas.dead_letters import HEADER_PREFIX, DeadLetterReason
from schemas.errors import NotFound, Rejected
from schemas.fields import rfc3339
from schemas.topics import DEAD_LETTERS, INBOX, MAINTENANCE, REPLAYED_FROM

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
    """The newest dead letters: where they lie, whence they came and why.

    Example: `human-memory dead-letters list --last 20`
    """
    settings = options.settings()
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        records = await reader.past(lambda _: True, last=options.last, look_back=options.last)
    if options.as_json:
        print_json([_as_json(record) for record in records])
        return
    if not records:
        out().print("no dead letters")
        return
    for record in records:
        _print(record)


@dataclass(frozen=True, kw_only=True)
class ShowOptions(KafkaOptions, JsonOption):
    """Options of `show`."""

    place: PlaceArgument


@command(app)
async def show(options: ShowOptions) -> None:
    """One dead letter, whole.

    Example: `human-memory dead-letters show 3:17`
    """
    settings, place = options.settings(), _parsed(options.place)
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        record = await _at(reader, place)
    print_json(_as_json(record))


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
    settings = options.settings()
    place = None if options.place is None else _parsed(options.place)
    async with reading(settings, settings.topic(DEAD_LETTERS)) as reader:
        if place is None:
            records = await reader.past(lambda record: _may_be_repeated(settings, record))
        else:
            records = [await _at(reader, place)]
    places = await _send_back(settings, records)
    if options.as_json:
        print_json(places)
    else:
        for each in places:
            out().print(f"{each['dead_letter']} → {each['sent_to']}", markup=False)
        out().print(f"{len(places)} sent")


def _may_be_repeated(settings: KafkaSettings, record: Any) -> bool:
    """Commands: a query's sender has long gone, and the log takes no record twice."""
    reason = _reason(record)
    topics = {settings.topic(topic) for topic in (INBOX, MAINTENANCE)}
    return reason is not None and reason.topic in topics


def _print(record: Any) -> None:
    place, reason = f"{record.partition}:{record.offset}", _reason(record)
    if reason is None:
        out().print(f"{place}  not written by a service", markup=False)
        return
    whence = (
        f"from {reason.topic} {reason.partition}:{reason.offset} of {rfc3339(reason.timestamp)}"
    )
    out().print(f"{place}  {whence}", markup=False, soft_wrap=True)
    print_indented(out(), Text(f"{reason.code}: {reason.reason}"))


async def _send_back(settings: KafkaSettings, records: list[Any]) -> list[dict[str, str]]:
    outgoing = [_original(record) for record in records]
    async with DurableProducer(settings, client_id="human-memory-cli") as producer:
        sent = await producer.send_all(outgoing)
    return [
        {
            "dead_letter": f"{record.partition}:{record.offset}",
            "sent_to": f"{place.topic} {place.partition}:{place.offset}",
        }
        for record, place in zip(records, sent, strict=True)
    ]


def _original(record: Any) -> Outgoing:
    place, reason = f"{record.partition}:{record.offset}", _reason(record)
    if reason is None:
        raise Rejected(f"{place} does not say whence it came: no service wrote it")
    if record.key is None and reason.value_was_null:
        raise Rejected(f"{place} has neither key nor value, which our Kafka client can't send")
    own = [(k, v) for k, v in record.headers if not k.startswith(HEADER_PREFIX)]
    if REPLAYED_FROM not in dict(own):
        # Ingest takes the ids from it: sent back twice, it is still one memory.
        origin = f"{reason.topic}:{reason.partition}:{reason.offset}:{reason.timestamp}"
        own.append((REPLAYED_FROM, origin.encode()))
    value = None if reason.value_was_null else record.value
    # With a key the partition follows from it; without one the record goes back where it lay.
    partition = None if record.key is not None else reason.partition
    return Outgoing(reason.topic, record.key, value, own, partition)


def _parsed(place: str) -> tuple[int, int]:
    partition, _, offset = place.partition(":")
    if not (partition.isdigit() and offset.isdigit()):
        raise typer.BadParameter(f"{place}: give PARTITION:OFFSET, such as 3:17")
    return int(partition), int(offset)


async def _at(reader: Reader, place: tuple[int, int]) -> Any:
    record = await reader.one(*place)
    if record is None:
        raise NotFound(
            f"no dead letter at {place[0]}:{place[1]}; see: human-memory dead-letters list"
        )
    return record


def _reason(record: Any) -> DeadLetterReason | None:
    try:
        return DeadLetterReason.from_headers(dict(record.headers))
    except (ValidationError, UnicodeDecodeError):
        return None


def _as_json(record: Any) -> dict[str, Any]:
    reason = _reason(record)
    shown = as_json(record)
    shown["headers"] = {
        k: v for k, v in shown["headers"].items() if not k.startswith(HEADER_PREFIX)
    }
    return shown | {"reason": reason.model_dump(mode="json") if reason else None}
