"""The commands about the graph: what they refuse, and what people read."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from human_memory.cli import graph
from human_memory.cli.commands import app
from human_memory.cli.output import Show

NOBODY = "127.0.0.1:1"
EDGE = {"source": "FastAPI", "target": "Py[red]thon", "relation_type": "USES", "weight": 0.95}
NODE = {"name": "Py[red]thon", "type": "language", "activation": 0.9}


def shown(show: Show, result: dict[str, Any]) -> list[str]:
    console = Console(width=80, highlight=False)
    with console.capture() as capture:
        show(console, result)
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["concept", "tea", "--type", "drink"], "need --create"),
        (["concept", "tea", "--alias", "chai"], "need --create"),
        (["concept", "tea", "--activation", "0"], "need --create"),
        (["concept", "tea", "--create", "--activation", "2"], "activation: "),
        (["concept", " "], "name: "),
        (["relate", "tea", "SERVED-IN", "cup"], "relation_type: "),
        (["relate", "tea", "IN", "cup", "--weight", "1.5"], "weight: "),
        (["spread", "tea", "--depth", "5"], "depth: "),
        (["graph", "--limit", "0"], "limit: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_refused_before_anything_is_asked(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    environment = {"HUMAN_MEMORY_DATA": str(tmp_path), "HUMAN_MEMORY_KAFKA": NOBODY}

    result = CliRunner().invoke(app, arguments, env=environment)

    assert (result.exit_code, result.stdout) == (2, "")
    assert complaint in result.stderr


def test_concept_is_one_line_and_one_for_each_relation() -> None:
    result = NODE | {"aliases": ["py"], "relationships": [EDGE | {"direction": "in"}], "total": 1}

    assert shown(graph.print_concept, result) == [
        "Py[red]thon (language, also py)  activation 0.9",
        "FastAPI -USES-> Py[red]thon  0.95",
    ]


def test_spread_shows_path_weights_in_their_order() -> None:
    reached = [NODE | {"path_weight": 0.95}, NODE | {"name": "AI", "path_weight": 0.8075}]

    header, first, second = shown(graph.print_reached, {"results": reached})

    assert header.split() == ["path", "weight", "activation", "concept"]
    assert first.split() == ["0.9500", "0.9", "Py[red]thon"]
    assert second.split() == ["0.8075", "0.9", "AI"]


def test_spread_that_reaches_nothing_says_so() -> None:
    assert shown(graph.print_reached, {"results": []}) == ["nothing is related to that"]


def test_graph_shows_concepts_then_relations_and_how_many_there_are() -> None:
    lines = shown(graph.print_graph, {"nodes": [NODE], "edges": [EDGE], "total": 7})

    assert lines[1].split() == ["0.9", "language", "Py[red]thon"]
    assert lines[2:] == ["FastAPI -USES-> Py[red]thon  0.95", "1 of 7 concepts"]
