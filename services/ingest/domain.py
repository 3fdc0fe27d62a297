"""Command to event: pure, no clock. Form is checked here; whether a memory exists is not."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from schemas.errors import Rejected
from schemas.events import (
    AccessedData,
    AccessedMemory,
    ConceptData,
    ConceptUpserted,
    Embedding,
    MemoryAccessed,
    MemoryEvent,
    MemoryForgotten,
    MemoryRestored,
    MemoryStored,
    ReasonData,
    RelationData,
    RelationUpserted,
    StoredData,
)
from schemas.fields import Emotion, rfc3339
from schemas.ids import cause_of_key, cause_of_record, cause_of_replay, event_id
from schemas.inbox import Access, Concept, Forget, InboxMessage, Relation, Restore, Store

SOURCE = "/human-memory/ingest"
_EVENT_TYPES = {
    "store": "memory.stored.v1",
    "access": "memory.accessed.v1",
    "forget": "memory.forgotten.v1",
    "restore": "memory.restored.v1",
    "concept": "concept.upserted.v1",
    "relation": "relation.upserted.v1",
}


@dataclass(frozen=True)
class Received:
    """Where an inbox record lies, and when the broker got it.

    `replayed_from`: the place of the record that this one repeats, out of dead letters.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    replayed_from: str | None = None


def cause_of(command: InboxMessage, received: Received) -> UUID:
    """What caused the events of `command`; for a `store` this is the memory's id."""
    if command.idempotency_key is not None:
        return cause_of_key(command.namespace, command.idempotency_key)
    if received.replayed_from is not None:
        return cause_of_replay(command.namespace, received.replayed_from)
    return cause_of_record(
        received.topic, received.partition, received.offset, received.timestamp_ms
    )


def event_id_of(command: InboxMessage, received: Received) -> UUID:
    """Id of the event that `command` leads to: the same however often it is sent with its key."""
    return event_id(cause_of(command, received), _EVENT_TYPES[command.type])


def occurred_ms(command: InboxMessage, received: Received, *, future_skew_seconds: float) -> int:
    """When it happened: as the producer says, else when the broker got it.

    Raises:
        Rejected: it is said to have happened in the future.
    """
    occurred = command.occurred_at
    if occurred is None:
        return received.timestamp_ms
    latest = received.timestamp_ms + round(future_skew_seconds * 1000)
    if occurred > latest:
        raise Rejected(
            f"occurred_at: {rfc3339(occurred)} is in the future; at most {future_skew_seconds:g} s "
            f"after {rfc3339(received.timestamp_ms)}, when it was received; check the clock"
        )
    return occurred


def indexed_text(store: Store, time_ms: int) -> str:
    """What is embedded and indexed: the content with its date and speaker.

    >>> indexed_text(Store(namespace="a", content="Hi", speaker="Ada"), 1_683_504_000_000)
    '[08 May 2023] Ada: Hi'
    """
    date = datetime.fromtimestamp(time_ms / 1000, UTC)
    said = f"{store.speaker}: {store.content}" if store.speaker else store.content
    # Not %Y: it pads the year on some platforms only.
    return f"[{date:%d %b} {date.year:04}] {said}"


def embedding_of(vector: np.ndarray, model: str) -> Embedding:
    """A float16 vector of shape (dimension,) as it goes into an event."""
    data = base64.b64encode(vector.astype("<f2").tobytes()).decode()
    return Embedding.model_construct(model=model, dimension=len(vector), data=data)


def event_of(
    command: InboxMessage, received: Received, time_ms: int, embedding: Embedding | None
) -> MemoryEvent:
    """The event that `command` leads to; only a `store` needs an embedding."""
    cause = cause_of(command, received)
    match command:
        case Store():
            assert embedding is not None
            return _stored(command, cause, received, (time_ms, embedding))
        case Access():
            accesses = [
                AccessedMemory(memory_id=memory_id, kind=command.kind)
                for memory_id in dict.fromkeys(command.memory_ids)
            ]
            return MemoryAccessed(
                id=event_id(cause, "memory.accessed.v1"),
                source=SOURCE,
                subject=str(cause),
                time=time_ms,
                namespace=command.namespace,
                data=AccessedData(accesses=accesses, context=command.context),
            )
        case Forget():
            return MemoryForgotten(
                id=event_id(cause, "memory.forgotten.v1"),
                source=SOURCE,
                subject=str(command.memory_id),
                time=time_ms,
                namespace=command.namespace,
                data=ReasonData(reason=command.reason),
            )
        case Restore():
            return MemoryRestored(
                id=event_id(cause, "memory.restored.v1"),
                source=SOURCE,
                subject=str(command.memory_id),
                time=time_ms,
                namespace=command.namespace,
                data=ReasonData(reason=command.reason),
            )
        case Concept() | Relation():
            return _graph_event(command, cause, time_ms)


def _stored(
    store: Store, cause: UUID, received: Received, worked_out: tuple[int, Embedding]
) -> MemoryStored:
    time_ms, embedding = worked_out
    # Another body under the same key can be told from a repeat by this.
    body = store.model_dump_json(exclude={"idempotency_key"}).encode()
    # What `store` was checked for need not be checked again: half the cost of an event.
    return MemoryStored.model_construct(
        id=event_id(cause, "memory.stored.v1"),
        source=SOURCE,
        subject=str(cause),
        time=time_ms,
        namespace=store.namespace,
        data=StoredData.model_construct(
            content=store.content,
            indexed_text=indexed_text(store, time_ms),
            memory_type=store.memory_type,
            context=store.context or None,
            tags=store.tags,
            metadata=store.metadata,
            concepts=store.concepts,
            emotion=store.emotion or Emotion(),
            session=store.session,
            speaker=store.speaker,
            pinned=store.pinned,
            derived_from=store.derived_from,
            recorded_at=received.timestamp_ms,
            body_hash=hashlib.sha256(body).hexdigest(),
            embedding=embedding,
        ),
    )


def _graph_event(
    command: Concept | Relation, cause: UUID, time_ms: int
) -> ConceptUpserted | RelationUpserted:
    if isinstance(command, Concept):
        return ConceptUpserted(
            id=event_id(cause, "concept.upserted.v1"),
            source=SOURCE,
            subject=command.name,
            time=time_ms,
            namespace=command.namespace,
            data=ConceptData(
                concept_type=command.concept_type,
                activation=command.activation,
                aliases=command.aliases,
            ),
        )
    return RelationUpserted(
        id=event_id(cause, "relation.upserted.v1"),
        source=SOURCE,
        subject=command.source,
        time=time_ms,
        namespace=command.namespace,
        data=RelationData(
            target=command.target, relation_type=command.relation_type, weight=command.weight
        ),
    )
