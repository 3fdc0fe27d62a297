"""What may be asked over HTTP: the fields of the bus's own messages, with what HTTP has otherwise.

Unknown fields are ignored, as the published client's server does.
"""

import re
from collections.abc import Mapping
from copy import copy
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from schemas import limits
from schemas.errors import NotFound
from schemas.fields import (
    Concepts,
    ConceptType,
    Content,
    Context,
    Emotion,
    MemoryType,
    Message,
    Metadata,
    Milliseconds,
    Session,
    Speaker,
    Tags,
)
from schemas.inbox import Access, Concept, Relation
from schemas.queries import (
    GraphExport,
    ListMemories,
    QueryBase,
    Recall,
    Search,
    Spread,
)

_UUID = re.compile(
    r"[0-9a-f]{32}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
# What comes from elsewhere: from headers, from the route, from the reply's way back, or from a run
# of maintenance.
_NOT_IN_BODIES = {
    *("type", "namespace", "idempotency_key"),
    *(name for name in QueryBase.model_fields if name != "namespace"),
    *("wait", "run_id"),
}


class ApiRequest(BaseModel):
    """Base of all requests: immutable, finite numbers only, unknown fields ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


def _request_of(
    message: type[Message],
    *,
    without: frozenset[str] = frozenset(),
    examples: tuple[Mapping[str, Any], ...] = (),
    **more: Any,
) -> type[ApiRequest]:
    """The fields of a message of the bus, with the bounds they have there."""
    left_out = _NOT_IN_BODIES | without | more.keys()
    fields: dict[str, Any] = {
        name: (info.annotation, copy(info))
        for name, info in message.model_fields.items()
        if name not in left_out
    }
    made = create_model(
        f"{message.__name__}Request", __base__=ApiRequest, __doc__=message.__doc__, **fields, **more
    )
    if examples:
        made.model_config["json_schema_extra"] = {"examples": [dict(each) for each in examples]}
    return made


class Nothing(ApiRequest):
    """A request without parameters."""


class OfMemory(ApiRequest):
    """A request about one memory. Its id is text: what is no id is not found."""

    memory_id: str


class StoreRequest(ApiRequest):
    """Something happened: remember it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"content": "The user prefers dark mode.", "context": "support_chat"}]
        }
    )
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
    occurred_at: Milliseconds | None = Field(None, description="Absent: now.")


class StoreBatchRequest(ApiRequest):
    """Several memories. All are checked before the first is stored."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"items": [{"content": "Tea is at four."}]}]}
    )
    items: Annotated[list[StoreRequest], Field(min_length=1, max_length=limits.BATCH_ITEMS_MAX)]


class InspectRequest(OfMemory):
    """Everything about one memory."""


Goal = Annotated[str, StringConstraints(min_length=1, max_length=limits.GOAL_CHARACTERS_MAX)]


class StrategyParams(ApiRequest):
    """Parameters of the strategies; each reads its own. What is no id is not found."""

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

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"strategy": "strategic_prune", "params": {"goals": ["Python"]}}]
        }
    )
    strategy: Literal["strategic_prune", "capacity_overflow", "interference", "rif"]
    params: StrategyParams = StrategyParams()


class ConceptByName(ApiRequest):
    """A request about one concept. The name is text: what is no name is not found."""

    name: str


SearchRequest = _request_of(
    Search,
    examples=({"query": "What does the user prefer?", "top_k": 5},),
    seed=(int | None, Field(None, description="The same seed gives the same noise.")),
)
RecallRequest = _request_of(
    Recall, without=frozenset({"as_of", "record_access", "explain"}), memory_id=(str, ...)
)
ListRequest = _request_of(
    ListMemories,
    without=frozenset({"memory_type"}),
    type=(MemoryType | None, Field(None, description="Only of this type.")),
)
UsedRequest = _request_of(
    Access,
    without=frozenset({"occurred_at"}),
    examples=({"memory_ids": ["1b8c8c95-c312-59f9-aea0-47bf740dd29e"], "kind": "used"},),
)
ConceptRequest = _request_of(
    Concept,
    without=frozenset({"concept_type", "occurred_at"}),
    examples=({"name": "Python", "type": "language", "activation": 0.9},),
    type=(ConceptType, "concept"),
)
RelationRequest = _request_of(
    Relation,
    without=frozenset({"occurred_at"}),
    examples=({"source": "Python", "target": "AI", "relation_type": "USED_FOR", "weight": 0.9},),
)
SpreadRequest = _request_of(
    Spread, examples=({"active_concepts": ["Python"], "depth": 2, "limit": 10},)
)
ExportRequest = _request_of(GraphExport)


def memory_id_of(text: str) -> UUID:
    """The id that a text names.

    Raises:
        NotFound: it names none; a client is told the same of an unknown id.
    """
    if not _UUID.fullmatch(text):
        raise NotFound(f"no memory has the id {text[:80]!r}")
    return UUID(text)
