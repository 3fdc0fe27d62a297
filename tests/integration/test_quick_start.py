"""The quick start of the README does what the published client's own does, with either client."""

import json
import re
import shutil
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.integration.published_client import run
from tests.integration.services_fixture import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

ADDRESS = "http://localhost:8000"
OURS = (ROOT / "examples" / "quickstart.py").read_text("utf-8")
NUMBER = re.compile(r"-?\d+\.\d+")
# Of the published page, which opens the client once and closes it after the first part.
PARTS = ("## Quick Start", "### Building the Graph", "### Spreading Activation")


def published_quick_start(package: Path) -> str:
    """The code of the published client's own page."""
    (metadata,) = package.glob("human_memory_sdk-*.dist-info/METADATA")
    page = metadata.read_text("utf-8")
    first, *rest = [page.partition(part)[2].partition("```python\n")[2] for part in PARTS]
    codes = [first, f'memory = Memory("{ADDRESS}")\n', *rest, "memory.close()\n"]
    return "".join(code.partition("```")[0] for code in codes)


async def printed(code: str, package: Path, address: str) -> list[str]:
    """What a program prints with a client, about the memory at an address."""
    outcome = await run(
        *(sys.executable, "-W", "error", "-c", code.replace(ADDRESS, address)),
        cwd=package,
        PYTHONPATH=str(package),
        PYTHONSAFEPATH="1",
    )
    assert outcome.code == 0, outcome.output
    return outcome.output.splitlines()


@pytest.mark.parametrize("client", ["published", "ours"])
async def test_quick_start_prints_what_the_published_one_prints(
    published: Path, gateway: str, namespace: str, client: str
) -> None:
    package = published if client == "published" else ROOT
    address = f"{gateway}/ns/{namespace.replace('/', '%2F')}"

    theirs = await printed(published_quick_start(published), published, f"{address}-theirs")
    ours = await printed(OURS, package, f"{address}-ours")

    assert UUID(ours[0]) != UUID(theirs[0])
    assert [NUMBER.sub("0", line) for line in ours[1:]] == [
        NUMBER.sub("0", line) for line in theirs[1:]
    ]
    numbers, expected = (
        [float(number) for line in lines[1:] for number in NUMBER.findall(line)]
        for lines in (ours, theirs)
    )
    assert numbers == pytest.approx(expected, abs=0.011)
    assert ours[1] == "1.0"
    assert ours[-3:] == [
        "  FastAPI: activation=0.80, spread=0.9500",
        "  AI: activation=0.80, spread=0.9000",
        "  Web Development: activation=0.80, spread=0.8075",
    ]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_what_the_readme_stores_with_curl_it_finds_with_curl(
    gateway: str, namespace: str, tmp_path: Path
) -> None:
    address = f"{gateway}/ns/{namespace.replace('/', '%2F')}"
    commands = re.findall(r"^\$ (curl .*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    stored, found = [
        json.loads(
            (await run("sh", "-c", each.replace("localhost:8000", address), cwd=tmp_path)).output
        )
        for each in commands
    ]

    assert stored["activation"] == 1.0
    assert [row["memory_id"] for row in found["results"]] == [stored["memory_id"]]
