"""A client that was used before a fork: every process sees its own answers, and only those."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.integration.client_family import CHILDREN, STORES
from tests.integration.published_client import run
from tests.integration.services_fixture import ROOT, System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
PROGRAM = ROOT / "tests" / "integration" / "client_family.py"


@pytest.mark.parametrize("scheme", ["http", "kafka"])
@pytest.mark.parametrize("kind", ["Memory", "AsyncMemory", "loop"])
async def test_every_process_of_a_family_sees_its_own_answers_only(
    system: System, gateway: str, namespace: str, tmp_path: Path, scheme: str, kind: str
) -> None:
    address = gateway if scheme == "http" else f"kafka://{system.settings.kafka}"
    environment = system.environment_of_services() | {"FAMILY": namespace}

    outcome = await asyncio.wait_for(
        run(
            *(sys.executable, "-W", "default", str(PROGRAM), address, kind, str(tmp_path)),
            cwd=ROOT,
            **environment,
        ),
        timeout=240,
    )

    assert outcome.code == 0, outcome.output
    seen = json.loads(outcome.output)  # and nothing else was printed: no warning, no traceback
    assert seen.pop("codes") == [0] * CHILDREN
    assert set(seen) == {"parent", "later", *(f"child-{each}" for each in range(CHILDREN))}
    for process in seen.values():
        assert len(process["returned"]) == STORES
        assert process["returned"] == process["listed"]
