"""A background task of the client library dies in silence: the service notices, and goes on."""

from collections.abc import AsyncIterator

import pytest

from tests.engines import Engines
from tests.integration.services_fixture import ServiceProcess, System, system_on
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
MODULE = "tests.faults.dying_consumers"
PATIENCE_SECONDS = 120.0


@pytest.fixture
async def system(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """An installation whose services lose their tasks."""
    async with system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("dying")) as own:
        yield own


def restarts(process: ServiceProcess) -> int:
    """How often a consumer stood still, by the log."""
    return process.log.read_text().count("consumer stands still")


async def test_consumer_that_has_lost_a_task_is_started_anew_and_works(system: System) -> None:
    service = system.start("maintenance", module=MODULE, DIE_TIMES="1")

    await eventually(lambda: restarts(service) == 1, seconds=PATIENCE_SECONDS)

    await service.ready()
    assert (restarts(service), service.alive()) == (1, True)


async def test_service_whose_consumers_lose_a_task_each_time_ends_with_an_error(
    system: System,
) -> None:
    service = system.start("maintenance", module=MODULE, DIE_TIMES="1000")

    await eventually(lambda: not service.alive(), seconds=PATIENCE_SECONDS)

    assert restarts(service) == 2
    assert "starting its consumer anew did not help" in service.log_end().splitlines()[-1]
