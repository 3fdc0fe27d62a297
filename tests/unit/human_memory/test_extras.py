"""Incomplete installs: one sentence, whichever package is the one that is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

# Stands for a package that is not installed: what is imported is looked for here first.
BLOCKING = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name == {missing!r} else found(name, package))
import runpy
sys.argv = {argv!r}
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
NOBODY = ("--kafka", "127.0.0.1:1", "--redis", "redis://127.0.0.1:1")


@pytest.mark.parametrize(
    ("missing", "argv"),
    [
        ("structlog", ("human_memory.cli", "replay", *NOBODY)),
        ("uvicorn", ("human_memory.cli", "up", *NOBODY)),
        ("uvicorn", ("services.run", "ingest")),
        ("structlog", ("services.run", "gateway")),
        ("aiokafka", ("services.run", "ingest")),
        ("rich", ("stack", "status")),
    ],
)
def test_missing_package_is_one_sentence_with_the_extra(
    tmp_path: Path, missing: str, argv: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKING.format(missing=missing, argv=list(argv))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert f"{missing} is not installed; run: pip install 'human-memory-server[" in done.stderr
    assert done.stderr.count("\n") == 1


def test_model_to_be_exported_without_torch_says_so(tmp_path: Path) -> None:
    argv = ["human_memory.cli", "model", "export", str(tmp_path)]

    done = subprocess.run(
        [sys.executable, "-c", BLOCKING.format(missing="torch", argv=argv)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"human-memory: the embedding model {tmp_path} is to be exported, once: torch is not "
        "installed; run: pip install 'human-memory-server[export]'\n"
    )
