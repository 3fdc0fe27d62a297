"""Repeating a call until its time is over, at growing distances."""

import logging
import random
from collections.abc import Iterator
from itertools import chain, repeat

from human_memory.deadline import Deadline

# The first pause covers a server that closed an idle connection, all of them its restart.
PAUSES_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6)
PAUSE_SECONDS_MAX = 2.0
# With less time left another try is no use.
SECONDS_LEFT_MIN = 0.25
_log = logging.getLogger("human_memory")


class Repeating:
    """The pauses between the tries of one call. `why`: what the last pause is for."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._pauses: Iterator[float] = chain(PAUSES_SECONDS, repeat(PAUSE_SECONDS_MAX))
        self._told = False
        self.why = ""

    def pause(self, why: str, *, at_least: float = 0.0) -> float | None:
        """Seconds until the next try; None where there is no time for one.

        That it waits is logged, once a call and after the first second: it may be for long.
        """
        self.why = why
        left = self._deadline.remaining_seconds()
        pause = next(self._pauses)
        if left < SECONDS_LEFT_MIN or at_least >= left:
            return None
        if pause > 1 and not self._told:
            self._told = True
            _log.warning("%s; trying again for %.0f s", why, left)
        # Longer by chance, so that those who wait do not come back all at once. The last tries are
        # closer together: the server may be back by then.
        return max(at_least, min(pause * (1 + random.random() / 2), left / 2))  # noqa: S311
