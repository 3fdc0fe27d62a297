"""Command to event: pure, no clock. Form is checked here; whether a memory exists is not."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from cognition.language.emoji import named
from cognition.language.emotion import appraise
from schemas.errors import Rejected
from schemas.events import (
    AccessedData,
    AccessedMemory,
    ConceptData,
    ConceptDeleted,
    ConceptMerged,
    ConceptMergedData,
    ConceptRenamed,
    ConceptRenamedData,
    ConceptUpserted,
    CorrectedData,
    CorrectedText,
    Embedding,
    MemoryAccessed,
    MemoryCorrected,
    MemoryEvent,
    MemoryForgotten,
    MemoryRestored,
    MemoryStored,
    MemorySuperseded,
    NamespaceDeleted,
    ParametersChanged,
    ParametersData,
    ReasonData,
    RelationData,
    RelationUpserted,
    StoredData,
    SupersededData,
)
from schemas.fields import Emotion, Moment, rfc3339
from schemas.ids import cause_of_key, cause_of_record, cause_of_replay, event_id
from schemas.inbox import (
    Access,
    Concept,
    Correct,
    DeleteConcept,
    DeleteNamespace,
    Forget,
    InboxMessage,
    MergeConcept,
    Relation,
    RenameConcept,
    Restore,
    SetParameters,
    Store,
    Supersede,
)
from schemas.limits import CONCEPTS_MAX

SOURCE = "/human-memory/ingest"
_DAY_MS, _MINUTE_MS = 86_400_000, 60_000
_FLOAT16 = np.dtype("<f2")
_EVENT_TYPES = {
    "store": "memory.stored.v1",
    "access": "memory.accessed.v1",
    "forget": "memory.forgotten.v1",
    "restore": "memory.restored.v1",
    "concept": "concept.upserted.v1",
    "rename_concept": "concept.renamed.v1",
    "merge_concept": "concept.merged.v1",
    "delete_concept": "concept.deleted.v1",
    "delete_namespace": "namespace.deleted.v1",
    "relation": "relation.upserted.v1",
    "supersede": "memory.superseded.v1",
    "correct": "memory.corrected.v1",
    "parameters": "parameters.changed.v1",
}


@dataclass(frozen=True)
class Original:
    """The facts of a memory that a correction leaves: when it happened, who said it.

    `linked`: concepts that its text does not name; somebody has linked them on purpose.
    """

    created_at: int
    speaker: str | None = None
    linked: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Equal:
    """A memory that says already what is to be stored, and when it was created."""

    memory_id: UUID
    created_ms: int


@dataclass(frozen=True)
class WorkedOut:
    """The findings of ingest about a text, beside what its producer says.

    `original`: the memory whose text it is to be, if it is known. `equal`: the one to strengthen.
    """

    embedding: Embedding
    concepts: list[str] = field(default_factory=list)
    original: Original | None = None
    equal: Equal | None = None


@dataclass(frozen=True)
class Received:
    """The place of an inbox record, and when the broker got it.

    `replayed_from`: the place of the record that this one repeats, out of dead letters.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    replayed_from: str | None = None


def cause_of(command: InboxMessage, received: Received) -> UUID:
    """The id of the cause of a command's events; for a `store` it is the memory's id."""
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
    """The time of the event: the producer's, else when the broker got the command.

    Raises:
        Rejected: it is said to have happened in the future, or to expire before it happened.
    """
    occurred = command.occurred_at
    if isinstance(command, Store | Correct) and (
        problem := command.expires_too_early(received.timestamp_ms)
    ):
        raise Rejected(problem)
    if occurred is None:
        return received.timestamp_ms
    latest = received.timestamp_ms + round(future_skew_seconds * 1000)
    if occurred > latest:
        raise Rejected(
            f"occurred_at: {rfc3339(occurred)} is in the future; at most {future_skew_seconds:g} s "
            f"after {rfc3339(received.timestamp_ms)}, when it was received; check the clock"
        )
    return int(occurred)


