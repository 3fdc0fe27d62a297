"""`concept`, `relate`, `spread`, `graph`: concepts and how they are related."""

from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from human_memory.cli.bus_options import BusOptions, QueryOptions
from human_memory.cli.command import command
from human_memory.cli.output import table
from human_memory.operations.graph import NamingCommand, name_after
from schemas.inbox import Concept, DeleteConcept, MergeConcept, Relation, RenameConcept
from schemas.queries import ConceptQuery, GraphExport, Spread

app = typer.Typer()

ConceptArgument = Annotated[str, typer.Argument(help="A name of the concept.")]


@dataclass(frozen=True, kw_only=True)
class ConceptOptions(QueryOptions):
    """Options of `concept`."""

    name: Annotated[str, typer.Argument(help="A name of the concept, in any case.")]
    create: Annotated[
        bool, typer.Option("--create", help="Create it, or overwrite what it is.")
    ] = False
    concept_type: Annotated[
        str | None, typer.Option("--type", "-t", help="With --create: what kind of thing it is.")
    ] = None
    activation: Annotated[
        float | None,
        typer.Option(help="With --create: how active it is, 0 to 1.", show_default="0.8"),
    ] = None
    aliases: Annotated[
        list[str],
        typer.Option("--alias", help="With --create: another name in texts; may be repeated."),
    ] = field(default_factory=list)


@command(app)
async def concept(options: ConceptOptions) -> None:
    """Show a concept and the relations at it, or create it.

    Texts that are stored later and name it, or an alias, are linked to it.

    Example: `human-memory concept Python --create --type language --alias py`
    """
    if options.create:
        # The next command may be about it.
        await options.write(options.message(Concept), f"concept {options.name}", visible=True)
        return
    if options.concept_type is not None or options.activation is not None or options.aliases:
        raise typer.BadParameter("--type, --activation and --alias need --create")
    await options.answer(options.message(ConceptQuery), print_concept)


@dataclass(frozen=True, kw_only=True)
class RenameOptions(BusOptions):
    """Options of `rename-concept`."""

    name: ConceptArgument
    new_name: Annotated[str, typer.Argument(help="A name that no other concept has.")]


@dataclass(frozen=True, kw_only=True)
class MergeOptions(BusOptions):
    """Options of `merge-concept`."""

    name: ConceptArgument
    into: Annotated[str, typer.Argument(help="A name of the concept that stays.")]


@dataclass(frozen=True, kw_only=True)
class DeleteOptions(BusOptions):
    """Options of `delete-concept`."""

    name: ConceptArgument
    reason: Annotated[str | None, typer.Option(help="For people who read the log.")] = None


@command(app)
async def rename_concept(options: RenameOptions) -> None:
    """Give a concept another name. The old one still means it, in texts and in commands.

    Example: `human-memory rename-concept Twitter X`
    """
    message = options.message(RenameConcept)
    await _renamed(options, message, f"{options.name} is called {options.new_name}")


@command(app)
async def merge_concept(options: MergeOptions) -> None:
    """Make a concept one with another, which takes over its memories, relations and names.

    This can't be taken back: nobody knows afterwards what was at which.

    Example: `human-memory merge-concept "Acme Inc." Acme`
    """
    message = options.message(MergeConcept)
    await _renamed(options, message, f"{options.name} is {options.into}")


@command(app)
async def delete_concept(options: DeleteOptions) -> None:
    """Delete a concept, its relations and its links to memories. The memories stay.

    Example: `human-memory delete-concept Acmee --reason "a typing error"`
    """
    message = options.message(DeleteConcept)
    await _renamed(options, message, f"deleted {options.name}")


async def _renamed(options: BusOptions, message: NamingCommand, done: str) -> None:
    async def ask(query: ConceptQuery) -> dict[str, Any]:
        return (await options.request(query)).unwrap()

    # What the log would take and the fold ignore is refused before.
    await name_after(message, ask)
    await options.write(message, done, visible=True)  # the next command may be about it


@dataclass(frozen=True, kw_only=True)
class RelateOptions(BusOptions):
    """Options of `relate`."""

    source: Annotated[str, typer.Argument(help="Name of a concept.")]
    relation_type: Annotated[str, typer.Argument(help="Letters, digits and _, as USED_FOR.")]
    target: Annotated[str, typer.Argument(help="Name of the other concept.")]
    weight: Annotated[float, typer.Option("--weight", "-w", help="The strength, 0 to 1.")] = 1.0


@command(app)
async def relate(options: RelateOptions) -> None:
    """Relate two concepts, or overwrite the weight of their relation of that type.

    Example: `human-memory relate Python USED_FOR AI --weight 0.9`
    """
    message = options.message(Relation)
    # A relation to nothing is ignored where it is read from the log: say so before.
    for name in (options.source, options.target):
        await options.request(ConceptQuery(namespace=options.namespace, name=name, limit=1))
    arrow = f"{options.source} -{options.relation_type}-> {options.target}"
    await options.write(message, f"{arrow}  {options.weight:g}", visible=True)


@dataclass(frozen=True, kw_only=True)
class SpreadOptions(QueryOptions):
    """Options of `spread`."""

    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Active concepts.")]
    depth: Annotated[int, typer.Option(help="The longest path, in relations, 1 to 4.")] = 2
    limit: Annotated[int, typer.Option(help="Show at most this many.")] = 10


@command(app)
async def spread(options: SpreadOptions) -> None:
    """List the concepts near some others, by the strongest path of relations.

    Example: `human-memory spread Python --depth 3`
    """
    await options.answer(options.message(Spread, active_concepts=options.names), print_reached)


@dataclass(frozen=True, kw_only=True)
class GraphOptions(QueryOptions):
    """Options of `graph`."""

    limit: Annotated[int, typer.Option(help="Show at most this many concepts.")] = 200


@command(app)
async def graph(options: GraphOptions) -> None:
    """List the concepts of a namespace and the relations among them.

    Example: `human-memory graph -n acme/agent-7 --json > graph.json`
    """
    await options.answer(options.message(GraphExport), print_graph)


def print_concept(console: Console, result: dict[str, Any]) -> None:
    """A concept in one line, and a line for each relation at it."""
    also = f", also {', '.join(result['aliases'])}" if result["aliases"] else ""
    line = f"{result['name']} ({result['type']}{also})  activation {result['activation']:g}"
    console.print(Text(line, style="bold"), soft_wrap=True)
    for edge in result["relationships"]:
        console.print(Text(_edge(edge)), soft_wrap=True)


def print_reached(console: Console, result: dict[str, Any]) -> None:
    """Concepts by path weight."""
    if not result["results"]:
        console.print("nothing is related to that")
        return
    rows = table("path weight", "activation", "concept", right=("path weight", "activation"))
    for each in result["results"]:
        weight = f"{each['path_weight']:.4f}"
        rows.add_row(weight, f"{each['activation']:g}", Text(each["name"]))
    console.print(rows)


def print_graph(console: Console, result: dict[str, Any]) -> None:
    """Concepts, then relations."""
    rows = table("activation", "type", "concept", right=("activation",))
    for node in result["nodes"]:
        rows.add_row(f"{node['activation']:g}", Text(node["type"]), Text(node["name"]))
    console.print(rows)
    for edge in result["edges"]:
        console.print(Text(_edge(edge)), soft_wrap=True)
    console.print(f"{len(result['nodes'])} of {result['total']} concepts")


def _edge(edge: dict[str, Any]) -> str:
    return f"{edge['source']} -{edge['relation_type']}-> {edge['target']}  {edge['weight']:g}"
