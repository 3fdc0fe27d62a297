"""A time budget that is handed down, so that the sum of all steps is bounded; waits that grow."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    """A moment on a monotonic clock."""

    at_seconds: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = time.monotonic) -> Self:
        """The deadline `seconds` from now."""
        return cls(clock() + seconds, clock)

    def remaining_seconds(self) -> float:
        """The time left, 0 once it is over."""
        return max(0.0, self.at_seconds - self.clock())

    @property
    def expired(self) -> bool:
        """Nobody waits any more."""
        return self.clock() >= self.at_seconds

    def timeout_ms(self) -> bytes:
        """The time left, as the value of the `timeout_ms` header; at least 1, the least allowed."""
        return str(max(1, math.ceil(self.remaining_seconds() * 1000))).encode()


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait after each failed try; the last number holds for all further ones."""

    seconds: tuple[float, ...]

    def after(self, attempt: int) -> float:
        """Seconds to wait when this try has failed; the first is 0."""
        return self.seconds[min(attempt, len(self.seconds) - 1)]
