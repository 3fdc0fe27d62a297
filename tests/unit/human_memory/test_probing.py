"""A reader gives its connection up only where Kafka answers others, and only after long silence."""

from typing import cast

import pytest
from aiokafka.errors import KafkaConnectionError

from human_memory.bus import probing
from human_memory.bus.consumer import LogConsumer
from human_memory.bus.lasting import Lasting
from human_memory.bus.settings import KafkaSettings

POLL_SECONDS = 5


class Reader:
    """A consumer, the Kafka that it reads from, and a clock that jumps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kafka_answers_others = True
        self.answers = 0
        self._silence = Lasting(lambda: self.now)

    def silent_seconds(self) -> float:
        return self._silence.look({"replies-0": self.answers})["replies-0"]

    def forget_silence(self) -> None:
        self._silence.forget()

    async def is_stuck(self, times: int, *, answered: bool) -> bool:
        """Poll so often, and look each time."""
        try:
            await self.poll(times, answered=answered)
        except KafkaConnectionError:
            return True
        return False

    async def poll(self, times: int, *, answered: bool) -> None:
        """The same; it raises if it is stuck."""
        for _ in range(times):
            self.now += POLL_SECONDS
            self.answers += answered
            await probing.raise_if_stuck(cast("LogConsumer", self), KafkaSettings())


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    """A reader that gets its records."""
    made = Reader()

    async def kafka_answers(_: KafkaSettings) -> bool:
        return made.kafka_answers_others

    monkeypatch.setattr(probing, "kafka_answers", kafka_answers)
    return made


async def test_reader_that_kafka_alone_forgets_is_stuck(reader: Reader) -> None:
    await reader.poll(10, answered=True)

    with pytest.raises(KafkaConnectionError, match="Kafka answers others"):
        await reader.poll(8, answered=False)


@pytest.mark.parametrize("polls", range(1, 25))
async def test_reader_that_kafka_comes_back_to_is_not_stuck(reader: Reader, polls: int) -> None:
    await reader.poll(10, answered=True)
    reader.kafka_answers_others = False
    assert not await reader.is_stuck(polls, answered=False)
    reader.kafka_answers_others = True

    # Its own answer takes longer than that to a probe.
    assert not await reader.is_stuck(2, answered=False)
    assert not await reader.is_stuck(10, answered=True)


async def test_reader_that_was_stopped_for_a_while_is_not_stuck(reader: Reader) -> None:
    await reader.poll(10, answered=True)
    reader.now += 40

    assert not await reader.is_stuck(1, answered=False)
    assert not await reader.is_stuck(10, answered=True)
