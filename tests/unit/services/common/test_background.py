"""Work beside other work ends the service or is logged when it fails, and ends with it."""

import asyncio

import pytest
from structlog.testing import capture_logs

from schemas.errors import InvariantBroken, Unavailable
from services.common.background import Background, beside
from tests.polling import eventually


async def test_work_beside_a_service_that_fails_ends_the_service_with_its_error() -> None:
    async def fail() -> None:
        raise Unavailable("stands still")

    with pytest.raises(Unavailable, match="stands still"):
        async with beside(asyncio.sleep(1_000), beside_nothing(), fail()):
            await asyncio.Event().wait()


async def test_error_of_the_body_is_raised_as_it_is() -> None:
    with pytest.raises(InvariantBroken, match="differs"):
        async with beside(asyncio.sleep(1_000)):
            raise InvariantBroken("differs")


async def test_work_beside_a_service_ends_with_it() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with beside(work()):
        await asyncio.sleep(0)

    assert ended.is_set()


async def test_failure_in_the_background_is_logged_at_once_and_stops_nobody() -> None:
    background, done = Background(), asyncio.Event()

    async def fail() -> None:
        raise ValueError("a bug")

    async def work() -> None:
        done.set()

    with capture_logs() as logged:
        background.start(fail())
        background.start(work())
        await eventually(lambda: bool(logged))

    (line,) = logged
    assert (line["event"], line["log_level"]) == ("background work failed", "error")
    assert str(line["exc_info"]) == "a bug"
    assert "fail" in line["work"]
    assert done.is_set()


async def test_drain_waits_for_what_is_under_way_and_no_longer_than_asked() -> None:
    background, steps = Background(), list[int]()

    async def work() -> None:
        await asyncio.sleep(0)
        steps.append(1)

    background.start(work())
    background.start(asyncio.sleep(1_000))
    await background.drain(0.01)

    assert steps == [1]


async def beside_nothing() -> None:
    """Work that is done at once."""
