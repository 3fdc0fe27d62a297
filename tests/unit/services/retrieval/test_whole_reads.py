"""Reads of whole namespaces: two at a time, and nobody else waits for them."""

import asyncio
from typing import Any, cast

from services.common.redis import RedisClient
from services.readside.layout import Layout
from services.readside.live_build import LiveBuild, Queue
from services.retrieval.adapters.redis_memories import WHOLE_AT_ONCE, RedisMemoryReader
from tests.builders import NAMESPACE

ASKED = 6
TURNS = 50


class SlowBuild(LiveBuild):
    """Of empty namespaces; a whole one is not read before `go_on`."""

    def __init__(self) -> None:
        super().__init__(cast("RedisClient", None), "hm:", partitions=1)
        self.go_on = asyncio.Event()
        self.reading = 0
        self.most = 0

    async def read(
        self, partition: int, queue: Queue, *, answering: bool = True, atomic: bool = False
    ) -> tuple[int, list[Any]]:
        commands = queue(Layout("hm:", 1, partition))
        if commands[0][0] == "ZRANGE":
            self.reading += 1
            self.most = max(self.most, self.reading)
            await self.go_on.wait()
            self.reading -= 1
            return 7, [[], None]
        return 7, [0 if words[0] == "ZCOUNT" else [b"1", None, None] for words in commands]


async def turns() -> None:
    """Let everybody come as far as they can."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def test_no_more_than_two_whole_namespaces_are_read_at_once() -> None:
    build = SlowBuild()
    reader = RedisMemoryReader(build)
    asked = [asyncio.create_task(reader.whole(NAMESPACE)) for _ in range(ASKED)]
    await turns()
    meanwhile = build.reading

    build.go_on.set()
    answers = await asyncio.gather(*asked)

    assert WHOLE_AT_ONCE == 2
    assert meanwhile == build.most == WHOLE_AT_ONCE
    assert [position for position, _, _ in answers] == ["0:6"] * ASKED


async def test_small_read_does_not_wait_for_whole_namespaces() -> None:
    build = SlowBuild()
    reader = RedisMemoryReader(build)
    asked = [asyncio.create_task(reader.whole(NAMESPACE)) for _ in range(ASKED)]
    await turns()

    _, counts = await reader.counts(NAMESPACE, 0)

    assert counts["active"] == 1
    assert not any(task.done() for task in asked)
    build.go_on.set()
    await asyncio.gather(*asked)


async def test_whole_read_that_is_given_up_makes_room_for_the_next() -> None:
    build = SlowBuild()
    reader = RedisMemoryReader(build)
    given_up = [asyncio.create_task(reader.whole(NAMESPACE)) for _ in range(WHOLE_AT_ONCE)]
    next_one = asyncio.create_task(reader.whole(NAMESPACE))
    await turns()
    for task in given_up:
        task.cancel()
    build.go_on.set()

    position, _, _ = await next_one

    assert position == "0:6"
