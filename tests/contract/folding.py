"""Folding events into a projection, as the service does it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.events import MemoryEvent
from services.projection.batch import Batch, Decoded
from services.projection.ports import Outcome, Projection

Offsets = Sequence[tuple[int, MemoryEvent]]


@dataclass(frozen=True)
class Record:
    """A record of the log, as far as the fold looks at it."""

    offset: int


class ProbedProjection(Projection, Protocol):
    """A projection, with what a test must see of it and do to it."""

    async def digest(self, partition: int, version: int) -> str:
        """Digest of what it holds."""
        ...

    async def answers(self, partition: int) -> bool:
        """True where queries are answered from the live build."""
        ...

    async def hold(self, partition: int, offset: int | None) -> None:
        """Hold the live fold at an offset, or let it go on."""
        ...

    async def switch(self, partition: int, version: int) -> None:
        """Make another build the live one."""
        ...

    async def made_by(self, partition: int, version: int, fold: int) -> None:
        """Have a build remember a fold that made it."""
        ...

    async def lose_everything(self) -> None:
        """What FLUSHALL does."""
        ...


def batch_of(events: Offsets, *, partition: int, version: int = 1) -> Batch:
    """Events at their offsets, not folded yet."""
    decoded = [Decoded(Record(offset), event=event) for offset, event in events]
    return Batch(partition, version, decoded)


async def fold_into(
    projection: Projection, events: Offsets, *, partition: int, version: int = 1
) -> Outcome | None:
    """Load, fold and apply once; None if all of it was there already."""
    batch = batch_of(events, partition=partition, version=version)
    await batch.load(projection)
    return await batch.apply(projection) if batch.decoded else None


async def fold_all(
    projection: Projection, batches: Iterable[Offsets], *, partition: int, version: int = 1
) -> None:
    """Fold batch after batch, each of which must be taken."""
    for events in batches:
        outcome = await fold_into(projection, events, partition=partition, version=version)
        assert outcome is not None
        assert outcome.result == "applied", outcome
