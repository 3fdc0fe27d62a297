"""All commands under one name. A command's module is imported when it is called, or listed."""

import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

from human_memory import __version__
from human_memory.extras import needs

# Where commands are defined, in the order in which they are listed. An `app` with a help text is a
# group of commands.
HOMES: dict[str, tuple[str, ...]] = {
    "running": ("up", "down"),
    "status": ("status",),
    "writing": ("store", "access", "forget", "restore", "correct", "supersede", "parameters"),
    "asking": ("search", "recall", "inspect", "list", "stats", "namespaces"),
    "selecting": ("forget-matching", "delete-namespace"),
    "graph": (
        "concept",
        "rename-concept",
        "merge-concept",
        "delete-concept",
        "relate",
        "spread",
        "graph",
    ),
    "importing": ("import",),
    "tail": ("tail",),
    "replaying": ("replay", "digest"),
    "mcp": ("mcp",),
    "maintenance:others": ("undo", "focus"),
    "maintenance": ("maintenance",),
    "topics": ("topics",),
    "model": ("model",),
    "dead_letters": ("dead-letters",),
}
# At a terminal no markdown: it takes the backticks away from what is to be typed.
MARKUP: Literal["rich"] = "rich"
_HOME_OF = {name: home for home, names in HOMES.items() for name in names}


class _Commands(Mapping[str, Any]):
    """Commands by name: the names are known, the rest is imported when it is asked for.

    All modules together take a second, and nobody who asks for the version should wait for them.
    """

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded |= commands_of(_HOME_OF[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_HOME_OF)

    def __len__(self) -> int:
        return len(_HOME_OF)


def commands_of(home: str) -> dict[str, Any]:
    """The commands that are defined there, by name."""
    module, _, attribute = home.partition(":")
    with needs("cli"):
        app = getattr(import_module(f"human_memory.cli.{module}"), attribute or "app")
    name = module.replace("_", "-")
    group = get_group_from_info(
        TyperInfo(app, name=name),
        pretty_exceptions_short=False,
        suggest_commands=True,
        rich_markup_mode=MARKUP,
    )
    return {name: group} if group.help else dict(group.commands)


class _Group(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "rich_markup_mode": MARKUP})
        self.commands = _Commands()  # type: ignore[assignment] # nobody adds to them

    def list_commands(self, ctx: Any) -> list[str]:
        """Their names, for which nothing is imported."""
        return list(self.commands)


app = typer.Typer(
    name="human-memory",
    cls=_Group,
    help="Human-like memory for AI agents, over an event log on Apache Kafka.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # that of the page that is made of it
)


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
