"""The published client, installed apart: it has our import name."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import dataclass
from pathlib import Path

from tests.integration.services_fixture import ROOT

PUBLISHED_LOCK = ROOT / "tests" / "conformance" / "published.lock"
UV = ROOT / ".bootstrap" / "bin" / "uv"
# Its metadata asks for 3.12, its code runs on 3.11.
PUBLISHED_FOR_PYTHON = "3.12"


@dataclass(frozen=True)
class Outcome:
    """Of a program: its exit code and all it printed."""

    code: int | None
    output: str


async def run(*command: str, cwd: Path, **environment: str) -> Outcome:
    """Run a program to its end."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env={**os.environ, **environment}, stdout=PIPE, stderr=STDOUT
    )
    output, _ = await process.communicate()
    return Outcome(process.returncode, output.decode(errors="replace"))


async def install_published_client(folder: Path) -> None:
    """Fetch it, unmodified, by its hash."""
    mirror = os.environ.get("PIP_INDEX_URL")
    installed = await run(
        *(str(UV), "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python", sys.executable, "--python-version", PUBLISHED_FOR_PYTHON),
        *("--target", str(folder), "--requirement", str(PUBLISHED_LOCK)),
        cwd=folder,
        **({"UV_DEFAULT_INDEX": mirror} if mirror else {}),
    )
    assert installed.code == 0, installed.output
