"""The wheel with the extra `server`, outside of any checkout: what users install by pip."""

from pathlib import Path

import pytest

from human_memory.paths import cache_folder
from tests.environments import build_wheel, environment_with

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_installed_server_starts_in_an_empty_folder_and_answers_without_torch(
    tmp_path: Path,
) -> None:
    installed = environment_with(build_wheel(tmp_path), tmp_path / "environment", "server")
    folder = tmp_path / "empty"
    folder.mkdir()
    settings = {"HUMAN_MEMORY_CACHE": str(cache_folder()), "HUMAN_MEMORY_HTTP_PORT": "0"}

    def run(*arguments: str) -> str:
        done = installed.run("human-memory", *arguments, beside=folder, **settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    try:
        started = run("up", "--detach")
        run("store", "Noemi lives in Bern.", "-n", "a/b")
        found = run("search", "Where does Noemi live?", "-n", "a/b")
    finally:
        run("down")

    assert started.startswith("ready\n")
    assert "Noemi lives in Bern." in found
    assert [each.name for each in folder.iterdir()] == [".human-memory"]
    assert not (installed.packages / "torch").exists()
    assert not (installed.packages / "sentence_transformers").exists()
