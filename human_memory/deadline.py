"""One time budget that is handed down, so that the sum of all steps is bounded."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from schemas.errors import LimitExceeded, Rejected
from schemas.limits import TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX
from schemas.topics import TIMEOUT_MS

Clock = Callable[[], float]
_DIGITS_MAX = 12


@dataclass(frozen=True)
class Deadline:
    """A moment on a monotonic clock."""

    at_seconds: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, *, clock: Clock = time.monotonic) -> Self:
        """The deadline `seconds` from now."""
        return cls(clock() + seconds, clock)

    @classmethod
    def of_record(
        cls,
        timeout_ms: bytes | str | None,
        *,
        recorded_ms: int,
        now_ms: int,
        clock: Clock = time.monotonic,
    ) -> Self:
        """The deadline of a record, counted from the broker's time for it.

        Args:
            timeout_ms: value of the `timeout_ms` header; without one the default counts.
            recorded_ms: the record's broker timestamp.
            now_ms: our wall clock. Where it is behind the broker's, no time is won by that.

        Raises:
            Rejected: the header is not a whole number of milliseconds, or out of bounds.
        """
        allowed_ms = TIMEOUT_MS_DEFAULT if timeout_ms is None else _parsed(timeout_ms)
        spent_ms = max(0, now_ms - recorded_ms)
        return cls.after((allowed_ms - spent_ms) / 1000, clock=clock)

    def remaining_seconds(self) -> float:
        """The time left, 0 once it is over."""
        return max(0.0, self.at_seconds - self.clock())

    @property
    def expired(self) -> bool:
        """Nobody waits any more."""
        return self.clock() >= self.at_seconds

    def timeout_ms(self) -> bytes:
        """What is left, as value of the `timeout_ms` header; at least 1, which is the least."""
        return str(max(1, math.ceil(self.remaining_seconds() * 1000))).encode()


def checked_timeout(seconds: float) -> float:
    """`seconds`, if that is a time a caller may wait.

    Raises:
        Rejected: not above 0, or over the limit.
    """
    if not seconds > 0:
        raise Rejected(f"timeout_seconds: must be above 0, not {seconds}")
    if seconds * 1000 > TIMEOUT_MS_MAX:
        raise Rejected(
            f"timeout_seconds: at most {TIMEOUT_MS_MAX // 1000}, not {seconds}", limit=TIMEOUT_MS
        )
    return seconds


def _parsed(header: bytes | str) -> int:
    text = header.encode() if isinstance(header, str) else header
    if not text.isdigit() or len(text) > _DIGITS_MAX or int(text) == 0:
        raise Rejected(
            f"header {TIMEOUT_MS}: must be a whole number of milliseconds from 1 to "
            f"{TIMEOUT_MS_MAX:,}, such as 25000, not {text[:40]!r}"
        )
    sent = int(text)
    if sent > TIMEOUT_MS_MAX:
        raise LimitExceeded(
            f"header {TIMEOUT_MS}",
            allowed=TIMEOUT_MS_MAX,
            sent=sent,
            remedy="ask for less time, and ask again if that was too little",
        )
    return sent