def indexed_text(store: Store, time_ms: int) -> str:
    """The text that is embedded and indexed: the content with its date and speaker, emoji in words.

    The date is that of the place where it happened, if its offset is known.

    >>> indexed_text(Store(namespace="a", content="Hi", speaker="Ada"), 1_683_504_000_000)
    '[08 May 2023] Ada: Hi'
    """
    offset = _utc_offset(store.occurred_at) or 0
    return _dated(store.content, store.speaker, Moment(time_ms, offset))


def corrected_text(content: str, original: Original | None) -> str:
    """As `indexed_text` of the memory with another content.

    The content alone where nobody knows the memory, or reads do not show it yet.
    """
    if original is None:
        return named(content)
    return _dated(content, original.speaker, original.created_at)


def _utc_offset(moment: int | None) -> int | None:
    return moment.utc_offset if isinstance(moment, Moment) else None


def _dated(content: str, speaker: str | None, moment: int) -> str:
    text = named(content)
    said = f"{speaker}: {text}" if speaker else text
    there_ms = int(moment) + (_utc_offset(moment) or 0) * _MINUTE_MS
    return f"[{_date(there_ms // _DAY_MS)}] {said}"


@lru_cache(1_024)
def _date(day: int) -> str:
    """A day since 1970 as texts have it."""
    date = datetime.fromtimestamp(day * _DAY_MS / 1000, UTC)
    # Not %Y: it pads the year on some platforms only.
    return f"{date:%d %b} {date.year:04}"


def float16_of(vector: np.ndarray) -> bytes:
    """A vector's numbers as events and the index have them."""
    return vector.astype(_FLOAT16, copy=False).tobytes()


def embedding_of(vector: np.ndarray, model: str, digest: str | None = None) -> Embedding:
    """A float16 vector of shape (dimension,) as it goes into an event, and what made it."""
    data = base64.b64encode(float16_of(vector)).decode()
    return Embedding.model_construct(model=model, dimension=len(vector), data=data, digest=digest)


def event_of(
    command: InboxMessage, received: Received, time_ms: int, worked_out: WorkedOut | None
) -> MemoryEvent:
    """The event that `command` leads to; only one with a new text needs something worked out."""
    cause = cause_of(command, received)
    around: dict[str, Any] = {
        "id": event_id(cause, _EVENT_TYPES[command.type]),
        "source": SOURCE,
        "time": time_ms,
        "namespace": command.namespace,
    }
    if isinstance(command, Store):
        assert worked_out is not None
        if worked_out.equal is None:
            data = _stored_data(command, received, time_ms, worked_out)
            return MemoryStored(**around, subject=str(cause), data=data)
    if is_bound_to_its_key(command):
        around["bodyhash"] = body_hash_of(command)
    match command:
        case Store() | Access():
            accessed = _accessed_data(command, worked_out)
            return MemoryAccessed(**around, subject=str(cause), data=accessed)
        case Forget():
            reason = ReasonData(reason=command.reason)
            return MemoryForgotten(**around, subject=str(command.memory_id), data=reason)
        case Restore():
            reason = ReasonData(reason=command.reason)
            return MemoryRestored(**around, subject=str(command.memory_id), data=reason)
        case Supersede():
            superseded = SupersededData(
                superseded_by=command.superseded_by, reversed=command.reversed
            )
            return MemorySuperseded(**around, subject=str(command.memory_id), data=superseded)
        case Correct():
            corrected = _corrected_data(command, worked_out)
            return MemoryCorrected(**around, subject=str(command.memory_id), data=corrected)
        case Concept() | RenameConcept() | MergeConcept() | DeleteConcept() | Relation():
            return _graph_event(command, around)
        case DeleteNamespace():
            reason = ReasonData(reason=command.reason)
            return NamespaceDeleted(**around, subject=command.namespace, data=reason)
        case SetParameters():
            changed = command.parameters.model_dump(exclude_defaults=True)
            parameters = ParametersData(parameters=changed)
            return ParametersChanged(**around, subject=command.namespace, data=parameters)


