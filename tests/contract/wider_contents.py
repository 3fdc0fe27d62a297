"""A read side with one collection and one field of the record more, each added in one place."""

from dataclasses import dataclass, fields
from typing import Annotated
from uuid import UUID

from schemas.events import MemoryEvent, MemoryStored
from services.projection.fold import fold as product
from services.projection.fold.view import Needs, View
from services.readside.collections import COLLECTIONS, Collection, Contents
from services.readside.layout import RecordFormat, State


@dataclass(slots=True)
class MoodyState(State):
    """The field: how glad somebody was of a memory."""

    mood: Annotated[float, "<f8"] = 0.0


# The collection: how many memories have a mood.
MOODS = Collection[str, int](name="moods", field=str.encode, pack=lambda n: b"%d" % n, unpack=int)
WIDER = Contents((*COLLECTIONS, MOODS), RecordFormat(MoodyState))


def references(event: MemoryEvent, needs: Needs) -> None:
    """The product's reads, and the moods."""
    product.references(event, needs)
    if isinstance(event, MemoryStored):
        needs.of(MOODS, event.namespace).add(_mood(event))


def fold(view: View, event: MemoryEvent, offset: int) -> None:
    """The product's fold, which knows nothing of moods, and theirs."""
    product.fold(view, event, offset)
    if isinstance(event, MemoryStored):
        view.add(MOODS, event.namespace, {_mood(event): 1})
        memory = view.memories[event.namespace, UUID(event.subject)]
        known = {each.name: getattr(memory.state, each.name) for each in fields(State)}
        memory.state = MoodyState(**known, mood=event.data.emotion.valence)


def _mood(event: MemoryStored) -> str:
    return "glad" if event.data.emotion.valence > 0 else "sad"
