"""Messages at the edge of what the model can compute: none stops its partition, or a replay."""

import itertools
import secrets
from collections.abc import AsyncIterator

import pytest

from human_memory.bus import Bus
from human_memory.bus.producer import partition_of
from schemas.codec import encode
from schemas.errors import Rejected
from schemas.topics import EVENTS, INBOX
from services.projection import batch as folding
from services.projection.app import rebuild
from tests import builders
from tests.engines import Engines
from tests.faults.failing_fold import BAD, failing_fold
from tests.integration.agent import Agent, ids
from tests.integration.raw import Raw
from tests.integration.services_fixture import (
    System,
    assert_redis_is_the_fold_of_the_log,
    folded,
    system_on,
)

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]
# Each was accepted once, and the next store of its namespace stopped the partition.
STOPPING = [
    {"decay_rate": 1e-300},
    {"decay_rate": 0.9999999999999999, "decay_rate_min": 0.9999999999999999},
    {
        "decay_rate": 0.9999999,
        "spacing_scale": 5.0,
        "fresh_activation": -10.0,
        "arousal_effect": 1.0,
    },
]


def neighbour_of(agent: Agent, system: System) -> Agent:
    """A client of another namespace of the same partition."""
    partitions = system.settings.partitions
    own = partition_of(agent.namespace.encode(), partitions)
    names = (f"test/{secrets.token_hex(6)}" for _ in itertools.count())
    return Agent(agent.bus, next(n for n in names if partition_of(n.encode(), partitions) == own))


@pytest.fixture
async def raw(system: System) -> AsyncIterator[Raw]:
    async with Raw(system) as client:
        yield client


@pytest.mark.parametrize("parameters", STOPPING, ids=repr)
async def test_parameters_nothing_is_defined_for_are_refused_by_name_and_all_goes_on(
    system: System, raw: Raw, agent: Agent, parameters: dict[str, float]
) -> None:
    command = builders.parameters().model_copy(update={"namespace": agent.namespace})
    sent = encode(command).replace(
        encode(command.parameters), repr(parameters).replace("'", '"').encode()
    )

    reply = await raw.ask(INBOX, sent)

    with pytest.raises(Rejected, match=r"parameters\.decay_rate: must be at (least|most) 0\.\d+"):
        reply.unwrap()
    for each in (agent, neighbour_of(agent, system)):
        stored = await each.store()
        assert ids(await each.search()) == [stored]


@pytest.mark.parametrize("parameters", STOPPING, ids=repr)
async def test_parameters_that_a_log_holds_already_stop_neither_fold_nor_replay(
    system: System, raw: Raw, agent: Agent, parameters: dict[str, float]
) -> None:
    partition = partition_of(agent.namespace.encode(), system.settings.partitions)
    logged = builders.parameters_event(envelope={"namespace": agent.namespace}, **parameters)
    await raw.send(EVENTS, encode(logged), partition=partition)

    for each in (agent, neighbour_of(agent, system)):
        stored = await each.store(emotion={"arousal": 1.0, "salience": 1.0})
        await each.access(stored)
        assert ids(await each.search(explain=True)) == [stored]

    await assert_redis_is_the_fold_of_the_log(system)
    assert (await rebuild(system.settings)).identical


async def test_event_the_fold_fails_on_is_a_dead_letter_and_passed_by_a_replay_too(
    stack: Engines, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("failing")
    async with (
        system_on(stack.kafka, stack.redis, folder) as system,
        Raw(system) as raw,
        Bus(system.settings) as bus,
    ):
        ingest = system.start("ingest")
        reads = system.start("projection", "retrieval", module="tests.faults.failing_fold")
        await ingest.ready()
        await reads.ready()
        agent = Agent(bus, "edge/agent")
        partition = partition_of(agent.namespace.encode(), system.settings.partitions)
        before = await agent.store("Before.")
        bad = builders.concept_event(BAD, envelope={"namespace": agent.namespace})
        at = await raw.send(EVENTS, encode(bad), partition=partition)
        after = await agent.store("After.")
        await folded(system)
        monkeypatch.setattr(folding, "fold", failing_fold)

        report = await rebuild(system.settings)

        assert set(ids(await agent.search())) == {before, after}
        record, reason = await raw.dead_letter(at)
        assert (record.value, reason.code, reason.service) == (
            encode(bad),
            "internal",
            "projection",
        )
        assert "ZeroDivisionError('float division by zero')" in reason.reason
        assert (report.identical, report.indigestible) == (True, 1)
        assert (await reads.readiness("projection"))["status"] == "ready"
