"""Commands made of dataclasses, and what becomes of their errors."""

from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from human_memory.cli.command import command
from schemas.errors import NotFound
from stack.errors import StackError


class Message(BaseModel):
    """Something with a field that may be wrong."""

    count: int


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What several commands take."""

    loud: Annotated[bool, typer.Option("--loud")] = False


@dataclass(frozen=True, kw_only=True)
class GreetOptions(Shared):
    """What one command takes."""

    name: Annotated[str, typer.Argument()]
    titles: Annotated[list[str], typer.Option("--title")] = field(default_factory=list)


def failing(error: Exception) -> typer.Typer:
    app = typer.Typer()

    @command(app)
    async def fail(options: Shared) -> None:
        """Fail."""
        raise error

    return app


def greeting() -> typer.Typer:
    app = typer.Typer()

    @command(app)
    def greet(options: GreetOptions) -> None:
        """Say hello."""
        text = f"hello {' '.join([*options.titles, options.name])}"
        print(text.upper() if options.loud else text)

    return app


def test_fields_of_a_dataclass_are_the_options_of_its_command() -> None:
    result = CliRunner().invoke(greeting(), ["Ada", "--title", "Dr", "--title", "h.c.", "--loud"])

    assert (result.exit_code, result.stdout) == (0, "HELLO DR H.C. ADA\n")


def test_options_of_the_command_come_before_shared_ones_in_its_help() -> None:
    help_text = CliRunner().invoke(greeting(), ["--help"]).stdout

    assert "Say hello." in help_text
    assert help_text.index("--title") < help_text.index("--loud")


@pytest.mark.parametrize(
    "error",
    [NotFound("there is none"), StackError("there is none"), OSError("there is none")],
    ids=lambda error: type(error).__name__,
)
def test_expected_failure_is_one_line_on_standard_error_and_exit_1(error: Exception) -> None:
    result = CliRunner().invoke(failing(error))

    assert result.exit_code == 1
    assert (result.stdout, result.stderr) == ("", "human-memory: there is none\n")


def test_message_that_breaks_the_contract_is_a_usage_error_that_names_the_field() -> None:
    with pytest.raises(ValueError, match="count") as caught:
        Message.model_validate({"count": "many"})

    result = CliRunner().invoke(failing(caught.value))

    assert result.exit_code == 2
    assert result.stderr.startswith("human-memory: count: ")
