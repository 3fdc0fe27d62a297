"""What each route answers with, for the OpenAPI document."""

from typing import Any, Literal

from pydantic import BaseModel

from human_memory import models, routes
from human_memory.routes import Route


class BatchStored(BaseModel):
    """The new memories, in the order of the items."""

    results: list[models.MemoryCreated]


class SearchReply(BaseModel):
    """What a search found, best first."""

    results: list[models.SearchResult]
    count: int


class Forgotten(BaseModel):
    """The memory that is gone."""

    memory_id: str
    deleted: bool


class Accepted(BaseModel):
    """It is in the log, and reads show it."""

    accepted: bool


class WorkingMemory(BaseModel):
    """What is in focus, the strongest first."""

    memories: list[models.WorkingMemoryItem]
    capacity: int
    window_seconds: float


class Readiness(BaseModel):
    """What works: `ok`, `error` or `timeout` by part."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, str]


class Failure(BaseModel):
    """An error: a text, or for 422 a list of problems with `loc`, `msg` and `type`."""

    detail: str | list[dict[str, Any]]


# For SPREAD: of one element of the bare array.
REPLIES: dict[Route, type[BaseModel]] = {
    routes.STORE: models.MemoryCreated,
    routes.STORE_BATCH: BatchStored,
    routes.SEARCH: SearchReply,
    routes.LIST: models.MemoryPage,
    routes.USED: Accepted,
    routes.RECALL: models.MemoryInfo,
    routes.INSPECT: models.MemoryDetail,
    routes.FORGET: Forgotten,
    routes.RESTORE: models.Restored,
    routes.STATS: models.Stats,
    routes.ADD_CONCEPT: models.Concept,
    routes.GET_CONCEPT: models.Concept,
    routes.GET_CONCEPT_BY_QUERY: models.Concept,
    routes.ADD_RELATION: models.Relation,
    routes.SPREAD: models.SpreadResult,
    routes.EXPORT_GRAPH: models.Graph,
    routes.DECAY: models.DecayReport,
    routes.CONSOLIDATE: models.ConsolidationReport,
    routes.FORGET_STRATEGY: models.ForgetReport,
    routes.WORKING_MEMORY: WorkingMemory,
}
