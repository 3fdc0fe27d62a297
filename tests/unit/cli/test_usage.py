"""What is refused before anything is asked of a server."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from human_memory.cli.commands import app

NOBODY = "127.0.0.1:1"


def run(arguments: list[str], data: Path) -> tuple[int, str, str]:
    environment = {
        "HUMAN_MEMORY_DATA": str(data),
        "HUMAN_MEMORY_KAFKA": NOBODY,
        "HUMAN_MEMORY_REDIS": None,
    }
    result = CliRunner().invoke(app, arguments, env=environment)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["store", " "], "content: "),
        (["store", "x", "--at", "tomorrow"], "--at tomorrow: give a time such as"),
        (["store", "x", "--metadata", "{"], "--metadata is not JSON"),
        (["store", "x", "--metadata", "[1]"], "--metadata must be a JSON object"),
        (["store", "x", "--namespace", "no spaces"], "namespace: "),
        (["search", "x", "-k", "1000"], "top_k: "),
        (["search", "x", "--after", "here"], "after: "),
        (["search", "x", "--since", "2026-02-01", "--until", "2026-01-01"], "created_after must"),
        (["list", "--status", "sleepy"], "status: "),
        (["tail", "--topic", "nothing"], "--topic nothing: one of inbox, events"),
        (["dead-letters", "show", "first"], "first: give PARTITION:OFFSET"),
        (["dead-letters", "show", "1:²"], "1:²: give PARTITION:OFFSET"),
        (["dead-letters", "replay"], "give either PARTITION:OFFSET or --all"),
        (["dead-letters", "replay", "0:1", "--all"], "give either PARTITION:OFFSET or --all"),
        (["dead-letters", "replay", "0:1", "--code", "validation"], "--code needs --all"),
        (["dead-letters", "discard"], "give either PARTITION:OFFSET or --all"),
        (["dead-letters", "list", "--state", "gone"], "state: "),
        (["dead-letters", "list", "--since", "soon"], "--since soon: give a time such as"),
        (["up", "--kafka", NOBODY], "give the addresses of both Kafka and Redis"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_that_says_what_is_right_and_exit_2(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    code, printed, complained = run(arguments, tmp_path)

    assert (code, printed) == (2, "")
    assert complained.startswith("human-memory: ")
    assert complaint in complained
    assert complained.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["store", "x"], ["search", "x"], ["topics", "check"], ["tail"], ["dead-letters", "list"]],
    ids=lambda arguments: arguments[0],
)
def test_kafka_that_does_not_answer_is_one_line_with_its_address_and_exit_1(
    tmp_path: Path, arguments: list[str]
) -> None:
    code, printed, complained = run(arguments, tmp_path)

    assert (code, printed) == (1, "")
    assert f"Kafka at {NOBODY} does not answer; start it (human-memory up)" in complained
    assert complained.count("\n") == 1


def test_down_where_nothing_runs_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    code, printed, _ = run(["down"], tmp_path / "none")

    assert code == 0
    assert "nothing runs in" in printed
    assert not (tmp_path / "none").exists()


def test_import_of_a_file_of_another_form_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text('{"dialogues": [{"id": "a", "turns": [{"id": "1"}]}]}', encoding="utf-8")

    code, _, complained = run(["import", str(file)], tmp_path)

    assert code == 1
    assert "not a conversation file: dialogues.0.turns.0.speaker: Field required" in complained


def test_the_command_line_loads_none_of_the_heavy_packages() -> None:
    heavy = "{'numpy', 'torch', 'faststream', 'redis', 'sentence_transformers', 'services'}"
    program = f"import sys, human_memory.cli; print({heavy} & set(sys.modules))"

    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert printed == "set()\n"
