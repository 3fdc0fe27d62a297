"""Deadlines: how long a caller waits, and how a service learns of it."""

from math import inf
from typing import Any

import pytest

from human_memory.bus.bus import Bus
from human_memory.bus.deadline import checked_timeout, deadline_of_record
from human_memory.bus.settings import KafkaSettings
from human_memory.deadline import Deadline
from schemas.errors import LimitExceeded, Rejected, Unavailable
from schemas.limits import TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX
from schemas.queries import Ping

LONGEST = TIMEOUT_MS_MAX / 1000


class ManualClock:
    """Monotonic seconds that move when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_what_is_left_shrinks_with_the_clock(clock: ManualClock) -> None:
    deadline = Deadline.after(5.0, clock=clock)

    clock.now += 2.0

    assert deadline.remaining_seconds() == 3.0
    assert not deadline.expired


def test_after_the_deadline_nothing_is_left(clock: ManualClock) -> None:
    deadline = Deadline.after(5.0, clock=clock)

    clock.now += 5.0

    assert deadline.expired
    assert deadline.remaining_seconds() == 0.0


def test_header_rounds_up_so_that_the_server_never_gives_up_first(clock: ManualClock) -> None:
    deadline = Deadline.after(0.0105, clock=clock)

    header = deadline.timeout_ms()

    assert header == b"11"


def test_header_of_an_expired_deadline_is_the_least_a_server_takes(clock: ManualClock) -> None:
    deadline = Deadline.after(-1.0, clock=clock)

    header = deadline.timeout_ms()

    assert header == b"1"


def test_time_spent_on_the_way_counts(clock: ManualClock) -> None:
    deadline = deadline_of_record(b"1000", recorded_ms=50_000, now_ms=50_400, clock=clock)

    assert deadline.remaining_seconds() == pytest.approx(0.6)


def test_record_older_than_its_timeout_is_expired(clock: ManualClock) -> None:
    deadline = deadline_of_record(b"1000", recorded_ms=50_000, now_ms=51_000, clock=clock)

    assert deadline.expired


def test_wall_clock_behind_the_broker_wins_no_time(clock: ManualClock) -> None:
    deadline = deadline_of_record(b"1000", recorded_ms=50_000, now_ms=10_000, clock=clock)

    assert deadline.remaining_seconds() == pytest.approx(1.0)


def test_record_without_the_header_gets_the_default(clock: ManualClock) -> None:
    deadline = deadline_of_record(None, recorded_ms=0, now_ms=0, clock=clock)

    assert deadline.remaining_seconds() == pytest.approx(TIMEOUT_MS_DEFAULT / 1000)


@pytest.mark.parametrize("header", [b"", b"-1", b"1.5", b"soon", b"\xff", b"0", b"9" * 99, "²"])
def test_header_that_is_no_number_of_milliseconds_is_refused_by_name(header: bytes | str) -> None:
    with pytest.raises(Rejected, match="header timeout_ms"):
        deadline_of_record(header, recorded_ms=0, now_ms=0)


def test_header_over_the_limit_names_it() -> None:
    with pytest.raises(LimitExceeded, match="header timeout_ms") as caught:
        deadline_of_record(str(TIMEOUT_MS_MAX + 1), recorded_ms=0, now_ms=0)

    assert caught.value.details["allowed"] == TIMEOUT_MS_MAX


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), "30", True, [1]])
def test_timeout_that_is_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(Rejected, match="timeout_seconds"):
        checked_timeout(seconds)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(1, 1), (0.5, 0.5), (LONGEST, LONGEST), (None, LONGEST), (inf, LONGEST), (1e300, LONGEST)],
)
def test_no_limit_is_the_longest_that_a_service_works(asked: float | None, seconds: float) -> None:
    assert checked_timeout(asked) == seconds


async def test_request_without_a_limit_gets_as_far_as_one_with_a_limit() -> None:
    bus = Bus(KafkaSettings())

    with pytest.raises(Unavailable, match="never started"):
        await bus.request(Ping(namespace="me"), timeout_seconds=None)
