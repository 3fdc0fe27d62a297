"""The examples of the README, run as a user runs them."""

import asyncio
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from human_memory.bus import Bus
from human_memory.bus.settings import KafkaSettings
from schemas.queries import ListMemories
from stack.state import HOST, free_port
from tests.engines import Engines
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NAMESPACE = "acme/agent-7"
# Loading the model takes 15 s on two busy cores.
READY_SECONDS = 100.0
Environment = dict[str, str]


def ready(port: int) -> bool:
    """Whether the service there says that it is."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.fixture(scope="module")
async def environment(
    stack: Engines, settings: KafkaSettings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Environment]:
    """Where the examples find the services, which run."""
    variables = os.environ | {
        "HUMAN_MEMORY_KAFKA": stack.kafka,
        "HUMAN_MEMORY_REDIS": stack.redis,
        "HUMAN_MEMORY_TOPIC_PREFIX": settings.topic_prefix,
    }
    numbers: dict[str, int] = {}
    for name in ("ingest", "projection", "retrieval"):
        numbers[name] = free_port(set(numbers.values()))
    ports = [f"--port={name}={port}" for name, port in numbers.items()]
    log = tmp_path_factory.mktemp("services") / "services.log"
    with log.open("wb") as file:
        services = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.run", *numbers, *ports,
            cwd=ROOT, env=variables, stdout=file, stderr=file,
        )  # fmt: skip
    try:
        async with asyncio.timeout(READY_SECONDS):
            for port in numbers.values():
                while not await asyncio.to_thread(ready, port):
                    assert services.returncode is None, log.read_text()
                    await asyncio.sleep(0.1)
        yield variables
    finally:
        services.terminate()
        await services.wait()


async def run(example: str, environment: Environment) -> str:
    """What the program prints; it must succeed."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, f"examples/{example}", cwd=ROOT, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await program.communicate()
    assert (program.returncode, err.decode()) == (0, "")
    return out.decode()


async def remembered(settings: KafkaSettings) -> list[str]:
    """The contents of the examples' namespace."""
    async with Bus(settings) as bus:
        page = await bus.ask(ListMemories(namespace=NAMESPACE))
    return [memory["content"] for memory in page["memories"]]


async def test_what_the_python_producer_says_is_remembered_once_however_often_it_runs(
    environment: Environment, settings: KafkaSettings
) -> None:
    await run("producer.py", environment)

    printed = await run("producer.py", environment)

    assert [line.split(" is at ")[0] for line in printed.splitlines()] == [
        "chat-42/turn-1",
        "chat-42/turn-2",
    ]
    await run("ask.py", environment)  # its answer has seen all that was sent before
    contents = await remembered(settings)
    assert contents.count("My sister Ada is a nurse in York.") == 1


async def test_what_another_kafka_client_says_is_remembered(
    environment: Environment, settings: KafkaSettings
) -> None:
    await run("producer_any_client.py", environment)

    async def found() -> bool:
        return "The boiler man comes on Friday between 9 and 11." in await remembered(settings)

    await eventually(found)
    contents = await remembered(settings)
    assert contents.count("The boiler man comes on Friday between 9 and 11.") == 1


async def test_the_question_is_answered_with_what_was_stored_a_moment_before(
    environment: Environment,
) -> None:
    printed = await run("ask.py", environment)

    assert printed.splitlines()[0].endswith("My new flat in Leeds has a garden.")
