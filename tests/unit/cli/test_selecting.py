"""The commands that do something to many memories at once ask before what nothing brings back."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from human_memory.cli.commands import app


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_namespace_is_deleted_only_by_who_says_so(tmp_path: Path, answer: str) -> None:
    environment = {"HUMAN_MEMORY_DATA": str(tmp_path), "HUMAN_MEMORY_KAFKA": "127.0.0.1:1"}
    arguments = ["delete-namespace", "-n", "acme/agent-7"]

    result = CliRunner().invoke(app, arguments, input=answer, env=environment)

    assert result.exit_code == 1
    assert "deleted" not in result.stdout
    assert "all that is in the namespace acme/agent-7, for good? [y/N]" in result.stderr
    assert "Aborted" in result.stderr
