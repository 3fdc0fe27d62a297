"""Requests: the fields of the bus's own messages, and those that an operation has otherwise."""

import re
from collections.abc import Callable, Collection
from copy import copy
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    create_model,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from schemas import inbox, limits, queries, selection
from schemas.errors import NotFound
from schemas.fields import ConceptType, MemoryType, Message, Milliseconds, Reason, as_whole
from schemas.maintenance import RunJob

T = TypeVar("T", bound=BaseModel)
_UUID = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
# What comes from elsewhere: from headers, from the operation, from the reply's way back, or from a
# run of maintenance.
NOT_ASKED = frozenset(
    {"type", "namespace", "idempotency_key", "after", "query_id", "wait", "run_id"}
)


class ApiRequest(BaseModel):
    """Base of all requests: immutable, finite numbers only, unknown fields refused by name.

    Over HTTP they are left out instead, and the reply says so: the published contract has it.

    Strict, as the published schema is: "7" is not 7, but 7.0 is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)
    # Conditions choose many: one that is left out would choose more, so HTTP refuses it too.
    chooses_many: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: as_whole(value) for name, value in given.items()}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """As HTTP has it: other fields are no reason to refuse a body."""
        made = handler(schema)
        if not cls.chooses_many:
            handler.resolve_ref_schema(made).pop("additionalProperties", None)
        return made


def of(message: type[Message], *, without: Collection[str] = ()) -> Callable[[type[T]], type[T]]:
    """Give a request the fields of a message, as they are bounded and described there.

    What the class declares itself is as it says, and nothing is taken over `without`.
    """

    def derived(own: type[T]) -> type[T]:
        left_out = {*NOT_ASKED, *without, *own.model_fields}
        fields: dict[str, Any] = {
            name: (info.annotation, copy(info))
            for name, info in message.model_fields.items()
            if name not in left_out
        }
        return create_model(
            own.__name__, __base__=own, __doc__=own.__doc__, __module__=own.__module__, **fields
        )

    return derived


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Nothing(ApiRequest):
    """A request without parameters."""


# An id is text, and so is a name: what can be none is not found, like one that is unknown.
@of(inbox.Store)
class StoreRequest(ApiRequest):
    """Something happened: remember it."""

    model_config = _example(content="The user prefers dark mode.", context="support_chat")


class StoreBatchRequest(ApiRequest):
    """Several memories. All are checked before the first is stored."""

    model_config = _example(items=[{"content": "Tea is at four."}])
    items: Annotated[list[StoreRequest], Field(min_length=1, max_length=limits.BATCH_ITEMS_MAX)]


@of(queries.Search)
class SearchRequest(ApiRequest):
    """Ask what is remembered about something, here and now. Ranked by activation."""

    model_config = _example(query="What does the user prefer?", top_k=5)
    seed: int | None = Field(None, description="The same seed gives the same noise.")


@of(queries.Recall)
class RecallRequest(ApiRequest):
    """Bring one memory back: it gets stronger."""

    memory_id: str


@of(queries.Inspect)
class InspectRequest(ApiRequest):
    """Everything about one memory, in any status, without touching it."""

    memory_id: str


@of(queries.ListMemories, without={"memory_type"})
class ListRequest(ApiRequest):
    """The memories of a namespace by activation, without touching them."""

    filter: str | None = Field(
        None, description="Only memories whose metadata say so: the filter of a search, as JSON."
    )

    type: MemoryType | None = Field(None, description="Only of this type.")


@of(inbox.Access)
class UsedRequest(ApiRequest):
    """Memories were used outside a search or recall of ours, for example in an answer."""

    model_config = _example(memory_ids=["1b8c8c95-c312-59f9-aea0-47bf740dd29e"], kind="used")


@of(inbox.Forget, without={"occurred_at"})
class ForgetRequest(ApiRequest):
    """Take a memory out of everything but inspect and list."""

    memory_id: str


@of(inbox.Restore, without={"occurred_at"})
class RestoreRequest(ApiRequest):
    """Bring a decayed or forgotten memory back; counts as one access."""

    memory_id: str


@of(inbox.Concept, without={"concept_type", "occurred_at"})
class ConceptRequest(ApiRequest):
    """Create a concept of the graph, or overwrite its type and activation."""

    model_config = _example(name="Python", type="language", activation=0.9)
    type: ConceptType = "concept"


class ConceptByName(ApiRequest):
    """One concept and all relations at it, strongest first."""

    name: str


@of(inbox.RenameConcept, without={"occurred_at"})
class RenameConceptRequest(ApiRequest):
    """Give a concept another name. The old one still means it, in texts and in requests."""

    model_config = _example(name="Twitter", new_name="X")


@of(inbox.MergeConcept, without={"occurred_at"})
class MergeConceptRequest(ApiRequest):
    """Make a concept one with another: memories, relations and names of both are the other's."""

    model_config = _example(name="Acme Inc.", into="Acme")


