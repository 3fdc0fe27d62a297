"""Ports of the fold: a store for the projection."""

from dataclasses import dataclass
from typing import Literal, Protocol

from services.projection.fold.view import Needs, View
from services.readside.layout import Control, Layout


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

    async def ensure_index(self, version: int) -> None:
        """Create the search indexes of a build where they are missing."""
        ...

    async def expect(self, partition: int, offset: int) -> None:
        """Have queries wait until the fold has come to `offset` again."""
        ...

    async def open(self, partition: int, version: int) -> None:
        """Let queries read a build that nothing has been folded into yet.

        Without a cursor they are refused: there may be a log, and nobody has looked yet.
        """
        ...

    async def cursor(self, partition: int, version: int) -> int:
        """Next offset to apply."""
        ...

    async def fold(self, partition: int, version: int) -> int | None:
        """The fold that made a build; None where there is nothing yet."""
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


class Builds(Projection, Protocol):
    """The read side with its keys, for those that hold it still, compare and replace it."""

    prefix: str

    def marked(self, mark: str) -> "Builds":
        """The same, writing beside the live build while `mark` stands in `Control.next`."""
        ...

    def layout(self, partition: int, version: int) -> Layout:
        """Keys of a build."""
        ...

    def control(self, partition: int) -> Control:
        """Keys that say which build is live, and what holds it."""
        ...
