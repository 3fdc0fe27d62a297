"""Replies to a broker that does not answer: given up in time, and nobody else waits for them."""

import asyncio
from typing import Any

import pytest
from aiokafka.structs import RecordMetadata

from human_memory.bus.producer import Outgoing
from schemas.replies import Reply
from services.common import envelope as replies
from services.common.envelope import Replier, ReplyAddress
from tests.builders import store
from tests.polling import eventually
from tests.unit.services.ingest.inbox import REPLIES, ZERO, Member, Producer, asking, record

SILENT = 3


class SilentProducer(Producer):
    """Replies to one partition never come to an end; everything else is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.hung = 0
        self.given_up = 0

    async def send_all(self, records: Any) -> list[RecordMetadata]:
        records = list[Outgoing](records)
        if any((each.topic, each.partition) == (REPLIES, SILENT) for each in records):
            self.hung += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.given_up += 1
        return await super().send_all(records)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound, so short that a test can wait for it."""
    monkeypatch.setattr(replies, "SEND_SECONDS_MAX", 0.02)


def answer(name: str, *, partition: int) -> list[tuple[ReplyAddress, Reply]]:
    return [(ReplyAddress(name.encode(), partition), Reply(result={"accepted": True}))]


async def test_reply_that_kafka_does_not_take_is_given_up_without_an_error(soon: None) -> None:
    producer = SilentProducer()
    replier = Replier(producer, REPLIES, partitions=1, service="test")

    async with asyncio.timeout(10):
        await replier.send(answer("q1", partition=SILENT))

    assert (producer.hung, producer.given_up) == (1, 1)
    assert producer.sent == []


async def test_reply_to_somebody_else_does_not_wait_for_one_that_hangs() -> None:
    producer = SilentProducer()
    replier = Replier(producer, REPLIES, partitions=1, service="test")
    hanging = asyncio.create_task(replier.send(answer("q1", partition=SILENT)))
    await eventually(lambda: producer.hung == 1)

    await replier.send(answer("q2", partition=SILENT + 1))

    assert list(producer.replies()) == ["q2"]
    assert not hanging.done()
    hanging.cancel()


async def test_inbox_goes_on_while_replies_cannot_be_sent(soon: None) -> None:
    producer = SilentProducer()
    member = await Member(producer=producer).begin()

    async with asyncio.timeout(10):
        for offset in range(3):
            await member.ingest.handle(
                (record(offset, store(), headers=asking(f"q{offset}", SILENT)),)
            )
        await member.ingest.stop()

    assert len(member.log.events) == 3
    assert member.consumer.offsets == {ZERO: 3}
    assert producer.given_up == 3
