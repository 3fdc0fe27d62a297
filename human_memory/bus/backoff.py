"""Waits between tries that grow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait after each failed try; the last number holds for all further ones."""

    seconds: tuple[float, ...]

    def after(self, attempt: int) -> float:
        """Seconds to wait when this try has failed; the first is 0."""
        return self.seconds[min(attempt, len(self.seconds) - 1)]
