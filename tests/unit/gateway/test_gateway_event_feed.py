"""Those who follow events: how they come, fall behind and go, with a log of their own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from human_memory.bus import consuming
from schemas.errors import Unavailable
from services.gateway import event_feed as following
from services.gateway.event_feed import BACKLOG_MAX, Follower, Followers
from services.gateway.settings import GatewaySettings

EVENT: following.Event = ("0:1", "memory.stored.v1", {})


class Log:
    """In place of a consumer: it never has anything, and counts those that are open."""

    open = 0
    made = 0
    answers = True
    fails: asyncio.Event

    def __init__(self, **_: Any) -> None:
        type(self).made += 1

    async def start(self) -> None:
        Log.open += 1

    async def stop(self) -> None:
        await asyncio.sleep(0)
        Log.open -= 1

    def assign(self, _: Any) -> None: ...

    async def seek_to_end(self, *_: Any) -> None: ...

    async def position(self, _: Any) -> int:
        while not Log.answers:  # noqa: ASYNC110 # as aiokafka does while Kafka is away
            await asyncio.sleep(0.001)
        return 0

    async def getmany(self, **_: Any) -> None:
        await Log.fails.wait()
        raise RuntimeError("no log")


@pytest.fixture
async def followers(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Followers]:
    """Follow a log that never has anything."""
    Log.open, Log.made, Log.answers, Log.fails = 0, 0, True, asyncio.Event()
    monkeypatch.setattr(consuming, "LogConsumer", Log)
    made = Followers(GatewaySettings())
    yield made
    await made.close()
    assert Log.open == 0


async def nothing_is_read() -> None:
    async with asyncio.timeout(5):
        while Log.open:  # noqa: ASYNC110 # what ends it runs in no task of ours
            await asyncio.sleep(0.001)


async def test_follower_that_falls_behind_gets_no_event_after_the_hole() -> None:
    follower = Follower("n")
    for _ in range(BACKLOG_MAX + 1):
        follower.give(EVENT)
    await anext(follower)
    follower.give(("0:2", "later", {}))

    for _ in range(BACKLOG_MAX - 1):
        assert await anext(follower) == EVENT
    with pytest.raises(StopAsyncIteration):
        await anext(follower)


async def test_reading_ends_with_the_last_follower_however_it_goes(followers: Followers) -> None:
    with anyio.CancelScope() as scope:  # it cancels again at each await, as the framework's does
        async with followers.following("n"):
            scope.cancel()
            await anyio.sleep_forever()

    await nothing_is_read()
    assert (Log.made, Log.open) == (1, 0)


async def test_reading_ends_if_its_follower_goes_before_it_has_begun(followers: Followers) -> None:
    Log.answers = False
    with anyio.move_on_after(0.02):
        async with followers.following("n"):
            pass
    Log.answers = True

    await nothing_is_read()
    assert Log.open == 0


async def test_log_that_does_not_answer_is_unavailable(
    followers: Followers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consuming, "START_SECONDS_MAX", 0.02)
    Log.answers = False

    with pytest.raises(Unavailable, match="does not answer"):
        async with followers.following("n"):
            pass
    await nothing_is_read()


async def test_stopping_does_not_wait_for_a_log_that_does_not_answer(followers: Followers) -> None:
    Log.answers = False

    async def follow() -> None:
        async with followers.following("n"):
            pass

    following_ = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await followers.close()

    with pytest.raises(Unavailable):
        await following_


async def test_follower_that_comes_after_reading_failed_is_read_for_anew(
    followers: Followers,
) -> None:
    async with followers.following("n") as first:
        Log.fails.set()
        with pytest.raises(StopAsyncIteration):
            await anext(first)
        Log.fails = asyncio.Event()
        async with followers.following("n") as second:
            second.give(EVENT)
            assert await anext(second) == EVENT
            assert (Log.made, Log.open) == (2, 1)


async def test_nobody_follows_once_it_stops(followers: Followers) -> None:
    await followers.close()

    with pytest.raises(Unavailable, match="stopping"), followers.place():
        pass
    with pytest.raises(Unavailable, match="stopping"):
        async with followers.following("n"):
            pass
    assert Log.made == 0
