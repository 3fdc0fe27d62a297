"""Queries that others let pass: those that are answered, and not those that wait for the fold."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from schemas.codec import encode
from schemas.queries import Ping
from services.common.envelope import Replier
from services.common.foreground import Foreground
from services.retrieval.handlers import Queries
from tests.builders import NAMESPACE, TIME_MS
from tests.polling import eventually


class Waits:
    """A fold that comes to a position when it is told to."""

    def __init__(self) -> None:
        self.folded = asyncio.Event()
        self.asked = 0

    async def until(self, *_: Any) -> None:
        self.asked += 1
        await self.folded.wait()


def queries(waits: Waits, foreground: Foreground) -> Queries:
    nobody = cast("Any", None)
    return Queries(
        waits=cast("Any", waits),
        searcher=nobody,
        memory=nobody,
        namespace=nobody,
        graph=nobody,
        runs=nobody,
        installation=nobody,
        replier=Replier(nobody, "memory.replies", partitions=6, service="retrieval"),
        dead_letters=nobody,
        now_ms=lambda: TIME_MS,
        in_flight_max=4,
        foreground=foreground,
    )


def record(query: Ping) -> Any:
    return SimpleNamespace(
        topic="memory.queries",
        partition=0,
        offset=0,
        timestamp=TIME_MS,
        key=query.namespace.encode(),
        value=encode(query),
        headers=(),
    )


async def test_query_that_is_being_answered_is_let_pass() -> None:
    foreground = Foreground()
    asked = queries(Waits(), foreground)
    await asked.handle((record(Ping(namespace=NAMESPACE)),))
    passed = asyncio.create_task(foreground.idle(60))
    assert not passed.done()

    await asyncio.wait_for(passed, 20)  # it has been answered by then


async def test_query_that_waits_for_the_fold_does_not_hold_it_up() -> None:
    waits, foreground = Waits(), Foreground()
    asked = queries(waits, foreground)
    await asked.handle((record(Ping(namespace=NAMESPACE, after="0:7")),))
    await eventually(lambda: waits.asked == 1, seconds=20)

    await asyncio.wait_for(foreground.idle(60), 20)

    assert not waits.folded.is_set()  # it waits still
    waits.folded.set()
    await asyncio.wait_for(foreground.idle(60), 20)
