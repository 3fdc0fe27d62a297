"""The table of commands: complete, quick, in the terminal as it is written, completed by shells."""

import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import human_memory.cli
from human_memory import __version__
from human_memory.cli.commands import HOMES, app, commands_of

# Where there are no commands, but what they share.
SHARED = {"__main__", "bus_options", "command", "commands", "options", "output", "rendering"}


def shown(*arguments: str) -> str:
    """A page of help, without what the width of the terminal does to it."""
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return " ".join(re.sub("[│─╭╮╰╯]", " ", result.output).split())


@pytest.mark.parametrize("home", HOMES)
def test_table_names_the_commands_that_a_module_has_and_no_other(home: str) -> None:
    assert set(commands_of(home)) == set(HOMES[home])


def test_table_has_every_module_with_commands() -> None:
    modules = {module.name for module in pkgutil.iter_modules(human_memory.cli.__path__)}

    assert {home.partition(":")[0] for home in HOMES} == modules - SHARED


@pytest.mark.parametrize("home", HOMES)
def test_help_shows_what_is_to_be_typed_as_it_is_written(home: str) -> None:
    for name, command in commands_of(home).items():
        subcommands = getattr(command, "commands", None)
        for words, each in (
            [([name, sub], each) for sub, each in subcommands.items()]
            if subcommands is not None
            else [([name], command)]
        ):
            assert " ".join((each.help or "").split()) in shown(*words)


def test_list_of_commands_shows_backticks_too() -> None:
    assert "Stop what `up` started in this data folder." in shown()


def test_version_and_completion_of_names_import_no_command() -> None:
    program = (
        "import sys\n"
        "sys.argv = ['human-memory', '--version']\n"
        "from human_memory.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "names = {'aiokafka', 'pydantic', 'schemas', 'httpx', 'rich', 'psutil'}\n"
        "print(names & set(sys.modules))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert done.stdout.splitlines() == [__version__, "set()"], done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("human-memory se", "search"),
        ("human-memory dead-letters re", "replay"),
        ("human-memory search --top", "--top-k"),
    ],
)
def test_shells_complete_commands_and_options(shell: str, words: str, expected: str) -> None:
    asked = {
        "_HUMAN_MEMORY_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words.split(" ")[-1],
    }

    done = subprocess.run(
        [sys.executable, "-m", "human_memory.cli"],
        env=os.environ | asked,
        capture_output=True,
        text=True,
    )

    assert expected in done.stdout, done.stderr


def test_misspelt_command_is_told_the_right_one() -> None:
    result = CliRunner().invoke(app, ["serch"])

    assert result.exit_code == 2
    assert "Did you mean 'search'?" in result.output


def test_package_that_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "aiokafka").mkdir()
    (tmp_path / "aiokafka" / "__init__.py").write_text("import nothing_of_that_name\n")

    done = subprocess.run(
        [sys.executable, "-m", "human_memory.cli", "search", "tea"],
        env=os.environ
        | {"PYTHONPATH": f"{tmp_path}:{Path(human_memory.cli.__path__[0]).parents[1]}"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("human-memory: nothing_of_that_name is not installed")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("home", "name", "order"),
    [
        ("graph", "rename-concept", ["name", "new_name"]),
        ("graph", "merge-concept", ["name", "into"]),
        ("graph", "relate", ["source", "relation_type", "target"]),
        ("writing", "supersede", ["memory_id", "superseded_by"]),
        ("writing", "correct", ["memory_id", "text"]),
    ],
)
def test_arguments_come_in_the_order_of_the_sentence(
    home: str, name: str, order: list[str]
) -> None:
    parameters = commands_of(home)[name].params

    assert [each.name for each in parameters if each.param_type_name == "argument"] == order
