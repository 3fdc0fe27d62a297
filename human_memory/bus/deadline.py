"""Deadlines on the bus: the header that carries one, and the bounds of what may be asked."""

import time
from numbers import Real

from human_memory.deadline import Clock, Deadline
from schemas.errors import LimitExceeded, Rejected
from schemas.limits import TIMEOUT_MS_DEFAULT, TIMEOUT_MS_MAX
from schemas.topics import TIMEOUT_MS

_DIGITS_MAX = 12


def deadline_of_record(
    timeout_ms: bytes | str | None,
    *,
    recorded_ms: int,
    now_ms: int,
    clock: Clock = time.monotonic,
) -> Deadline:
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
    return Deadline.after((allowed_ms - spent_ms) / 1000, clock=clock)


def checked_timeout(seconds: float | None) -> float:
    """The `seconds` that a caller may wait; no limit is the longest that a service works.

    Raises:
        Rejected: it is no time.
    """
    longest = TIMEOUT_MS_MAX / 1000
    if seconds is None:
        return longest
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or not seconds > 0:
        raise Rejected(
            "timeout_seconds: must be a number of seconds above 0, or None for the longest there "
            f"is ({longest:g} s), not {seconds!r}"
        )
    return min(seconds, longest)


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
