"""What commands print: tables for people, JSON for programs."""

from typing import Any

import orjson
from rich.console import Console
from rich.table import Table


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