@of(inbox.DeleteConcept, without={"occurred_at"})
class DeleteConceptRequest(ApiRequest):
    """Delete a concept, its relations and its links to memories. The memories stay."""

    model_config = _example(name="Acme", reason="a typing error")


@of(inbox.Relation, without={"occurred_at"})
class RelationRequest(ApiRequest):
    """Create a typed, weighted, directed relation of two concepts, or overwrite its weight."""

    model_config = _example(source="Python", target="AI", relation_type="USED_FOR", weight=0.9)


@of(queries.Spread)
class SpreadRequest(ApiRequest):
    """Concepts near the active ones, by the strongest path."""

    model_config = _example(active_concepts=["Python"], depth=2, limit=10)


@of(queries.GraphExport)
class ExportRequest(ApiRequest):
    """Concepts and the relations among them."""


@of(inbox.Supersede, without={"occurred_at"})
class SupersedeRequest(ApiRequest):
    """A newer memory says what holds now instead of an older one."""

    model_config = _example(
        memory_id="1b8c8c95-c312-59f9-aea0-47bf740dd29e",
        superseded_by="77c1a3de-6c1a-5d5e-8f0c-0e1f6f1f2a10",
    )
    memory_id: str = Field(description="The older memory.")
    superseded_by: str = Field(description="The newer memory.")


@of(inbox.Correct, without={"occurred_at"})
class CorrectRequest(ApiRequest):
    """Correct what a memory says; its id and its uses stay. What is absent stays as it is."""

    model_config = _example(
        memory_id="1b8c8c95-c312-59f9-aea0-47bf740dd29e", content="The user prefers light mode."
    )
    memory_id: str


@of(selection.Select, without={"limit"})
class ForgetMatchingRequest(ApiRequest):
    """Forget all active and decayed memories that meet conditions, or `all` of the namespace."""

    model_config = _example(filter={"ticket": 4711}, dry_run=True)
    chooses_many = True
    all: bool = Field(False, description="Every memory: instead of conditions.")
    dry_run: bool = Field(False, description="Only count them.")
    reason: Reason | None = None


@of(queries.Runs)
class RunsRequest(ApiRequest):
    """The runs of maintenance, newest first."""


class RunRequest(ApiRequest):
    """One run of maintenance."""

    run_id: str


@of(RunJob, without={"slot"})
class StartRunRequest(ApiRequest):
    """A run of maintenance, now."""

    model_config = _example(job="consolidation")


@of(inbox.SetParameters, without={"occurred_at"})
class SetParametersRequest(ApiRequest):
    """The model's parameters of a namespace; those that are not named get their defaults."""

    model_config = _example(parameters={"horizon_seconds": 2_592_000})


@of(queries.Namespaces)
class NamespacesRequest(ApiRequest):
    """The namespaces of the installation by name, each with its counts."""


@of(inbox.DeleteNamespace, without={"occurred_at"})
class DeleteNamespaceRequest(ApiRequest):
    """Delete the namespace with all that is in it. What comes afterwards begins it anew."""

    model_config = _example(confirm="acme/agent-7", reason="the customer has left")


