"""One client in several processes, loops and threads: each sees its own answers, and only those."""

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from human_memory import AsyncMemory, Memory
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


@pytest.fixture
def kafka(system: System, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the shared system without its gateway."""
    monkeypatch.setenv("HUMAN_MEMORY_TOPIC_PREFIX", system.settings.topic_prefix)
    return f"kafka://{system.settings.kafka}"


async def test_one_client_over_kafka_works_in_loops_of_several_threads_and_runs(
    kafka: str, namespace: str
) -> None:
    memory = AsyncMemory(kafka, namespace=namespace)

    async def stored(text: str) -> str:
        return (await memory.store(text)).memory_id

    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(asyncio.run, stored(f"Noemi counts {each}")) for each in range(6)]
        ids = {await asyncio.wrap_future(run) for run in runs}

    listed = {item.memory_id for item in await memory.list()}
    await memory.close()
    assert listed == ids
    assert len(ids) == 6


async def test_synchronous_client_over_kafka_works_inside_a_running_loop(
    kafka: str, namespace: str
) -> None:
    with Memory(kafka, namespace=namespace) as memory:
        stored = memory.store("Noemi lives in Bern")

        assert memory.recall(stored.memory_id).content == "Noemi lives in Bern"


async def test_client_over_kafka_that_is_garbage_ends_its_thread(
    kafka: str, namespace: str
) -> None:
    before = set(threading.enumerate())
    memory = Memory(kafka, namespace=namespace)
    memory.stats()
    (thread,) = [each for each in set(threading.enumerate()) - before if "sdk" in each.name]

    del memory

    await asyncio.to_thread(thread.join)
    assert not thread.is_alive()
