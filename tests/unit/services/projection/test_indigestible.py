"""An event that the fold fails on: passed whole, a dead letter, and its neighbours are folded."""

from collections.abc import Callable, Iterator, MutableMapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from prometheus_client import REGISTRY
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from human_memory.bus.consumer import LogConsumer
from human_memory.deadline import Backoff
from schemas.codec import encode
from schemas.errors import Indigestible, MemoryServiceError, Unavailable
from schemas.events import MemoryEvent
from services.common import ownership
from services.common.computing import computing
from services.common.dead_letters import DeadLetters
from services.common.settings import VectorSettings
from services.projection import batch as folding
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.batch import TRIES_MAX
from services.projection.builds import ReadSide
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold, fold_log
from services.projection.fold.view import Needs, View
from services.projection.live import STUCK_TRIES, LiveProjection
from services.projection.ports import Builds, Outcome
from services.projection.rebuild import _Rebuild
from services.readside.layout import Control
from tests.builders import accessed_event, concept_event, memory_id
from tests.fakes.projection import MemoryProjection
from tests.faults.failing_fold import BAD, failing_fold
from tests.sequences import around, at_offsets, small_stored
from tests.unit.services.projection.folds import ANN, BOB

EVENTS = TopicPartition("memory.events", 0)
REFUSAL = "OOM command not allowed when used memory > 'maxmemory'."
METRIC = "human_memory_events_indigestible_total"


class Store(MemoryProjection):
    """A read side that fails as a test says."""

    prefix = "hm:"

    def __init__(self) -> None:
        super().__init__()
        self.load_fails: list[Exception] = []
        self.fails: list[Exception] = []
        self.refuses: set[int] = set()

    def control(self, partition: int) -> Control:
        return Control(self.prefix, partition)

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        if self.load_fails:
            raise self.load_fails.pop()
        return await super().load(partition, version, needs)

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        if self.fails:
            raise self.fails.pop()
        if any(cursor <= offset < next_cursor for offset in self.refuses):
            raise ResponseError(REFUSAL)
        return await super().apply(partition, version, view, cursor=cursor, next_cursor=next_cursor)


class Letters:
    """Dead letters, by offset; Kafka is away for the first few."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.sent: list[tuple[int, MemoryServiceError]] = []

    async def send(self, record: Any, error: MemoryServiceError) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("Kafka does not answer")
        self.sent.append((record.offset, error))


class Consumer:
    """Where the log is read on."""

    def __init__(self) -> None:
        self.at = 0

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 100)

    async def committed(self, _: TopicPartition) -> int:
        return 0

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.at = offset


async def at_once(_: float) -> None:
    """No query is being answered."""


async def live(store: Store, letters: Letters) -> LiveProjection:
    """A member that has the partition."""
    projection = LiveProjection(store, cast("DeadLetters", letters), let_pass=at_once)
    projection.ownership.consumer = cast("LogConsumer", Consumer())
    await projection.ownership.on_partitions_assigned([EVENTS])
    return projection


def records(events: list[MemoryEvent]) -> tuple[Any, ...]:
    """Events in the log."""
    return tuple(
        SimpleNamespace(topic=EVENTS.topic, partition=0, offset=offset, value=encode(event))
        for offset, event in at_offsets(events)
    )


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture(autouse=True)
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fold with a bug: it fails half-way through a concept of some name."""
    monkeypatch.setattr(folding, "fold", failing_fold)
    monkeypatch.setattr(ownership, "BACKOFF", Backoff((0.0,)))


def log_with(bad: MemoryEvent) -> list[MemoryEvent]:
    """A log whose third event is bad."""
    return [
        small_stored(ANN, envelope=around(0, "ann"), session="s"),
        small_stored(BOB, envelope=around(1, "bob"), session="s"),
        bad,
        accessed_event(ANN, envelope=around(2, "use")),
        concept_event("tea", envelope=around(3, "tea")),
    ]


BAD_EVENT = concept_event(BAD, envelope=around(9, "bad"))
NEIGHBOURS = [
    (offset, event) for offset, event in at_offsets(log_with(BAD_EVENT)) if event != BAD_EVENT
]


def count() -> float:
    """How many concepts have been passed."""
    return REGISTRY.get_sample_value(METRIC, {"type": "concept.upserted.v1"}) or 0.0


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_event_the_fold_fails_on_is_a_dead_letter_and_leaves_no_trace_in_any_batch(
    size: int, logged: list[MutableMapping[str, Any]]
) -> None:
    store, letters = Store(), Letters()
    projection = await live(store, letters)
    log, before = records(log_with(BAD_EVENT)), count()

    for start in range(0, len(log), size):
        await projection.handle(log[start : start + size])

    assert await store.cursor(0, 1) == len(log)
    assert await store.digest(0, 1) == digest_of_view(fold_log(NEIGHBOURS))
    ((offset, error),) = letters.sent
    assert (offset, type(error), error.code) == (2, Indigestible, "internal")
    assert "ZeroDivisionError('float division by zero')" in error.message
    assert count() == before + 1
    (alarm,) = [line for line in logged if line["log_level"] == "error"]
    assert (alarm["partition"], alarm["offset"]) == (0, 2)
    assert projection.stuck == {}


