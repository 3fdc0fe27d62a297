"""What every source of vocabularies must do: on the fake in memory, and on Redis."""

from collections.abc import AsyncIterator
from typing import Any, Protocol
from uuid import UUID

import pytest

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.common.redis import RedisClient, connect
from services.ingest.adapters.redis_vocabularies import RedisVocabularies
from services.ingest.ports import Vocabularies
from services.readside.live_build import LiveBuild, Queue
from stack.state import free_port
from tests.builders import concept_event, concept_removed_event, namespace_deleted_event
from tests.contract.readers_contract import NAMESPACE, around
from tests.contract.redis_side import RedisSide
from tests.engines import Engines
from tests.fakes.folded_side import FoldedSide
from tests.fakes.vocabularies import FoldedVocabularies

TEXT = "Kafka, CPython, Tea and Chai."


class VocabulariesSide(Protocol):
    """Vocabularies, and the read side that they see."""

    vocabularies: Vocabularies

    async def take(self, *events: MemoryEvent) -> None:
        """Fold events."""
        ...

    async def begin_anew(self, *events: MemoryEvent) -> None:
        """Have another build live, with another log in it."""
        ...

    async def lose(self, target: int) -> None:
        """Have a loss made good when so many events are folded."""
        ...

    async def go_away(self) -> None:
        """Answer no read from now on."""
        ...


def concept(name: str, *aliases: str, run: UUID | None = None) -> MemoryEvent:
    return concept_event(name, aliases=list(aliases), run_id=run, envelope=around(0))


def removed(name: str, run: UUID) -> MemoryEvent:
    return concept_removed_event(name, run, envelope=around(0))


async def named(side: VocabulariesSide, namespace: str = NAMESPACE) -> list[str]:
    """The concepts that a text names, as the vocabulary of a namespace has it."""
    return (await side.vocabularies.of([namespace]))[namespace].find(TEXT)


class VocabulariesContract:
    """What all vocabularies must do. Subclasses give only the `side` fixture."""

    async def test_vocabulary_of_a_namespace_without_concepts_is_empty(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"))

        found = await side.vocabularies.of([NAMESPACE, "acme/none"])

        assert len(found[NAMESPACE]) == 1
        assert len(found["acme/none"]) == 0

    async def test_concepts_of_the_read_side_are_known_by_their_names_and_aliases(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Python", "CPython"), concept("Beverage", "Tea", "Chai"))
        before = await named(side)

        await side.take(concept("Beverage", "Chai"), concept("Kafka"))

        assert before == ["Python", "Beverage"]
        assert await named(side) == ["Kafka", "Python", "Beverage"]
        assert (await side.vocabularies.of([NAMESPACE]))[NAMESPACE].find("Tea") == []

    async def test_concept_that_was_learnt_is_known_before_the_read_side_has_it(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"))
        await named(side)

        side.vocabularies.learn(NAMESPACE, "Python", ("CPython",), 2)
        at_once = await named(side)
        await side.take(concept("Kafka"))

        assert at_once == ["Python", "Tea"]
        assert await named(side) == ["Kafka", "Python", "Tea"]

    async def test_concept_that_was_learnt_and_removed_is_not_known_any_more(
        self, side: VocabulariesSide
    ) -> None:
        run = derive("run")
        side.vocabularies.learn(NAMESPACE, "Tea", ("Chai",), 0)
        await side.take(concept("Tea", "Chai", run=run), concept("Kafka"))
        before = await named(side)

        await side.take(removed("Tea", run))

        assert before == ["Kafka", "Tea"]
        assert await named(side) == ["Kafka"]

    async def test_concepts_of_a_deleted_namespace_are_not_known_any_more(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"), concept("Python", "CPython"))
        side.vocabularies.learn(NAMESPACE, "Kafka", (), 2)
        before = await named(side)

        await side.take(namespace_deleted_event(envelope=around(0)))
        emptied = await named(side)
        await side.take(concept("Tea"))

        assert before == ["Kafka", "Python", "Tea"]
        assert (emptied, await named(side)) == ([], ["Tea"])

    async def test_concepts_of_another_build_are_those_that_it_has(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"))
        before = await named(side)

        await side.begin_anew(concept("Kafka"))

        assert before == ["Tea"]
        assert await named(side) == ["Kafka"]

    async def test_read_side_that_is_behind_after_a_loss_takes_no_names_away(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"), concept("Kafka"))
        await named(side)
        await side.lose(2)
        await side.begin_anew(concept("Tea"))

        meanwhile = await named(side)
        await side.take(concept("Python", "CPython"))

        assert meanwhile == ["Kafka", "Tea"]
        assert await named(side) == ["Python", "Tea"]

    async def test_read_side_that_is_away_leaves_the_names_that_are_known(
        self, side: VocabulariesSide
    ) -> None:
        await side.take(concept("Tea"))
        await named(side)
        await side.go_away()

        side.vocabularies.learn(NAMESPACE, "Kafka", (), 1)

        assert await named(side) == ["Kafka", "Tea"]


class FoldedVocabulariesSide:
    """The fake."""

    def __init__(self) -> None:
        self._side = FoldedSide()
        self.vocabularies: Vocabularies = FoldedVocabularies(self._side)

    async def take(self, *events: MemoryEvent) -> None:
        self._side.take(*events)

    async def begin_anew(self, *events: MemoryEvent) -> None:
        self._side.begin_anew(events)

    async def lose(self, target: int) -> None:
        self._side.target = target

    async def go_away(self) -> None:
        self._side.away = 1_000


class RedisVocabulariesSide(RedisSide):
    """The adapter."""

    def __init__(self, redis: RedisClient, prefix: str) -> None:
        super().__init__(redis, prefix)
        self.vocabularies: Vocabularies = RedisVocabularies(self.build)

    async def go_away(self) -> None:
        self.build._redis = connect(f"redis://127.0.0.1:{free_port(set())}/0")


class TestFoldedVocabularies(VocabulariesContract):
    @pytest.fixture
    def side(self) -> FoldedVocabulariesSide:
        return FoldedVocabulariesSide()


class SwitchingBuild(LiveBuild):
    """A live build that gives way to another between two reads of one look."""

    def __init__(self, side: RedisSide, *events: MemoryEvent) -> None:
        super().__init__(side.redis, side.prefix, partitions=1)
        self._side = side
        self._events = events

    async def read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        found = await super().read(partition, queue, answering=answering, atomic=atomic)
        events, self._events = self._events, ()
        if events:
            await self._side.begin_anew(*events)
        return found


@pytest.mark.integration
class TestRedisVocabularies(VocabulariesContract):
    @pytest.fixture
    async def side(self, stack: Engines) -> AsyncIterator[RedisVocabulariesSide]:
        async with RedisVocabulariesSide.at(stack.redis) as side:
            yield side

    async def test_build_that_is_replaced_and_dropped_while_it_is_read_takes_no_names_away(
        self, side: RedisVocabulariesSide
    ) -> None:
        await side.take(concept("Tea"))
        side.vocabularies = RedisVocabularies(
            SwitchingBuild(side, concept("Tea"), concept("Kafka"))
        )

        assert await named(side) == ["Kafka", "Tea"]
