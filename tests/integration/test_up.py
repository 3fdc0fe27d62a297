"""`up` and `down`: what starts, what is restarted, what is left behind."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from human_memory.bus.services import SERVICES
from human_memory.local.children import probe
from tests.engines import Engines
from tests.environments import project_that_hides_ours
from tests.integration.installation import COMMAND_SECONDS_MAX, ROOT, Installation
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The whole system, each service in a process of its own, begun in a project of a user."""
    project = project_that_hides_ours(tmp_path_factory.mktemp("project"))
    installation = Installation(tmp_path_factory.mktemp("up"), folder=project)
    started = installation.run("up", "--detach", "--processes")
    try:
        assert started.code == 0, started.complained
        yield installation
    finally:
        installation.run("down")


@pytest.fixture
def elsewhere(stack: Engines, tmp_path: Path) -> Installation:
    """An installation whose Kafka and Redis are run by others, with topics of its own."""
    settings = {
        "HUMAN_MEMORY_KAFKA": stack.kafka,
        "HUMAN_MEMORY_REDIS": stack.redis,
        "HUMAN_MEMORY_TOPIC_PREFIX": f"t{secrets.token_hex(3)}.",
    }
    return Installation(tmp_path, settings)


def all_ready(installation: Installation) -> bool:
    return all(probe(url).ready for url in installation.state()["http"].values())


async def test_each_service_has_its_process_and_all_are_ready(running: Installation) -> None:
    services = [line for line in running.processes().values() if "services.run" in line]

    assert len(services) == len(SERVICES)
    assert all_ready(running)


async def test_killed_service_is_restarted_at_its_address(running: Installation) -> None:
    addresses, killed = running.state()["http"], running.pid_of("services.run ingest")
    assert killed is not None

    os.kill(killed, signal.SIGKILL)

    await eventually(
        lambda: running.pid_of("services.run ingest") not in (None, killed), seconds=60
    )
    await eventually(lambda: all_ready(running), seconds=120)
    assert running.state()["http"] == addresses
    assert "ingest ended" in (running.data / "logs" / "supervisor.log").read_text("utf-8")


async def test_killed_redis_is_restarted_and_memories_are_still_found(
    running: Installation,
) -> None:
    running.run("store", "The boiler is in the attic.", "--wait")
    killed = running.pid_of("redis-server")
    assert killed is not None

    os.kill(killed, signal.SIGKILL)

    await eventually(lambda: running.pid_of("redis-server") not in (None, killed), seconds=60)
    await eventually(lambda: running.run("status").code == 0, seconds=120)
    found = running.run("search", "Where is the boiler?", "--json").json()
    assert [each["content"] for each in found["results"]] == ["The boiler is in the attic."]


async def test_down_leaves_no_process_and_up_brings_the_memories_back_at_the_same_addresses(
    running: Installation,
) -> None:
    running.run("store", "Bins go out on Tuesday.", "--namespace", "bins", "--wait")
    before = running.state()
    # As the README has it, and as a shell keeps it.
    exported = replace(running, settings={"HUMAN_MEMORY_KAFKA": before["kafka"]})

    first, second = running.run("down"), running.run("down")

    left, state = running.processes(), running.state()
    again = exported.run("up", "--detach", "--processes")
    assert (first.code, second.code, again.code) == (0, 0, 0), again.complained
    assert (left, state) == ({}, {})
    assert running.state()["http"] == before["http"]
    found = running.run("search", "When do bins go out?", "--namespace", "bins", "--json").json()
    assert [each["content"] for each in found["results"]] == ["Bins go out on Tuesday."]


async def test_supervisor_killed_with_kill_9_leaves_no_process(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    supervisor = installation.start("up")
    parts = ("kafka.Kafka", "redis-server", "services.run")
    await eventually(lambda: all(installation.pid_of(part) for part in parts), seconds=60)

    supervisor.kill()

    supervisor.wait()
    await eventually(lambda: installation.processes() == {}, seconds=60)
    # What it wrote of itself is not believed any more.
    assert "nothing runs in" in installation.run("down").printed


async def test_stop_signal_in_the_middle_of_the_start_ends_everything_in_order(
    elsewhere: Installation,
) -> None:
    supervisor = elsewhere.start("up")
    await eventually(lambda: elsewhere.pid_of("services.run") is not None, seconds=60)

    supervisor.send_signal(signal.SIGINT)

    assert supervisor.wait(timeout=COMMAND_SECONDS_MAX) == 0
    assert elsewhere.processes() == {}
    assert elsewhere.state() == {}


def test_service_that_can_not_start_ends_up_with_the_end_of_its_log(
    elsewhere: Installation,
) -> None:
    broken = Installation(
        elsewhere.data, {**elsewhere.settings, "HUMAN_MEMORY_EMBEDDING_CACHE": "-1"}
    )

    done = broken.run("up", "--detach")

    assert (done.code, done.printed) == (1, "")
    assert "services does not start" in done.complained
    assert "HUMAN_MEMORY_EMBEDDING_CACHE: Input should be greater than" in done.complained
    assert broken.processes() == {}


def test_port_of_somebody_else_s_server_is_refused_and_not_taken_for_ours(
    elsewhere: Installation,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        done = elsewhere.run("up", "--detach", "--port", str(port))

    assert (done.code, done.printed) == (1, "")
    assert f"port {port} was asked for gateway, but another program listens" in done.complained
    assert elsewhere.processes() == {}


def services_run(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.run", *arguments],
        cwd=ROOT,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
    )


def test_service_without_its_topics_ends_with_one_line_that_names_the_command(
    elsewhere: Installation,
) -> None:
    done = services_run(elsewhere, "ingest", "--port=ingest=0")

    assert done.returncode == 1
    last_line = done.stderr.splitlines()[-1]
    assert last_line.startswith("services: topics missing or wrong")
    assert "run: human-memory topics apply" in last_line
    assert "Traceback" not in done.stderr


def test_unknown_service_is_a_usage_error(elsewhere: Installation) -> None:
    assert services_run(elsewhere, "gardening").returncode == 2
