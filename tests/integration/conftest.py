"""One running system that the tests share, and a namespace for each of them."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from human_memory.bus.bus import Bus
from tests.engines import Engines
from tests.integration.agent import Agent
from tests.integration.published_client import install_published_client
from tests.integration.services_fixture import System, system_on


@pytest.fixture(scope="session")
async def system(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Ingest and retrieval, ready; a test that stops or breaks them starts its own."""
    own = system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("system"))
    async with own:
        await own.start("ingest", "projection", "retrieval").ready()
        yield own


@pytest.fixture(scope="session")
async def gateway(system: System) -> str:
    """The address of a gateway of the shared system."""
    process = system.start("gateway")
    await process.ready()
    return f"http://127.0.0.1:{process.ports['gateway']}"


@pytest.fixture(params=["http", "kafka"])
def address(
    request: pytest.FixtureRequest,
    system: System,
    gateway: str,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """Of the gateway, or of Kafka."""
    for name, value in system.environment_of_services().items():
        if name.startswith("HUMAN_MEMORY_"):
            monkeypatch.setenv(name, value)
    return gateway if request.param == "http" else f"kafka://{system.settings.kafka}"


@pytest.fixture(scope="session")
async def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the published client."""
    folder = tmp_path_factory.mktemp("published")
    await install_published_client(folder)
    return folder


@pytest.fixture(scope="session")
async def memory(system: System) -> AsyncIterator[Bus]:
    """A client of the shared system."""
    async with system.bus() as bus:
        yield bus


@pytest.fixture
def namespace() -> str:
    """A namespace that only this test uses."""
    return f"test/{secrets.token_hex(6)}"


@pytest.fixture
def agent(memory: Bus, namespace: str) -> Agent:
    """A client of that namespace."""
    return Agent(memory, namespace)
