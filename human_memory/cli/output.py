"""Output of commands: tables for people, JSON for programs."""

from collections.abc import Callable
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

# Prints a result for people.
Show = Callable[[Console, dict[str, Any]], None]


def out() -> Console:
    """The terminal as it is now, without marking numbers in other people's text."""
    return Console(highlight=False)


def print_json(value: Any) -> None:
    """One indented document on standard output."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())


def table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table; the columns `right` hold numbers."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def progress_bar() -> Progress:
    """A bar with count, rate and time on standard error, gone when it is done."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        """Steps a second."""
        return Text(f"{task.finished_speed or task.speed or 0:.0f}/s")
