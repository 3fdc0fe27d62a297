"""`search`, `recall`, `inspect`, `list`, `stats`: what is remembered."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from human_memory.cli import rendering
from human_memory.cli.command import command
from human_memory.cli.options import QueryOptions, json_object, moment, numbers_by_name
from human_memory.cli.output import out
from human_memory.cli.writing import MemoryIdArgument
from schemas.queries import Inspect, ListMemories, Namespaces, Recall, Search, Stats
from schemas.query_base import QueryBase

app = typer.Typer()

FilterOption = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help='Only what metadata say, such as {"total": {"$gte": 100}, "from.city": "Bern"}.',
    ),
]
SessionOption = Annotated[str | None, typer.Option(help="Only of this conversation.")]
SpeakerOption = Annotated[str | None, typer.Option(help="Only what they said.")]
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
        typer.Option("--concept", help="A concept that is active and lifts what belongs to it."),
    ] = field(default_factory=list)
    as_of: AsOfOption = None
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
    query = Search.model_validate(
        _given(
            options,
            query=options.query,
            top_k=options.top_k,
            types=options.types,
            tags=options.tags,
            filter=json_object(options.filter, "--filter"),
            session=options.session,
            speaker=options.speaker,
            created_after=moment(options.since, "--since"),
            created_before=moment(options.until, "--until"),
            active_concepts=options.concepts,
            as_of=moment(options.as_of, "--as-of"),
            record_access=not options.no_record,
            explain=options.explain,
            collapse=not options.no_collapse,
            min_activation=options.min_activation,
            include_decayed=options.include_decayed,
            include_metadata=options.include_metadata,
            context=options.context,
            noise=options.noise,
            seed=options.seed,
            parameters=numbers_by_name(options.parameters),
        )
    )
    await _answer(options, query, rendering.print_found)


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
    query = Recall.model_validate(
        _given(
            options,
            memory_id=options.memory_id,
            context=options.context,
            as_of=moment(options.as_of, "--as-of"),
            record_access=not options.no_record,
            explain=options.explain,
        )
    )
    await _answer(options, query, rendering.print_memory)


@dataclass(frozen=True, kw_only=True)
class InspectOptions(QueryOptions):
    """Options of `inspect`."""

    memory_id: MemoryIdArgument
    as_of: AsOfOption = None


@command(app)
async def inspect(options: InspectOptions) -> None:
    """Everything about one memory, in any status, without touching it.

    Example: `human-memory inspect 5a0f... --json`
    """
    as_of = moment(options.as_of, "--as-of")
    query = Inspect.model_validate(_given(options, memory_id=options.memory_id, as_of=as_of))
    await _answer(options, query, rendering.print_memory)


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
    """The memories of a namespace by activation, without touching them.

    Example: `human-memory list -n acme/agent-7 --status active --limit 20`
    """
    query = ListMemories.model_validate(
        _given(
            options,
            status=options.status,
            memory_type=options.memory_type,
            filter=json_object(options.filter, "--filter"),
            session=options.session,
            speaker=options.speaker,
            tag=options.tag,
            limit=options.limit,
            offset=options.offset,
            cursor=options.cursor,
            include_metadata=options.include_metadata,
            as_of=moment(options.as_of, "--as-of"),
        )
    )
    await _answer(options, query, rendering.print_list)


@command(app)
async def stats(options: QueryOptions) -> None:
    """Count memories by status, and show their mean activation.

    Example: `human-memory stats -n acme/agent-7`
    """
    await _answer(options, Stats.model_validate(_given(options)), rendering.print_stats)


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
    """The namespaces of the installation by name, with their memories by status.

    Example: `human-memory namespaces --prefix acme/`
    """
    query = Namespaces.model_validate(
        _given(options, prefix=options.prefix, limit=options.limit, cursor=options.cursor)
    )
    await _answer(options, query, rendering.print_namespaces)


def _given(options: QueryOptions, **fields: Any) -> dict[str, Any]:
    """A query's fields without those that were not given."""
    values = {"namespace": options.namespace, "after": options.after, **fields}
    return {name: value for name, value in values.items() if value is not None}


async def _answer(options: QueryOptions, query: QueryBase, show: rendering.Show) -> None:
    reply = await options.request(query)
    if options.as_json:
        options.print_reply(reply)
    else:
        assert reply.result is not None
        show(out(), reply.result)
