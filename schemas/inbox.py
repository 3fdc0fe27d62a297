"""memory.inbox: what a producer writes. Commands: each may be refused."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from schemas import limits
from schemas.errors import Rejected
from schemas.fields import (
    ConceptName,
    Concepts,
    ConceptType,
    Content,
    Context,
    Emotion,
    Expiry,
    Fraction,
    IdempotencyKey,
    LocalMilliseconds,
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
    rfc3339,
)
from schemas.parameters import Parameters

_ADDED_BY = Field(
    None,
    description="The run of maintenance that adds it: only where there is none, and until undone. "
    "Undoing the run removes all that came with its id while it was at work, whoever sent it; "
    "leave it out of what shall stay.",
)
AccessKindReported = Literal["recall", "used", "rehearsal"]


class InboxCommand(Message):
    """Fields of every command: the namespace, the time, and a name for 'the same again'."""

    namespace: Namespace
    idempotency_key: IdempotencyKey | None = None
    occurred_at: LocalMilliseconds | None = Field(
        None,
        description="When it happened; absent: when the broker got the record. Its date is the one "
        "there: give the offset of the clock that it was read off.",
    )


class Store(InboxCommand):
    """Something happened: remember it."""

    type: Literal["store"] = "store"
    content: Content
    memory_type: MemoryType = "episodic"
    context: Context | None = None
    tags: Tags = []
    metadata: Metadata = {}
    concepts: Concepts = []
    emotion: Emotion | None = Field(None, description="Absent: worked out from the content.")
    session: Session | None = None
    speaker: Speaker | None = None
    pinned: bool = Field(False, description="Never decays.")
    expires_at: Milliseconds | None = Field(
        None, description="From then on it is archived, also if it is pinned; after `occurred_at`."
    )
    if_equal: Literal["add", "strengthen"] = Field(
        "add",
        description="Where a memory that says the same, of the same speaker and type, is there: "
        "add another, or strengthen that one.",
    )
    derived_from: list[Source] = Field(
        [], max_length=limits.DERIVED_FROM_MAX, description="The memories it was made from."
    )

    def expires_too_early(self, received_ms: int) -> str | None:
        """The fault of an expiry that is not after the memory's own time; None if it is fine."""
        occurred = received_ms if self.occurred_at is None else self.occurred_at
        if self.expires_at is None or self.expires_at > occurred:
            return None
        return (
            f"expires_at: {rfc3339(self.expires_at)} is not after occurred_at, "
            f"{rfc3339(occurred)}; give a later moment, or leave it out"
        )


class Access(InboxCommand):
    """Memories were used outside a search or recall of ours, for example in an answer."""

    type: Literal["access"] = "access"
    memory_ids: Annotated[list[MemoryId], Field(min_length=1, max_length=limits.MEMORY_IDS_MAX)]
    kind: AccessKindReported = Field(
        "used", description="A rehearsal strengthens, but does not count as an access."
    )
    context: Context | None = None


class Forget(InboxCommand):
    """Take a memory out of everything but `inspect` and `list`. `Restore` undoes it."""

    type: Literal["forget"] = "forget"
    memory_id: MemoryId
    reason: Reason | None = None


class Restore(InboxCommand):
    """Bring a decayed or forgotten memory back; counts as one access."""

    type: Literal["restore"] = "restore"
    memory_id: MemoryId
    reason: Reason | None = None


class Concept(InboxCommand):
    """Create a concept of the graph, or overwrite its type and activation."""

    type: Literal["concept"] = "concept"
    name: ConceptName
    concept_type: ConceptType = "concept"
    activation: Fraction = 0.8
    aliases: Annotated[list[ConceptName], Field(max_length=limits.ALIASES_MAX)] = []
    run_id: UUID | None = _ADDED_BY


class RenameConcept(InboxCommand):
    """Give a concept another name. The old one still means it, in texts and in requests."""

    type: Literal["rename_concept"] = "rename_concept"
    name: ConceptName = Field(description="A name of the concept.")
    new_name: ConceptName = Field(description="A name that no other concept has.")


