"""Waiting for the fold: who is woken when, and who hears that it takes too long."""

import asyncio

import pytest

from human_memory.deadline import Deadline
from schemas.errors import Unavailable
from services.readside import visibility
from services.readside.visibility import WAITING_MAX, Waits
from tests.polling import eventually


class ReadSide:
    """Where each of two partitions stands, and how often someone looked."""

    def __init__(self) -> None:
        self.at = [0, 0]
        self.looks = 0
        self.away = False
        self.full: str | None = None

    async def cursor(self, partition: int) -> int:
        self.looks += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("Redis is away")
        return self.at[partition]

    async def refusal(self) -> str | None:
        return self.full

    def waits(self, *, waiting_max: int = WAITING_MAX) -> Waits:
        return Waits(
            self.cursor,
            partitions=len(self.at),
            waiting_max=waiting_max,
            refusal=self.refusal,
        )


def soon() -> Deadline:
    return Deadline.after(0.02)


def late() -> Deadline:
    return Deadline.after(60.0)


async def test_event_that_is_folded_already_is_not_waited_for() -> None:
    side = ReadSide()
    side.at = [8, 0]

    await side.waits().until("0:7", late())

    assert side.looks == 1


async def test_each_is_woken_when_its_event_is_folded() -> None:
    side = ReadSide()
    waits = side.waits()
    woken: list[str] = []

    async def wait(position: str) -> None:
        await waits.until(position, late())
        woken.append(position)

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        tasks = {p: group.create_task(wait(p)) for p in ("0:0", "0:4", "1:2")}
        side.at = [1, 0]
        await tasks["0:0"]
        assert woken == ["0:0"]
        side.at = [1, 3]
        await tasks["1:2"]
        side.at = [5, 3]

    assert woken == ["0:0", "1:2", "0:4"]


async def test_many_who_come_together_cost_one_look() -> None:
    side = ReadSide()
    side.at = [100, 0]
    waits = side.waits()

    await asyncio.gather(*(waits.until(f"0:{number}", late()) for number in range(100)))

    assert side.looks == 1


async def test_event_that_is_not_folded_in_time_is_unavailable() -> None:
    side = ReadSide()
    side.at = [7, 100]

    with pytest.raises(Unavailable, match=r"event at 0:7 is not folded yet") as refused:
        await side.waits().until("0:7", soon())

    assert refused.value.details == {}


async def test_write_that_is_not_visible_in_time_says_where_it_is() -> None:
    with pytest.raises(Unavailable, match=r"written at 0:7, but not visible yet") as refused:
        await ReadSide().waits().visible("0:7", soon())

    assert refused.value.details == {"position": "0:7"}


async def test_write_does_not_wait_for_a_read_side_that_refuses_writes() -> None:
    side = ReadSide()
    side.full = "used memory > 'maxmemory'"

    with pytest.raises(Unavailable, match="takes no writes now: used memory") as refused:
        await side.waits().visible("0:7", late())

    assert refused.value.details == {"position": "0:7"}


async def test_read_side_that_does_not_answer_is_said_at_once() -> None:
    side = ReadSide()
    side.away = True

    with pytest.raises(Unavailable, match="Redis is away"):
        await side.waits().until("0:7", late())


async def test_place_of_the_fold_that_cannot_be_read_is_said_at_once_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def damaged(_: int) -> int:
        return int(b"no number")

    side = ReadSide()
    monkeypatch.setattr(side, "cursor", damaged)

    with pytest.raises(Unavailable, match="does not say how far it has come: ValueError"):
        await side.waits().until("0:7", late())


async def test_partition_that_does_not_exist_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no partition 2"):
        await ReadSide().waits().until("2:0", late())


async def test_no_more_wait_than_may() -> None:
    side = ReadSide()
    waits = side.waits(waiting_max=2)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(waits.until("0:0", late())) for _ in range(2)]
        await asyncio.sleep(0)

        with pytest.raises(Unavailable, match="2 requests wait"):
            await waits.until("0:0", late())

        side.at = [1, 0]
        await asyncio.gather(*tasks)


async def test_answer_that_is_visible_has_no_trouble() -> None:
    side = ReadSide()
    side.at = [8, 0]

    assert await side.waits().trouble("0:7", late()) is None


async def test_answer_does_not_wait_for_a_read_side_that_refuses_writes() -> None:
    side = ReadSide()
    side.full = "used memory > 'maxmemory'"

    trouble = await side.waits().trouble("0:7", late())

    assert trouble == "the read side takes no writes now: used memory > 'maxmemory'"


async def test_answer_does_not_wait_for_a_fold_that_stands_still_and_the_next_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side, forever = ReadSide(), 60.0
    waits = side.waits()
    monkeypatch.setattr(visibility, "STANDSTILL_SECONDS", 0.0)
    first = await waits.trouble("0:7", late())
    monkeypatch.setattr(visibility, "STANDSTILL_SECONDS", forever)

    second = await waits.trouble("0:8", late())

    assert first == second
    assert "stands still at 0:0" in str(first)


async def test_fold_that_moves_again_is_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    side = ReadSide()
    waits = side.waits()
    monkeypatch.setattr(visibility, "STANDSTILL_SECONDS", 0.0)
    await waits.trouble("0:7", late())
    monkeypatch.setattr(visibility, "STANDSTILL_SECONDS", 60.0)
    side.at = [3, 0]
    waiting = asyncio.create_task(waits.trouble("0:7", late()))
    looks = side.looks
    await eventually(lambda: side.looks > looks + 10, seconds=20)
    assert not waiting.done()

    side.at = [8, 0]

    assert await waiting is None


@pytest.mark.parametrize("away", [True, False])
async def test_answer_says_why_it_is_not_visible_in_time_or_ever(away: bool) -> None:
    side = ReadSide()
    side.away = away

    trouble = await side.waits().trouble("0:7", soon())

    assert trouble == ("Redis is away" if away else "the event at 0:7 is not folded yet; ask again")
