"""The fold and the queries in processes of their own: they share nothing but Kafka and Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.errors import Unavailable
from tests import builders
from tests.engines import Engines
from tests.integration.agent import PATIENCE_SECONDS, Agent
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    system_on,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
SHORT_SECONDS = 2.0


@pytest.fixture(scope="module")
async def apart(stack: Engines, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """Each service in its own process."""
    async with system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("apart")) as own:
        started = [own.start(name) for name in ("ingest", "projection", "retrieval")]
        await asyncio.gather(*[process.ready() for process in started])
        yield own


async def test_what_was_stored_is_found_by_the_next_search(apart: System, namespace: str) -> None:
    async with apart.bus() as bus:
        for number in range(5):
            content = f"Appointment number {number} is on Friday."
            command = builders.store(content, namespace=namespace)
            await bus.ask(command, timeout_seconds=PATIENCE_SECONDS, visible=True)

            found = await Agent(bus, namespace).search("appointment", limit=10)

            assert content in [row["content"] for row in found]
            assert len(found) == number + 1
    await assert_redis_is_the_fold_of_the_log(apart)


async def test_queries_are_answered_without_the_fold_and_writes_say_they_are_not_visible(
    apart: System, namespace: str
) -> None:
    (fold,) = [each for each in apart.processes if each.names == ("projection",)]
    async with apart.bus() as bus:
        agent = Agent(bus, namespace)
        await agent.store("Tea is at four.")
        await agent.list()
        await fold.stop()

        found = await agent.search("tea", record_access=False)
        with pytest.raises(Unavailable, match=r"written at .*, but not visible yet"):
            await bus.ask(
                builders.store("Tea is at five.", namespace=namespace),
                timeout_seconds=SHORT_SECONDS,
                visible=True,
            )

        successor = apart.start("projection")
        await successor.ready()
        await agent.store("Tea is at six.")
        assert [row["content"] for row in found] == ["Tea is at four."]
        assert (await agent.list())["total"] == 3
    await assert_redis_is_the_fold_of_the_log(apart)
