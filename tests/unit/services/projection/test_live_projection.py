"""Where the live fold begins, and until when queries wait: Redis may be older than the log."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError
from redis.exceptions import ConnectionError as RedisConnectionError

from human_memory.bus.consumer import LogConsumer
from services.common.dead_letters import DeadLetters
from services.projection.adapters.redis_projection import RedisProjection
from services.projection.fold.view import Needs, View
from services.projection.live import LiveProjection
from services.projection.ports import Outcome
from tests.builders import concept_event
from tests.polling import eventually

EVENTS = TopicPartition("memory.events", 0)
LOG_END = 500


class Store:
    """What Redis holds: the cursor, and the offset that queries wait for."""

    def __init__(self, cursor: int) -> None:
        self.at = cursor
        self.awaited: int | None = None
        self.opened = False

    async def live_version(self, partition: int) -> int:
        return 1

    async def ensure_index(self, version: int) -> None: ...

    async def cursor(self, partition: int, version: int) -> int:
        return self.at

    async def expect(self, partition: int, offset: int) -> None:
        assert not self.opened, "queries were let in before they knew what to wait for"
        self.awaited = offset

    async def open(self, partition: int, version: int) -> None:
        self.opened = True


class Consumer:
    """One partition of the log, and how far a predecessor said it had come."""

    def __init__(self, committed: int | None) -> None:
        self.at = 0
        self._committed = committed

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, LOG_END)

    async def committed(self, _: TopicPartition) -> int | None:
        return self._committed

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.at = offset


async def at_once(_: float) -> None:
    """No query is being answered."""


async def begun(*, cursor: int, committed: int | None) -> tuple[Store, Consumer]:
    """A member that was just given the partition."""
    store, consumer = Store(cursor), Consumer(committed)
    projection = LiveProjection(
        cast("RedisProjection", store), cast("DeadLetters", None), let_pass=at_once
    )
    projection.ownership.consumer = cast("LogConsumer", consumer)
    await projection.ownership.on_partitions_assigned([EVENTS])
    return store, consumer


async def test_fold_begins_though_no_coordinator_says_what_was_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent(*_: object) -> int:
        raise KafkaConnectionError("no coordinator")

    monkeypatch.setattr(Consumer, "committed", silent)

    store, consumer = await asyncio.wait_for(begun(cursor=200, committed=450), 20)

    assert (store.opened, store.awaited, consumer.at) == (True, None, 200)


async def test_partitions_can_move_while_the_fold_lets_queries_pass() -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def let_pass(_: float) -> None:
        asked.set()
        await answered.wait()

    projection = LiveProjection(
        cast("RedisProjection", Store(0)), cast("DeadLetters", None), let_pass=let_pass
    )
    handling = asyncio.create_task(projection.handle(()))
    await asked.wait()

    await asyncio.wait_for(projection.ownership.on_partitions_revoked([EVENTS]), 20)

    assert not handling.done()
    answered.set()
    await handling


@pytest.mark.parametrize(
    ("cursor", "committed", "awaited"),
    [
        pytest.param(200, 450, 450, id="Redis came back older than its predecessor left it"),
        pytest.param(0, 450, LOG_END, id="Redis came back empty"),
        pytest.param(0, None, LOG_END, id="nobody has folded this log yet"),
        pytest.param(200, 900, LOG_END, id="the log lost its end too: nobody can wait for that"),
    ],
)
async def test_queries_wait_where_redis_is_behind_what_was_folded_before(
    cursor: int, committed: int | None, awaited: int
) -> None:
    store, consumer = await begun(cursor=cursor, committed=committed)

    assert store.awaited == awaited
    assert consumer.at == cursor
    assert store.opened


@pytest.mark.parametrize(
    ("cursor", "committed"),
    [
        pytest.param(450, 450, id="exactly where it was"),
        pytest.param(460, 450, id="the last second was not committed"),
        pytest.param(200, None, id="nobody has committed anything"),
    ],
)
async def test_queries_are_answered_at_once_where_redis_lost_nothing(
    cursor: int, committed: int | None
) -> None:
    store, consumer = await begun(cursor=cursor, committed=committed)

    assert store.awaited is None
    assert consumer.at == cursor
    assert store.opened


async def test_redis_that_falls_back_meanwhile_has_queries_wait_for_what_was_folded() -> None:
    store, consumer = Store(450), Consumer(300)
    projection = LiveProjection(
        cast("RedisProjection", store), cast("DeadLetters", None), let_pass=at_once
    )
    projection.ownership.consumer = cast("LogConsumer", consumer)
    await projection.ownership.on_partitions_assigned([EVENTS])
    store.at, store.opened = 200, False

    await projection._check(EVENTS)

    assert store.awaited == 450
    assert consumer.at == 200


class FallingStore(Store):
    """A Redis that falls back when a test says so, and fails in between."""

    def __init__(self, cursor: int) -> None:
        super().__init__(cursor)
        self.index_fails = self.reply_is_lost = False
        self.applied: list[int] = []

    def fall_back(self) -> None:
        """It is empty again."""
        self.at, self.opened = 0, False

    async def ensure_index(self, version: int) -> None:
        if self.index_fails:
            self.index_fails = False
            raise RedisConnectionError

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        return self.at, View()

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        self.applied.append(cursor)
        self.at = next_cursor
        if self.reply_is_lost:
            self.reply_is_lost = False
            raise RedisConnectionError
        return Outcome("applied", next_cursor)


def record(offset: int) -> Any:
    """An event in the log."""
    value = concept_event("tea").model_dump_json().encode()
    return SimpleNamespace(topic=EVENTS.topic, partition=0, offset=offset, value=value)


async def folding(store: FallingStore) -> tuple[LiveProjection, Consumer]:
    """A member that has the partition."""
    consumer = Consumer(None)
    projection = LiveProjection(
        cast("RedisProjection", store), cast("DeadLetters", None), let_pass=at_once
    )
    projection.ownership.consumer = cast("LogConsumer", consumer)
    await projection.ownership.on_partitions_assigned([EVENTS])
    return projection, consumer


async def test_fold_goes_back_though_redis_fails_while_it_does() -> None:
    store = FallingStore(10)
    projection, consumer = await folding(store)
    store.fall_back()
    store.index_fails = True

    await projection.handle((record(10),))

    assert store.applied == []  # what lies between is not lost as a hole in the log
    assert consumer.at == 0


async def test_fold_goes_back_twice_to_the_same_cursor_though_a_reply_was_lost_between() -> None:
    store = FallingStore(10)
    projection, consumer = await folding(store)
    store.fall_back()
    await projection.handle((record(10),))
    store.reply_is_lost = True
    await projection.handle((record(0),))
    store.fall_back()
    consumer.at = 1

    await projection.handle((record(1),))

    assert store.applied == [0]
    assert consumer.at == 0


async def test_member_that_comes_back_takes_no_lost_events_for_a_hole_it_has_seen_before() -> None:
    store = FallingStore(10)
    projection, consumer = await folding(store)
    store.fall_back()
    await projection.handle((record(10),))
    await projection.ownership.on_partitions_revoked([EVENTS])
    store.at = 50  # another member has gone on
    await projection.ownership.on_partitions_assigned([EVENTS])
    store.fall_back()

    await projection.handle((record(50),))

    assert store.applied == []
    assert consumer.at == 0


class HoldingStore(FallingStore):
    """A Redis in which a rebuild holds the fold before an offset."""

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        return Outcome("hold", cursor)


async def test_fold_that_a_rebuild_holds_says_so_only_as_long_as_it_has_a_batch() -> None:
    projection, _ = await folding(HoldingStore(10))
    handling = asyncio.create_task(projection.handle((record(10),)))
    await eventually(lambda: projection.held)

    await projection.ownership.on_partitions_revoked([EVENTS])
    await handling

    assert not projection.held


async def test_fold_is_not_held_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HoldingStore(10)
    projection, _ = await folding(store)
    handling = asyncio.create_task(projection.handle((record(10),)))
    await eventually(lambda: projection.held)

    async def away(*_: object) -> None:
        raise RedisConnectionError

    monkeypatch.setattr(store, "load", away)

    await eventually(lambda: not projection.held)
    await projection.ownership.on_partitions_revoked([EVENTS])
    await handling
