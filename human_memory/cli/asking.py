"""`search`, `recall`, `inspect`, `list`, `stats`: what is remembered."""

from dataclasses import dataclass, field
from typing import Annotated

import typer

from human_memory.cli import rendering
from human_memory.cli.bus_options import QueryOptions
from human_memory.cli.command import command
from human_memory.cli.options import json_object, moment, numbers_by_name
from human_memory.cli.writing import MemoryIdArgument
from schemas.queries import Inspect, ListMemories, Namespaces, Recall, Search, Stats

app = typer.Typer()

FilterOption = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help='Only what metadata say, such as {"total": {"$gte": 100}, "from.city": "Bern"}.',
    ),
]
SessionOption = Annotated[str | None, typer.Option(help="Only from this conversation.")]
SpeakerOption = Annotated[str | None, typer.Option(help="Only from this speaker.")]
AsOfOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="Answer as of this past moment (ISO 8601).")
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Show the parts of each activation, and what made them.")
]
IncludeMetadataOption = Annotated[
    bool, typer.Option("--include-metadata", help="Show the metadata of each memory too.")
]
NoRecordOption = Annotated[
    bool, typer.Option("--no-record", help="Look without strengthening what is found.")
]


@dataclass(frozen=True, kw_only=True)
class ConditionOptions:
    """Options that say which memories are meant."""

    types: Annotated[
        list[str], typer.Option("--type", "-t", help="Only of this type; may be repeated.")
    ] = field(default_factory=list)
    tags: Annotated[
        list[str], typer.Option("--tag", help="Only with this tag; repeated: with all of them.")
    ] = field(default_factory=list)
    filter: FilterOption = None
    session: SessionOption = None
    speaker: SpeakerOption = None
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what happened then or later.")
    ] = None
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what happened before.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class SearchOptions(ConditionOptions, QueryOptions):
    """Options of `search`."""

    query: Annotated[str, typer.Argument(help="What to look for.")]
    top_k: Annotated[int, typer.Option("-k", "--top-k", help="Show at most this many.")] = 7
    concepts: Annotated[
        list[str],
        typer.Option("--concept", help="An active concept: memories about it rank higher."),
    ] = field(default_factory=list)
    as_of: AsOfOption = None
    utc_offset: Annotated[
        int, typer.Option(help='Minutes that your clock is ahead of UTC, for "today" and the like.')
    ] = 0
    no_record: NoRecordOption = False
    explain: ExplainOption = False
    no_collapse: Annotated[
        bool, typer.Option("--no-collapse", help="Show all memories that say the same.")
    ] = False
    min_activation: Annotated[
        float | None, typer.Option(help="Use this instead of the retrieval threshold.")
    ] = None
    include_decayed: Annotated[
        bool | None,
        typer.Option(
            "--include-decayed/--no-decayed",
            help="All decayed memories above the threshold, or none.",
            show_default="those that the query brings back",
        ),
    ] = None
    include_metadata: IncludeMetadataOption = False
    context: Annotated[
        str | None, typer.Option(help="The situation, as text; kept with the accesses.")
    ] = None
    noise: Annotated[bool, typer.Option("--noise", help="Add noise to each activation.")] = False
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same noise.")] = None
    parameters: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="NAME=NUMBER",
            help="A parameter of the model, for this search only; may be repeated.",
        ),
    ] = field(default_factory=list)


@command(app)
async def search(options: SearchOptions) -> None:
    """Search for what is remembered about something, here and now, ranked by activation.

    What is found gets stronger, unless `--no-record` or `--as-of` is given.

    Example: `human-memory search "Where does Noemi live?" -k 3 --explain`
    """
    query = options.message(
        Search,
        filter=json_object(options.filter, "--filter"),
        created_after=moment(options.since, "--since"),
        created_before=moment(options.until, "--until"),
        active_concepts=options.concepts,
        as_of=moment(options.as_of, "--as-of"),
        record_access=not options.no_record,
        collapse=not options.no_collapse,
        parameters=numbers_by_name(options.parameters),
    )
    await options.answer(query, rendering.print_found)


@dataclass(frozen=True, kw_only=True)
class RecallOptions(QueryOptions):
    """Options of `recall`."""

    memory_id: MemoryIdArgument
    context: Annotated[str | None, typer.Option(help="The situation, as text.")] = None
    as_of: AsOfOption = None
    no_record: NoRecordOption = False
    explain: ExplainOption = False


@command(app)
async def recall(options: RecallOptions) -> None:
    """Bring one memory back; it gets stronger.

    Example: `human-memory recall 5a0f... --explain`
    """
    as_of = moment(options.as_of, "--as-of")
    query = options.message(Recall, as_of=as_of, record_access=not options.no_record)
    await options.answer(query, rendering.print_memory)


@dataclass(frozen=True, kw_only=True)
class InspectOptions(QueryOptions):
    """Options of `inspect`."""

    memory_id: MemoryIdArgument
    as_of: AsOfOption = None
    course: Annotated[
        int, typer.Option(help="Add when it fades, and so many points of its activation.")
    ] = 0


@command(app)
async def inspect(options: InspectOptions) -> None:
    """Show everything about one memory, in any status, without strengthening it.

    Example: `human-memory inspect 5a0f... --json`
    """
    query = options.message(Inspect, as_of=moment(options.as_of, "--as-of"))
    await options.answer(query, rendering.print_memory)


@dataclass(frozen=True, kw_only=True)
class ListOptions(QueryOptions):
    """Options of `list`."""

    status: Annotated[str | None, typer.Option(help="Only active, decayed or deleted ones.")] = None
    memory_type: Annotated[str | None, typer.Option("--type", "-t", help="Only this type.")] = None
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None
    filter: FilterOption = None
    session: SessionOption = None
    speaker: SpeakerOption = None
    limit: Annotated[int, typer.Option(help="Show at most this many.")] = 50
    offset: Annotated[int, typer.Option(help="Skip this many.")] = 0
    cursor: Annotated[
        str | None, typer.Option(help="Continue after the page that gave this cursor.")
    ] = None
    include_metadata: IncludeMetadataOption = False
    as_of: AsOfOption = None


@command(app, "list")
async def list_(options: ListOptions) -> None:
    """List the memories of a namespace by activation, without strengthening them.

    Example: `human-memory list -n acme/agent-7 --status active --limit 20`
    """
    query = options.message(
        ListMemories,
        filter=json_object(options.filter, "--filter"),
        as_of=moment(options.as_of, "--as-of"),
    )
    await options.answer(query, rendering.print_list)


@command(app)
async def stats(options: QueryOptions) -> None:
    """Count memories by status, and show their mean activation.

    Example: `human-memory stats -n acme/agent-7`
    """
    await options.answer(options.message(Stats), rendering.print_stats)


@dataclass(frozen=True, kw_only=True)
class NamespacesOptions(QueryOptions):
    """Options of `namespaces`."""

    prefix: Annotated[str | None, typer.Option(help="Only names that begin with this.")] = None
    limit: Annotated[int, typer.Option(help="Show at most this many.")] = 50
    cursor: Annotated[
        str | None, typer.Option(help="Continue after the page that gave this cursor.")
    ] = None


@command(app)
async def namespaces(options: NamespacesOptions) -> None:
    """List the namespaces of the installation, with their memories by status.

    Example: `human-memory namespaces --prefix acme/`
    """
    await options.answer(options.message(Namespaces), rendering.print_namespaces)
