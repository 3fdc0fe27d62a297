"""`tail`: what goes through a topic, as it comes."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from human_memory.bus.reader import as_json, reading, recorded_at, value_of
from human_memory.cli.command import command
from human_memory.cli.options import JsonOption, KafkaOptions
from human_memory.cli.output import out
from schemas.topics import TOPICS

CONTENT_CHARACTERS_SHOWN = 60
# The newest of one namespace are looked for among so many of each partition.
LOOK_BACK_RECORDS = 2_000
_TOPICS = {topic.name.removeprefix("memory."): topic for topic in TOPICS}

app = typer.Typer()


@dataclass(frozen=True, kw_only=True)
class TailOptions(KafkaOptions, JsonOption):
    """Options of `tail`."""

    topic: Annotated[str, typer.Option(help=f"One of {', '.join(_TOPICS)}.")] = "events"
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Only this namespace.")
    ] = None
    last: Annotated[
        int, typer.Option("--last", "-l", min=0, help="Start with this many of the newest records.")
    ] = 10
    no_follow: Annotated[
        bool, typer.Option("--no-follow", help="Print what is there, then exit.")
    ] = False


@command(app)
async def tail(options: TailOptions) -> None:
    """Show records of a topic as they come, after the last few. Ctrl-C ends it.

    With `--json` a line is a whole record.

    Example: `human-memory tail -n acme/agent-7 --last 20`
    """
    if options.topic not in _TOPICS:
        raise typer.BadParameter(f"--topic {options.topic}: one of {', '.join(_TOPICS)}")
    settings = options.settings()

    def wanted(record: Any) -> bool:
        return options.namespace is None or _namespace(record) == options.namespace

    async with reading(settings, settings.topic(_TOPICS[options.topic])) as reader:
        look_back = options.last if options.namespace is None else LOOK_BACK_RECORDS
        for record in await reader.past(wanted, last=options.last, look_back=look_back):
            _print(record, as_line=options.as_json)
        if options.no_follow:
            return
        async for record in reader.follow():
            if wanted(record):
                _print(record, as_line=options.as_json)


def _namespace(record: Any) -> Any:
    value = value_of(record)
    if isinstance(value, dict) and "namespace" in value:
        return value["namespace"]
    return record.key.decode("utf-8", "replace") if record.key else None


def _print(record: Any, *, as_line: bool) -> None:
    if as_line:
        print(orjson.dumps(as_json(record)).decode(), flush=True)
        return
    value = value_of(record)
    place = f"{recorded_at(record)} {record.partition}:{record.offset}"
    line = Text(f"{place}  {_summary(value) if isinstance(value, dict) else value}")
    out().print(line, soft_wrap=True)


def _summary(value: dict[str, Any]) -> str:
    data = value.get("data") or {}
    parts = [value.get("type", ""), value.get("namespace", ""), value.get("subject", "")]
    if accesses := data.get("accesses"):
        parts += [f"{access['kind']} {access['memory_id']}" for access in accesses]
    corrected = (data.get("text") or {}).get("content")
    content = data.get("content") or corrected or value.get("content") or value.get("query") or ""
    if not any(parts):  # a reply
        content = orjson.dumps(value).decode()
    if len(content) > CONTENT_CHARACTERS_SHOWN:
        content = content[:CONTENT_CHARACTERS_SHOWN] + "…"
    return "  ".join(part for part in (*parts, content) if part)