class MergeConcept(InboxCommand):
    """Make a concept one with another: memories, relations and names of both are the other's."""

    type: Literal["merge_concept"] = "merge_concept"
    name: ConceptName = Field(description="The concept that is gone afterwards.")
    into: ConceptName = Field(description="The concept that stays, with its type and activation.")


class DeleteConcept(InboxCommand):
    """Delete a concept, its relations and its links to memories. The memories stay."""

    type: Literal["delete_concept"] = "delete_concept"
    name: ConceptName = Field(description="A name of the concept.")
    reason: Reason | None = Field(None, description="For people who read the log.")


class DeleteNamespace(InboxCommand):
    """Delete a namespace with all that is in it. What comes afterwards begins it anew."""

    type: Literal["delete_namespace"] = "delete_namespace"
    confirm: Namespace = Field(
        description="The name of the namespace once more; with another one nothing is deleted."
    )
    reason: Reason | None = None

    def require_confirmed(self) -> None:
        """Refuse to delete a namespace that the sender may not mean. No JSON Schema can say it.

        Raises:
            Rejected: its name is not repeated.
        """
        if self.confirm != self.namespace:
            raise Rejected(
                f"confirm: must be the name of the namespace once more, {self.namespace}, as all "
                f"that is in it is deleted for good; it is {self.confirm}"
            )


class Relation(InboxCommand):
    """Create a typed, weighted, directed relation of two concepts, or overwrite its weight."""

    type: Literal["relation"] = "relation"
    source: ConceptName
    target: ConceptName
    relation_type: RelationType
    weight: Fraction = 1.0
    run_id: UUID | None = _ADDED_BY


class Supersede(InboxCommand):
    """A newer memory says what holds now instead of an older one. `reversed` takes it back."""

    type: Literal["supersede"] = "supersede"
    memory_id: MemoryId = Field(description="The older memory.")
    superseded_by: MemoryId
    reversed: bool = False

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.memory_id == self.superseded_by:
            raise PydanticCustomError("same", "superseded_by must be another memory")
        return self


class Correct(InboxCommand):
    """Correct what a memory says; its id and its uses stay. What is absent stays as it is.

    `reversed` takes the latest correction back, and corrects nothing.
    """

    type: Literal["correct"] = "correct"
    memory_id: MemoryId
    content: Content | None = None
    tags: Tags | None = Field(None, description="All of its tags from now on.")
    metadata: Metadata | None = Field(None, description="All of its metadata from now on.")
    expires_at: Expiry | None = Field(
        None, description="When it is archived instead: a moment to come, or `never`."
    )
    reason: Reason | None = None
    reversed: bool = Field(False, description="Take the latest correction back.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        given = [self.content, self.tags, self.metadata, self.expires_at]
        is_said = any(each is not None for each in given)
        if self.reversed and is_said:
            raise PydanticCustomError(
                "both",
                "reversed takes a correction back: "
                "leave out content, tags, metadata and expires_at",
            )
        if not self.reversed and not is_said:
            raise PydanticCustomError(
                "nothing",
                "nothing to correct: give content, tags, metadata, expires_at, or reversed; "
                "an expires_at of never takes an expiry away",
            )
        return self

    def expires_too_early(self, received_ms: int) -> str | None:
        """The fault of an expiry that is past already; None if it is fine."""
        now_ms = received_ms if self.occurred_at is None else self.occurred_at
        if not isinstance(self.expires_at, int) or self.expires_at > now_ms:
            return None
        return (
            f"expires_at: {rfc3339(self.expires_at)} is not after {rfc3339(now_ms)}, when it is "
            "corrected; give a later moment, or never; to be rid of the memory now, forget it"
        )


class SetParameters(InboxCommand):
    """Set the model's parameters of a namespace; those that are not named get their defaults."""

    type: Literal["parameters"] = "parameters"
    parameters: Parameters


InboxMessage = Annotated[
    Store
    | Access
    | Forget
    | Restore
    | Supersede
    | Correct
    | Concept
    | RenameConcept
    | MergeConcept
    | DeleteConcept
    | DeleteNamespace
    | Relation
    | SetParameters,
    Field(discriminator="type"),
]
INBOX_MESSAGE: TypeAdapter[InboxMessage] = TypeAdapter(InboxMessage)