async def test_what_may_heal_by_itself_is_tried_again_and_never_a_dead_letter() -> None:
    store, letters = Store(), Letters(away=5)
    projection = await live(store, letters)
    store.fails = [RedisConnectionError("away") for _ in range(20)]

    await projection.handle(records(log_with(BAD_EVENT)))

    assert [offset for offset, _ in letters.sent] == [2]
    assert await store.digest(0, 1) == digest_of_view(fold_log(NEIGHBOURS))


def fails_for(times: int) -> Callable[[View, MemoryEvent, int], None]:
    """A fold that fails on the bad event so often, and then does not."""
    left = times

    def folded(view: View, event: MemoryEvent, offset: int) -> None:
        nonlocal left
        if event.subject == BAD and left:
            left -= 1
            raise ZeroDivisionError
        fold(view, event, offset)

    return folded


@pytest.mark.parametrize(("fails", "passed"), [(TRIES_MAX - 1, False), (TRIES_MAX, True)])
async def test_event_is_passed_after_three_failures_that_are_its_own(
    monkeypatch: pytest.MonkeyPatch, fails: int, passed: bool
) -> None:
    store, letters = Store(), Letters()
    projection = await live(store, letters)
    store.load_fails = [KafkaConnectionError() for _ in range(TRIES_MAX)]
    monkeypatch.setattr(folding, "fold", fails_for(fails))

    await projection.handle(records([BAD_EVENT]))

    assert [offset for offset, _ in letters.sent] == [0] * passed


@pytest.mark.parametrize(("fails", "passed"), [(TRIES_MAX - 1, 0), (TRIES_MAX, 1)])
async def test_rebuild_passes_what_the_live_fold_passes_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, fails: int, passed: int
) -> None:
    monkeypatch.setattr(
        folding, "fold", fails_for(fails + 1)
    )  # the first time, with its neighbours
    store = Store()
    side = ReadSide(VectorSettings(partitions=1), cast("Any", None), cast("Builds", store))
    rebuilding = _Rebuild(side, cast("Any", None), None)
    version = await store.live_version(EVENTS.partition)

    await rebuilding._fold(EVENTS, version, list(records(log_with(BAD_EVENT))))

    assert rebuilding._indigestible == passed


async def test_what_redis_refuses_once_behind_an_outage_is_not_said_to_be_stuck(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, letters = Store(), Letters()
    projection = await live(store, letters)
    store.fails = [ResponseError(REFUSAL), *(RedisConnectionError() for _ in range(STUCK_TRIES))]
    said: list[str] = []

    async def backoff(_: int) -> bool:
        said.extend(projection.stuck.values())
        return True

    monkeypatch.setattr(projection.ownership, "backoff", backoff)

    await projection.handle(records(log_with(BAD_EVENT)[:1]))

    assert said == []


async def test_what_redis_refuses_for_good_lets_its_neighbours_go_on_and_is_said(
    monkeypatch: pytest.MonkeyPatch, logged: list[MutableMapping[str, Any]]
) -> None:
    store, letters = Store(), Letters()
    projection = await live(store, letters)
    store.refuses = {3}
    said: list[str] = []

    async def backoff(_: int) -> bool:
        said[:] = projection.stuck.values()
        if said:
            store.refuses.clear()  # somebody has heard of it
        return True

    monkeypatch.setattr(projection.ownership, "backoff", backoff)

    await projection.handle(records(log_with(concept_event("cup", envelope=around(9, "cup")))))

    assert said == [f"stuck at 0:3: ResponseError: {REFUSAL}"]
    assert [line["reason"] for line in logged if line["log_level"] == "critical"] == said
    assert projection.stuck == {}
    assert letters.sent == []
    assert await store.cursor(0, 1) == 5


async def test_records_behind_a_fall_of_redis_are_not_taken_for_those_behind_a_hole() -> None:
    store, letters = Store(), Letters()
    projection = await live(store, letters)
    log = records(log_with(BAD_EVENT))
    await projection.handle(log[:2])
    await store.lose_everything()

    await projection.handle(log[2:])

    assert await store.cursor(0, 1) == 0
    assert cast("Any", projection.ownership.consumer).at == 0


async def test_record_that_reading_fails_on_is_passed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode_event(value: bytes) -> MemoryEvent:
        raise RecursionError("too deep")

    store, letters = Store(), Letters()
    projection = await live(store, letters)
    monkeypatch.setattr(folding, "decode_event", decode_event)

    await projection.handle(records([small_stored(memory_id("cid"), envelope=around(0))]))

    ((offset, error),) = letters.sent
    assert (offset, type(error)) == (0, Indigestible)
    assert await store.cursor(0, 1) == 1


def test_what_is_no_fault_of_the_event_stays_what_it_is() -> None:
    for error in (Unavailable("away"), MemoryError()):
        with pytest.raises(type(error)), computing():
            raise error


async def test_what_cannot_be_written_down_is_the_events_fault_and_no_word_reaches_redis() -> None:
    view = fold_log(NEIGHBOURS)
    for memory in view.memories.values():
        memory.state.access_count = 2**32
    projection = RedisProjection(cast("Any", None), "hm:", dimension=4)

    with pytest.raises(Indigestible):
        await projection.apply(0, 1, view, cursor=0, next_cursor=5)
