"""Time for which things have been as they are, of what is looked at again and again."""

import time
from collections.abc import Callable, Mapping
from typing import Any

# Whoever looks does so every few seconds. After a longer pause we were stopped ourselves (SIGSTOP,
# a machine that slept), and what came meanwhile is not read yet.
GAP_SECONDS_MAX = 15.0
# What has lasted so long makes us ask, so often, if Kafka (and Redis) answer others: while they do
# not, nothing is counted, and once they do again, there is time to hear of it.
DOUBT_SECONDS = 10.0


class Lasting:
    """States of things, and for how long each has lasted; time that nobody saw is not counted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked = clock()
        self._since: dict[Any, tuple[Any, float]] = {}

    def look(self, states: Mapping[Any, Any]) -> dict[Any, float]:
        """The seconds for which each thing has been in the state that it is in now."""
        now = self._clock()
        if now - self._looked > GAP_SECONDS_MAX:
            self.forget()
        self._looked = now
        before = self._since
        self._since = {
            key: before[key] if key in before and before[key][0] == state else (state, now)
            for key, state in states.items()
        }
        return {key: now - since for key, (_, since) in self._since.items()}

    def forget(self) -> None:
        """Begin anew with the next look."""
        self._since.clear()
