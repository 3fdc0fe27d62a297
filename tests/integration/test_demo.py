"""`make demo`, with a short conversation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.installation import COMMAND_SECONDS_MAX, ROOT

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


def test_demo_tells_the_whole_story_and_ends_well(tmp_path: Path) -> None:
    document = json.loads((ROOT / "examples" / "conversation.json").read_text("utf-8"))
    document["dialogues"][0]["turns"] = document["dialogues"][0]["turns"][:30]
    file = tmp_path / "short.json"
    file.write_text(json.dumps(document), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--data", str(file)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
    )

    assert done.returncode == 0, done.stderr
    assert "30 memories" in done.stdout
    assert "What does Tidewell make?" in done.stdout
    assert done.stdout.count("the same") == 2
    assert list(tmp_path.glob("human-memory-demo-*")) == []


def test_demo_refuses_a_file_of_another_form_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--data", "pyproject.toml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("demo: pyproject.toml: not a conversation file")
    assert done.stderr.count("\n") == 1
