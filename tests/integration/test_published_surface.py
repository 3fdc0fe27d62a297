"""Our client has all that the published one has, where it has it and as it is there."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.published_client import run
from tests.integration.services_fixture import ROOT

pytestmark = pytest.mark.integration
SURFACE = ROOT / "tests" / "conformance" / "surface.py"


async def surface_of(package: Path) -> dict[str, Any]:
    """What a package offers, by module and class."""
    outcome = await run(
        *(sys.executable, "-W", "error", str(SURFACE)),
        cwd=package,
        PYTHONPATH=str(package),
        PYTHONSAFEPATH="1",
    )
    assert outcome.code == 0, outcome.output
    found: dict[str, Any] = json.loads(outcome.output)
    return found


async def test_our_client_has_what_the_published_one_has_where_it_has_it(published: Path) -> None:
    theirs, ours = await surface_of(published), await surface_of(ROOT)

    missing = []
    for module, classes in theirs.items():
        for name, parts in classes.items():
            there = ours[module].get(name)
            if there is None:
                missing.append(f"{module}.{name}")
                continue
            missing += [
                f"{module}.{name}.{part}: {there.get(part)}, published: {expected}"
                for part, expected in parts.items()
                if there.get(part) != expected
            ]

    assert missing == []
    assert set(theirs["client"]["Memory"]) == set(theirs["async_client"]["AsyncMemory"])
    assert len(theirs["client"]["Memory"]) == 17, "all methods, and how a client is made"
