"""Errors that nobody thought of, outside of a run: said loudly, and what comes next is done."""

from collections.abc import Iterator, MutableMapping
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from human_memory.bus.consumer import LogConsumer
from schemas.codec import encode
from schemas.errors import MemoryServiceError
from schemas.ids import derive
from schemas.maintenance import RunJob
from services.common.dead_letters import DeadLetters
from services.common.envelope import Replier
from services.maintenance.handlers import Commands
from services.maintenance.runner import Runner
from tests.fakes.maintenance_side import FoldedReadSide
from tests.fakes.world import FoldedLog, World
from tests.polling import eventually
from tests.unit.services.ingest.inbox import REPLIES, Consumer, Producer, Record, asking
from tests.unit.services.maintenance.living import START_MS, store, world

TP = TopicPartition("memory.maintenance", 0)


class BrokenLetters:
    """Dead letters that fail as nobody has thought of."""

    async def send(self, record: Any, error: MemoryServiceError) -> None:
        raise ZeroDivisionError("no such luck")


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged."""
    with capture_logs() as lines:
        yield lines


class Member:
    """A member of maintenance's group over a world."""

    def __init__(self, own: World) -> None:
        self.producer, self.consumer = Producer(), Consumer()
        side, log = FoldedReadSide(own), FoldedLog(own)
        self.commands = Commands(
            runner=Runner(side=side, log=log, embedder=own.embedder),
            replier=Replier(self.producer, REPLIES, partitions=6, service="maintenance"),
            dead_letters=cast("DeadLetters", BrokenLetters()),
            now_ms=lambda: START_MS,
            runs_at_once=1,
        )
        self.commands.ownership.consumer = cast("LogConsumer", self.consumer)

    async def handle(self, *values: bytes) -> None:
        """Take commands up; each asks for a reply under its number."""
        await self.commands.ownership.on_partitions_assigned([TP])
        for offset, value in enumerate(values):
            record = Record(
                offset, value, asking(str(offset)), topic=TP.topic, timestamp=START_MS + offset
            )
            await self.commands.handle((record,))


def run_of(own: World, job: str, **parameters: Any) -> bytes:
    command = {"namespace": own.namespace, "job": job, "parameters": parameters}
    return encode(RunJob.model_validate(command))


def alarms(logged: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in logged if line["log_level"] == "critical"]


async def test_runs_behind_one_that_cannot_even_be_refused_are_done(
    logged: list[MutableMapping[str, Any]],
) -> None:
    own = world()
    await store(own, "Something.")
    member = Member(own)
    nobody = run_of(own, "interference", memory_id=str(derive("nobody")))

    await member.handle(nobody, run_of(own, "decay"))

    await eventually(lambda: TP in member.consumer.offsets)
    await member.commands.stop()
    assert alarms(logged) == ["run left"]
    assert member.producer.replies()["1"].unwrap()["complete"]
    assert member.consumer.offsets == {TP: 0}  # whoever has the partition next does it again


async def test_command_that_can_be_neither_read_nor_kept_is_said_and_others_are_done(
    logged: list[MutableMapping[str, Any]],
) -> None:
    own = world()
    member = Member(own)

    await member.handle(b"{}", run_of(own, "decay"))

    await eventually(lambda: TP in member.consumer.offsets)
    await member.commands.stop()
    assert alarms(logged) == ["command left"]
    assert member.producer.replies()["1"].unwrap()["complete"]
    assert member.consumer.offsets == {TP: 0}