def _graph_event(
    command: Concept | RenameConcept | MergeConcept | DeleteConcept | Relation,
    around: dict[str, Any],
) -> MemoryEvent:
    match command:
        case Concept():
            concept = ConceptData(
                concept_type=command.concept_type,
                activation=command.activation,
                aliases=command.aliases,
                run_id=command.run_id,
            )
            return ConceptUpserted(**around, subject=command.name, data=concept)
        case RenameConcept():
            renamed = ConceptRenamedData(name=command.new_name)
            return ConceptRenamed(**around, subject=command.name, data=renamed)
        case MergeConcept():
            merged = ConceptMergedData(into=command.into)
            return ConceptMerged(**around, subject=command.name, data=merged)
        case DeleteConcept():
            reason = ReasonData(reason=command.reason)
            return ConceptDeleted(**around, subject=command.name, data=reason)
        case Relation():
            relation = RelationData(
                target=command.target,
                relation_type=command.relation_type,
                weight=command.weight,
                run_id=command.run_id,
            )
            return RelationUpserted(**around, subject=command.source, data=relation)


def _accessed_data(command: Store | Access, worked_out: WorkedOut | None) -> AccessedData:
    if isinstance(command, Store):
        assert worked_out is not None
        assert worked_out.equal is not None
        ids, kind = [worked_out.equal.memory_id], "used"
    else:
        ids, kind = list(dict.fromkeys(command.memory_ids)), command.kind
    accesses = [AccessedMemory(memory_id=each, kind=kind) for each in ids]
    return AccessedData(accesses=accesses, context=command.context or None)


def _stored_data(
    store: Store, received: Received, time_ms: int, worked_out: WorkedOut
) -> StoredData:
    # What `store` was checked for need not be checked again: half the cost of an event.
    return StoredData.model_construct(
        content=store.content,
        indexed_text=indexed_text(store, time_ms),
        memory_type=store.memory_type,
        context=store.context or None,
        tags=store.tags,
        metadata=store.metadata,
        concepts=_concepts(store.concepts, worked_out),
        emotion=store.emotion or _emotion(store.content),
        session=store.session,
        speaker=store.speaker,
        pinned=store.pinned,
        expires_at=store.expires_at,
        derived_from=store.derived_from,
        recorded_at=received.timestamp_ms,
        utc_offset=_utc_offset(store.occurred_at),
        body_hash=body_hash_of(store),
        embedding=worked_out.embedding,
    )


def _corrected_data(correct: Correct, worked_out: WorkedOut | None) -> CorrectedData:
    text = None
    if correct.content is not None:
        assert worked_out is not None
        original = worked_out.original
        text = CorrectedText.model_construct(
            content=correct.content,
            indexed_text=corrected_text(correct.content, worked_out.original),
            concepts=_concepts(original.linked if original else [], worked_out),
            embedding=worked_out.embedding,
        )
    return CorrectedData.model_construct(
        text=text,
        tags=correct.tags,
        metadata=correct.metadata,
        expires_at=correct.expires_at,
        reason=correct.reason,
        reversed=correct.reversed,
    )


def body_hash_of(command: InboxMessage) -> str:
    """SHA-256 of a command, by which another body under its key is told from a repeat.

    Whatever the order of its keys, and without what is as by default: a field that comes with a
    later version changes no hash.
    """
    if command.occurred_at is not None:  # wherever its clock is
        command = command.model_copy(update={"occurred_at": int(command.occurred_at)})
    body = command.model_dump(mode="json", exclude={"idempotency_key"}, exclude_defaults=True)
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def is_bound_to_its_key(command: InboxMessage) -> bool:
    """True where another body under the same key is refused.

    A run of maintenance that is repeated may find other numbers for what it adds to the graph.
    """
    of_a_run = isinstance(command, Concept | Relation) and command.run_id is not None
    return command.idempotency_key is not None and not of_a_run


def _concepts(given: list[str], worked_out: WorkedOut) -> list[str]:
    """The concepts of a memory, no more than an event may have: the given ones come first."""
    return list(dict.fromkeys([*given, *worked_out.concepts]))[:CONCEPTS_MAX]


def _emotion(content: str) -> Emotion:
    felt = appraise(content)
    return Emotion(valence=felt.valence, arousal=felt.arousal, salience=felt.salience)
