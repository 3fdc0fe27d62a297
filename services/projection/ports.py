"""Ports of the fold: a store for the projection."""

from dataclasses import dataclass
from typing import Literal, Protocol

from services.projection.fold.view import Needs, View


@dataclass(frozen=True)
class Outcome:
    """The outcome of a write. `at`: the version, hold or cursor that stands there instead.

    applied: data and cursor are written. cursor: the read side is elsewhere than the changes
    assume. version: another build is live now. hold: a rebuild asks to stop before `at`. fold: a
    newer one, `at`, made this build.
    """

    result: Literal["applied", "cursor", "version", "hold", "fold"]
    at: int


class Projection(Protocol):
    """The read side of one installation, by partition."""

    async def live_version(self, partition: int) -> int:
        """The build that is read; a first one is begun where there is none."""
        ...

    async def cursor(self, partition: int, version: int) -> int:
        """Next offset to apply."""
        ...

    async def load(self, partition: int, version: int, needs: Needs) -> tuple[int, View]:
        """The view of what is needed, and the cursor it is good for."""
        ...

    async def apply(
        self, partition: int, version: int, view: View, *, cursor: int, next_cursor: int
    ) -> Outcome:
        """Write what changed in `view`, and the next cursor, if the cursor is still `cursor`.

        Raises:
            Indigestible: what changed cannot be written down.
        """
        ...
