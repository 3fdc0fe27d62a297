"""Time counts only as long as a state stays what it was, and while somebody looks."""

import pytest

from human_memory.bus.lasting import GAP_SECONDS_MAX, Lasting


class Looked:
    """A count, and a clock that jumps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lasting = Lasting(lambda: self.now)

    def after(self, seconds: float, **states: object) -> dict[str, float]:
        """Look so much later."""
        self.now += seconds
        return self.lasting.look(states)


@pytest.fixture
def looked() -> Looked:
    """A count of nothing yet."""
    return Looked()


def test_state_that_stays_is_counted_from_when_it_was_seen_first(looked: Looked) -> None:
    looked.after(1, a=7)

    assert looked.after(3, a=7, b=7) == {"a": 3, "b": 0}


def test_state_that_changes_or_goes_begins_anew(looked: Looked) -> None:
    looked.after(0, a=7, b=7)
    looked.after(1, a=8)

    assert looked.after(1, a=8, b=7) == {"a": 1, "b": 0}


def test_pause_in_which_nobody_looked_is_not_counted(looked: Looked) -> None:
    looked.after(0, a=7)
    looked.after(5, a=7)

    assert looked.after(GAP_SECONDS_MAX + 1, a=7) == {"a": 0}


def test_what_is_forgotten_begins_with_the_next_look(looked: Looked) -> None:
    looked.after(0, a=7)

    looked.lasting.forget()

    assert looked.after(5, a=7) == {"a": 0}
