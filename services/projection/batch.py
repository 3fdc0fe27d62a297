"""One batch through the fold, for the live projection and for a rebuild alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from human_memory.bus.consumer import UnreadableRecord
from schemas.codec import decode_event
from schemas.errors import Indigestible, MemoryServiceError, Rejected
from schemas.events import MemoryEvent, NamespaceDeleted
from services.common.computing import computing
from services.projection.fold.fold import fold, references
from services.projection.fold.view import Needs, View
from services.projection.ports import Outcome, Projection

# A failure of code that only computes comes back each time. It is tried more than once, in case
# what it was given had been read wrongly.
TRIES_MAX = 3


@dataclass(slots=True)
class Decoded:
    """A record of the log: its event, or why it is passed."""

    record: Any
    event: MemoryEvent | None = None
    error: MemoryServiceError | None = None
    dead_lettered: bool = False
    failures: int = 0

    def failed(self, error: Indigestible) -> None:
        """Note that the fold failed on it alone; the third time decides that it is passed."""
        self.failures += 1
        if self.failures >= TRIES_MAX:
            self.error = error


def decode(record: Any) -> Decoded:
    """Read a record.

    Raises:
        UnknownEventVersion: it is newer than this service; nothing after it may be folded.
    """
    if isinstance(record, UnreadableRecord):
        return Decoded(record, error=Rejected(record.reason))
    try:
        with computing():
            return Decoded(record, event=decode_event(record.value))
    except (Rejected, Indigestible) as error:
        return Decoded(record, error=error)


def apart(decoded: list[Decoded]) -> Iterator[list[Decoded]]:
    """The records of a batch, in as few as can be folded together, and in order.

    What deletes a namespace is folded alone: it is written in several steps, and whoever goes on
    after a kill must find nothing that was half deleted to fold other events over.
    """
    for _, some in groupby(decoded, key=_alone_at):
        yield list(some)


def _alone_at(each: Decoded) -> int | None:
    return each.record.offset if isinstance(each.event, NamespaceDeleted) else None


@dataclass(slots=True)
class Batch:
    """Records of one partition, in order, and the view they are folded into.

    `cursor`: where the read side stands; records before it are done and dropped.
    """

    partition: int
    version: int
    decoded: list[Decoded]
    cursor: int = 0
    view: View | None = None

    async def load(self, projection: Projection) -> None:
        """Read what the events touch, at one instant, and fold them over it.

        Raises:
            Indigestible: the fold fails on one of the events; alone, the others can be folded.
        """
        needs = Needs()
        with computing():
            self._each(lambda event, _: references(event, needs))
        self.cursor, self.view = await projection.load(self.partition, self.version, needs)
        self.decoded = [each for each in self.decoded if each.record.offset >= self.cursor]
        view = self.view
        with computing():
            self._each(lambda event, offset: fold(view, event, offset))

    def _each(self, use: Callable[[MemoryEvent, int], None]) -> None:
        for each in self.decoded:
            if each.event is not None and each.error is None:
                try:
                    use(each.event, each.record.offset)
                except Rejected as error:
                    each.error = error

    async def apply(self, projection: Projection) -> Outcome:
        """Write what the fold changed, and the cursor behind the last record."""
        assert self.view is not None
        return await projection.apply(
            self.partition,
            self.version,
            self.view,
            cursor=self.cursor,
            next_cursor=self.decoded[-1].record.offset + 1,
        )
