"""memory.events: facts, as CloudEvents 1.0 in structured JSON form. Never changed once written."""

import base64
import binascii
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas import limits
from schemas.fields import (
    ConceptName,
    Concepts,
    ConceptType,
    Content,
    Context,
    Emotion,
    Expiry,
    Fraction,
    MemoryId,
    MemoryType,
    Message,
    Metadata,
    Milliseconds,
    Namespace,
    Reason,
    RelationType,
    Session,
    Source,
    Speaker,
    Tags,
)
from schemas.replies import ErrorReply

AccessKind = Literal["creation", "search", "recall", "used", "restore", "rehearsal"]


class Event(Message):
    """The CloudEvents envelope. `time` is when it happened, not when it was recorded."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(min_length=1, max_length=128, description="The service that wrote it.")
    subject: str = Field(min_length=1, max_length=512, description="What it is about.")
    time: Milliseconds = Field(description="When it happened.")
    datacontenttype: Literal["application/json"] = "application/json"
    namespace: Namespace


class Commanded(Event):
    """An event that a command led to."""

    bodyhash: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the command, if it came with a key: another body under that key "
        "is refused.",
    )


class Embedding(Message):
    """A vector and what made it: `data` is base64 of little-endian numbers of `dtype`."""

    model: Annotated[str, Field(min_length=1, max_length=256)]
    dimension: Annotated[int, Field(ge=1, le=4096)]
    dtype: Literal["float16"] = "float16"
    data: str
    digest: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the model's files: a name alone does not say which model it was.",
    )

    @model_validator(mode="after")
    def _length(self) -> Self:
        try:
            length = len(base64.b64decode(self.data, validate=True))
        except binascii.Error:
            raise PydanticCustomError("base64", "data must be base64") from None
        # The index silently skips a vector of another length.
        if length != 2 * self.dimension:
            raise PydanticCustomError(
                "dimension",
                "data has {length} bytes, {dimension} numbers of float16 need twice as many",
                {"length": length, "dimension": self.dimension},
            )
        return self


class StoredData(Message):
    content: Content
    indexed_text: str = Field(
        min_length=1,
        description="Content with date and speaker: what is embedded and indexed.",
    )
    memory_type: MemoryType
    context: Context | None = None
    tags: Tags = []
    metadata: Metadata = {}
    concepts: Concepts = []
    emotion: Emotion = Emotion()
    session: Session | None = None
    speaker: Speaker | None = None
    pinned: bool = False
    expires_at: Milliseconds | None = None
    derived_from: Annotated[list[Source], Field(max_length=limits.DERIVED_FROM_MAX)] = []
    recorded_at: Milliseconds = Field(description="When the broker got the command.")
    utc_offset: Annotated[int, Field(ge=-1439, le=1439)] | None = Field(
        None, description="Minutes that clocks were ahead of UTC where it happened, if told."
    )
    body_hash: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the command, so that another body under its key can be refused.",
    )
    embedding: Embedding


class MemoryStored(Event):
    """A memory exists. Subject: its id."""

    type: Literal["memory.stored.v1"] = "memory.stored.v1"
    data: StoredData


class AccessedMemory(Message):
    memory_id: MemoryId
    kind: AccessKind


class AccessedData(Message):
    accesses: Annotated[list[AccessedMemory], Field(min_length=1, max_length=limits.MEMORY_IDS_MAX)]
    context: Context | None = None


class MemoryAccessed(Commanded):
    """Memories were used. Subject: the query or report that used them."""

    type: Literal["memory.accessed.v1"] = "memory.accessed.v1"
    data: AccessedData


class ReasonData(Message):
    reason: Reason | None = None


class MemoryForgotten(Commanded):
    """A memory was deleted by wish. Subject: its id."""

    type: Literal["memory.forgotten.v1"] = "memory.forgotten.v1"
    data: ReasonData


class MemoryRestored(Commanded):
    """A decayed or forgotten memory is active again. Subject: its id."""

    type: Literal["memory.restored.v1"] = "memory.restored.v1"
    data: ReasonData


class DecayedData(Message):
    """`accesses_seen`: traces the decision saw; the fold ignores it if there are more by now."""

    accesses_seen: Annotated[int, Field(ge=1)]
    run_id: UUID | None = None
    reason: Literal["expired"] | None = Field(None, description="Absent: it has faded.")


class MemoryDecayed(Event):
    """A memory fell below the retrieval threshold, or has expired. Subject: its id."""

    type: Literal["memory.decayed.v1"] = "memory.decayed.v1"
    data: DecayedData


class AdjustedData(Message):
    """`nats` is added to the memory's bias.

    With the cause `undo` all that the run did to the memory is taken back instead: its penalty,
    its archiving and its rehearsal; `nats` says what comes of that.
    """

    nats: Annotated[float, Field(ge=-100, le=100)]
    cause: Literal["strategic_prune", "interference", "rif", "undo"]
    run_id: UUID | None = None


class MemoryAdjusted(Event):
    """A penalty, or its reversal. Subject: the memory's id."""

    type: Literal["memory.adjusted.v1"] = "memory.adjusted.v1"
    data: AdjustedData


class SupersededData(Message):
    superseded_by: MemoryId
    reversed: bool = False


class MemorySuperseded(Commanded):
    """A newer memory replaces this one. Subject: the older memory's id."""

    type: Literal["memory.superseded.v1"] = "memory.superseded.v1"
    data: SupersededData


class CorrectedText(Message):
    """A new text of a memory, and all that ingest has worked out from it."""

    content: Content
    indexed_text: str = Field(
        min_length=1, description="As in `memory.stored.v1`: what is embedded and indexed."
    )
    concepts: Concepts = []
    embedding: Embedding