class DeadLetterFilters(ApiRequest):
    """The dead letters that a request is about."""

    topic: str | None = Field(None, description="Refused in this topic, such as memory.inbox.")
    code: str | None = Field(None, description="Refused with this code, such as validation.")
    service: str | None = Field(None, description="Refused by this service.")
    key: str | None = Field(None, description="With this key, which is a namespace.")
    contains: str | None = Field(None, description="With this in the reason.")
    since: Milliseconds | None = Field(None, description="Refused at that time or later.")
    until: Milliseconds | None = Field(None, description="Refused before that time.")

    def filters(self) -> dict[str, Any]:
        """Filters that are given, by name."""
        given = {name: getattr(self, name) for name in DeadLetterFilters.model_fields}
        return {name: value for name, value in given.items() if value is not None}


class DeadLettersRequest(DeadLetterFilters):
    """The newest dead letters."""

    last: Annotated[int, Field(ge=1, le=limits.DEAD_LETTERS_MAX)] = Field(
        50, description="At most so many."
    )
    state: Literal["waiting", "sent_back", "returned", "discarded"] | None = Field(
        None, description="Only those of which that became; returned: sent back and refused again."
    )


class DeadLetterRequest(ApiRequest):
    """One dead letter, by its place: PARTITION:OFFSET."""

    place: str


class SomeDeadLetters(DeadLetterFilters):
    """Dead letters at some places, or all, of which the filters choose some."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"places": ["3:17"]}],
            "anyOf": [
                {
                    "required": ["places"],
                    "properties": {"places": {"type": "array", "minItems": 1}},
                },
                {"required": ["all"], "properties": {"all": {"const": True}}},
            ],
        }
    )
    chooses_many = True
    places: Annotated[list[str], Field(max_length=limits.DEAD_LETTERS_MAX)] = Field(
        [], description="PARTITION:OFFSET of each; else say `all`."
    )
    all: bool = Field(False, description="All, or those that the filters choose.")

    @model_validator(mode="after")
    def _chosen(self) -> Self:
        if not self.places and not self.all:
            raise PydanticCustomError(
                "nothing_chosen",
                "no dead letter is chosen: name some in places (PARTITION:OFFSET), or say all: "
                "true, of which topic, code and the other filters choose some",
            )
        return self


class ReplayRequest(SomeDeadLetters):
    """Dead letters to send again: those at some places, or all that are commands."""

    again: bool = Field(False, description="Also what was sent back before.")


class DiscardRequest(SomeDeadLetters):
    """Dead letters that are done with: those at some places, or all that wait."""


Goal = Annotated[str, StringConstraints(min_length=1, max_length=limits.GOAL_CHARACTERS_MAX)]


class StrategyParams(ApiRequest):
    """Parameters of the strategies; each reads its own."""

    goals: Annotated[list[Goal], Field(max_length=limits.GOALS_MAX)] = Field(
        [], description="strategic_prune: what the memories that are kept have to do with."
    )
    capacity: Annotated[int, Field(ge=1)] | None = Field(
        None, description="capacity_overflow: so many stay."
    )
    memory_id: str | None = Field(
        None, description="interference: the memory that others compete with; default: the newest."
    )
    retrieved: Annotated[list[str], Field(max_length=limits.RETRIEVED_MAX)] | None = Field(
        None, description="rif: what was practised; default: what the latest search found."
    )


class ForgetStrategyRequest(ApiRequest):
    """Forget on purpose."""

    model_config = _example(strategy="strategic_prune", params={"goals": ["Python"]})
    strategy: Literal["strategic_prune", "capacity_overflow", "interference", "rif"]
    params: StrategyParams = StrategyParams()


def memory_id_of(text: str) -> UUID:
    """The id that a text names.

    Raises:
        NotFound: it names none; a client is told the same of an unknown id.
    """
    return _id_of(text, "memory")


def run_id_of(text: str) -> UUID:
    """As `memory_id_of`, for a run of maintenance."""
    return _id_of(text, "run")


def _id_of(text: str, thing: str) -> UUID:
    if not _UUID.fullmatch(text):
        raise NotFound(f"no {thing} has the id {text[:80]!r}")
    return UUID(text)
