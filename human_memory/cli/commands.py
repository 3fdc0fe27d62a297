"""All commands under one name."""

import logging
from typing import Annotated

import typer

from human_memory import __version__
from human_memory.cli import (
    asking,
    dead_letters,
    graph,
    importing,
    maintenance,
    mcp,
    replaying,
    running,
    status,
    tail,
    topics,
    writing,
)

app = typer.Typer(
    name="human-memory",
    help="Human-like memory for AI agents, over an event log on Apache Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for module in (running, status, writing, asking, graph, importing, tail, replaying, mcp):
    app.add_typer(module.app)
app.add_typer(maintenance.others)
app.add_typer(maintenance.app, name="maintenance", no_args_is_help=True)
app.add_typer(topics.app, name="topics")
app.add_typer(dead_letters.app, name="dead-letters")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


VersionOption = typer.Option(
    "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
)


@app.callback()
def _shared(version: Annotated[bool, VersionOption] = False) -> None:
    pass  # the option has done all there is


def run() -> None:
    """Carry out the command that was typed."""
    # The client library logs every failed connection; our errors say the same, once.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    app(prog_name="human-memory")