class CorrectedData(Message):
    """New values; those that are absent stay. `reversed` takes the latest correction back."""

    text: CorrectedText | None = None
    tags: Tags | None = None
    metadata: Metadata | None = None
    expires_at: Expiry | None = None
    reason: Reason | None = None
    reversed: bool = False


class MemoryCorrected(Commanded):
    """A memory says something else from here on; its uses stay. Subject: its id."""

    type: Literal["memory.corrected.v1"] = "memory.corrected.v1"
    data: CorrectedData


class ConceptData(Message):
    """With a `run_id` the concept is added by a run of maintenance: only where there is none."""

    concept_type: ConceptType
    activation: Fraction
    aliases: Annotated[list[ConceptName], Field(max_length=limits.ALIASES_MAX)] = []
    run_id: UUID | None = None


class ConceptUpserted(Commanded):
    """A concept exists with this type and activation. Subject: its name."""

    type: Literal["concept.upserted.v1"] = "concept.upserted.v1"
    data: ConceptData


class RelationData(Message):
    """With a `run_id` the relation is added by a run of maintenance: only where there is none."""

    target: ConceptName
    relation_type: RelationType
    weight: Fraction
    run_id: UUID | None = None


class RelationUpserted(Commanded):
    """A relation exists with this weight. Subject: the name of its source."""

    type: Literal["relation.upserted.v1"] = "relation.upserted.v1"
    data: RelationData


class ConceptRemovedData(Message):
    """`run_id`: the run that added it, and is undone."""

    run_id: UUID


class ConceptRemoved(Event):
    """A concept that a run added is gone, unless it is in use by others. Subject: its name.

    In use is what has been upserted since, is linked to a memory, or has a relation.
    """

    type: Literal["concept.removed.v1"] = "concept.removed.v1"
    data: ConceptRemovedData


class ConceptRenamedData(Message):
    name: ConceptName = Field(description="What it is called from here on.")


class ConceptRenamed(Commanded):
    """A concept has another name; the old one still means it. Subject: the old name."""

    type: Literal["concept.renamed.v1"] = "concept.renamed.v1"
    data: ConceptRenamedData


class ConceptMergedData(Message):
    into: ConceptName = Field(description="The concept that stays.")


class ConceptMerged(Commanded):
    """A concept is another one: its memories, relations and names are. Subject: its name."""

    type: Literal["concept.merged.v1"] = "concept.merged.v1"
    data: ConceptMergedData


class ConceptDeleted(Commanded):
    """A concept is gone by wish, with relations and links to memories. Subject: its name."""

    type: Literal["concept.deleted.v1"] = "concept.deleted.v1"
    data: ReasonData


class NamespaceDeleted(Commanded):
    """A namespace is gone with all that was in it. Subject: its name."""

    type: Literal["namespace.deleted.v1"] = "namespace.deleted.v1"
    data: ReasonData


class RelationRemovedData(Message):
    """`run_id`: the run that added it, and is undone."""

    target: ConceptName
    relation_type: RelationType
    run_id: UUID


class RelationRemoved(Event):
    """A relation that a run added is gone, unless it was upserted since. Subject: its source."""

    type: Literal["relation.removed.v1"] = "relation.removed.v1"
    data: RelationRemovedData


class ParametersData(Message):
    parameters: dict[str, float]


class ParametersChanged(Commanded):
    """A namespace's model parameters from here on. Subject: the namespace."""

    type: Literal["parameters.changed.v1"] = "parameters.changed.v1"
    data: ParametersData


JobName = Annotated[str, Field(min_length=1, max_length=64)]


class ProgressedData(Message):
    job: JobName
    began_at: Milliseconds
    phase: Annotated[str, Field(min_length=1, max_length=64)]
    done: Annotated[int, Field(ge=0)] = 0
    total: Annotated[int, Field(ge=0)] = 0


class MaintenanceProgressed(Event):
    """A run is at work, and how far it is. Subject: the run's id."""

    type: Literal["maintenance.progressed.v1"] = "maintenance.progressed.v1"
    data: ProgressedData


class CompletedData(Message):
    """`commanded_at`: the broker's time of the command; no effect of the run is older.

    With an `error` the run failed: it did not get to its end. What it did until then stays, and can
    be undone.
    """

    job: JobName
    began_at: Milliseconds
    report: Metadata = Field({}, description="What the run did, in numbers.")
    downscaling_nats: float | None = None
    commanded_at: Milliseconds | None = None
    cancelled: bool = False
    error: ErrorReply | None = None
    seconds: Annotated[float, Field(ge=0)] | None = Field(
        None, description="How long the attempt took that came to the end."
    )


class MaintenanceCompleted(Event):
    """A run is over; always its last event. Subject: the run's id."""

    type: Literal["maintenance.completed.v1"] = "maintenance.completed.v1"
    data: CompletedData


class UndoneData(Message):
    run_id: UUID


class MaintenanceUndone(Event):
    """A run's effects were compensated. Subject: the run's id."""

    type: Literal["maintenance.undone.v1"] = "maintenance.undone.v1"
    data: UndoneData


MemoryEvent = Annotated[
    MemoryStored
    | MemoryAccessed
    | MemoryForgotten
    | MemoryRestored
    | MemoryDecayed
    | MemoryAdjusted
    | MemorySuperseded
    | MemoryCorrected
    | ConceptUpserted
    | RelationUpserted
    | ConceptRemoved
    | ConceptRenamed
    | ConceptMerged
    | ConceptDeleted
    | NamespaceDeleted
    | RelationRemoved
    | ParametersChanged
    | MaintenanceProgressed
    | MaintenanceCompleted
    | MaintenanceUndone,
    Field(discriminator="type"),
]
MEMORY_EVENT: TypeAdapter[MemoryEvent] = TypeAdapter(MemoryEvent)
