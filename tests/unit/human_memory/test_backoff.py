"""Waits between tries."""

from human_memory.deadline import Backoff


def test_wait_grows_to_the_last_one_and_stays_there() -> None:
    backoff = Backoff((0.5, 1.0, 2.0))

    assert [backoff.after(attempt) for attempt in range(5)] == [0.5, 1.0, 2.0, 2.0, 2.0]
