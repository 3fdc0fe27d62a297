"""The table of operations: what a route takes, what does it, and what it answers with."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from human_memory import routes
from human_memory.bus.bus import Bus
from human_memory.operations import graph, maintenance, memories
from human_memory.operations.context import Asking
from human_memory.operations.problems import refused
from human_memory.operations.requests import (
    ApiRequest,
    ConceptByName,
    ConceptRequest,
    ExportRequest,
    ForgetStrategyRequest,
    InspectRequest,
    ListRequest,
    Nothing,
    OfMemory,
    RecallRequest,
    RelationRequest,
    SearchRequest,
    SpreadRequest,
    StoreBatchRequest,
    StoreRequest,
    UsedRequest,
)
from human_memory.routes import Route
from schemas.errors import MemoryServiceError, Unavailable
from schemas.queries import GraphExport, Ping, QueryBase, Stats

__all__ = [
    "OPERATIONS",
    "Asking",
    "Operation",
    "perform",
    "probe",
    "request_of",
    "request_of_texts",
]

Perform = Callable[[Any, Asking], Awaitable[Any]]
PROBE_SECONDS_MAX = 2.0
# A namespace of its own: a probe must not depend on anybody's memories.
PROBE_NAMESPACE = "human-memory/probe"


@dataclass(frozen=True)
class Operation:
    """What a route means."""

    request: type[BaseModel]
    perform: Perform


OPERATIONS: dict[Route, Operation] = {
    routes.STORE: Operation(StoreRequest, memories.store),
    routes.STORE_BATCH: Operation(StoreBatchRequest, memories.store_batch),
    routes.SEARCH: Operation(SearchRequest, memories.search),
    routes.LIST: Operation(ListRequest, memories.list_memories),
    routes.USED: Operation(UsedRequest, memories.used),
    routes.RECALL: Operation(RecallRequest, memories.recall),
    routes.INSPECT: Operation(InspectRequest, memories.inspect),
    routes.FORGET: Operation(OfMemory, memories.forget),
    routes.RESTORE: Operation(OfMemory, memories.restore),
    routes.STATS: Operation(Nothing, memories.stats),
    routes.ADD_CONCEPT: Operation(ConceptRequest, graph.add_concept),
    routes.GET_CONCEPT: Operation(ConceptByName, graph.get_concept),
    routes.GET_CONCEPT_BY_QUERY: Operation(ConceptByName, graph.get_concept),
    routes.ADD_RELATION: Operation(RelationRequest, graph.add_relation),
    routes.SPREAD: Operation(SpreadRequest, graph.spread),
    routes.EXPORT_GRAPH: Operation(ExportRequest, graph.export_graph),
    routes.DECAY: Operation(Nothing, maintenance.decay),
    routes.CONSOLIDATE: Operation(Nothing, maintenance.consolidate),
    routes.FORGET_STRATEGY: Operation(ForgetStrategyRequest, maintenance.forget_strategy),
    routes.WORKING_MEMORY: Operation(Nothing, maintenance.working_memory),
}


def request_of(route: Route, fields: bytes) -> ApiRequest:
    """The request that some JSON is.

    Raises:
        Rejected: it is none; every problem is named with its field.
    """
    model = OPERATIONS[route].request
    try:
        request = _strictly(model, fields or b"{}")
    except ValidationError as error:
        raise refused(error, model) from None
    assert isinstance(request, ApiRequest)
    return request


def _strictly(model: type[BaseModel], fields: bytes) -> BaseModel:
    """Strict, as the published schema is: "7" is not 7, but 7.0 is."""
    try:
        return model.model_validate_json(fields, strict=True)
    except ValidationError as error:
        whole = [
            each["loc"]
            for each in error.errors(include_url=False, include_context=False)
            if each["type"] == "int_type" and _is_whole(each["input"])
        ]
        if not whole:
            raise
    data = from_json(fields)
    for *path, last in whole:
        holder = data
        for step in path:
            holder = holder[step]
        holder[last] = int(holder[last])
    return model.model_validate_json(to_json(data), strict=True)


def _is_whole(value: Any) -> bool:
    return isinstance(value, float) and value.is_integer()


def request_of_texts(route: Route, texts: Mapping[str, str]) -> ApiRequest:
    """The request that the parameters of a path and a query string are.

    Raises:
        Rejected: as `request_of`.
    """
    model = OPERATIONS[route].request
    try:
        request = model.model_validate_strings(dict(texts))
    except ValidationError as error:
        raise refused(error, model, place="query") from None
    assert isinstance(request, ApiRequest)
    return request


async def perform(route: Route, fields: bytes, asking: Asking) -> Any:
    """The JSON that answers a request.

    Raises:
        MemoryServiceError: it failed.
    """
    return await OPERATIONS[route].perform(request_of(route, fields), asking)


async def probe(bus: Bus) -> dict[str, str]:
    """What works, by real requests: `ok`, `error` or `timeout` for each part.

    The names are those that the published client's users look for: `postgres` stands for the
    durable store, `qdrant` for the vector index, `neo4j` for the graph.
    """
    asked: dict[str, QueryBase] = {
        "postgres": Ping(namespace=PROBE_NAMESPACE),
        "qdrant": Stats(namespace=PROBE_NAMESPACE),
        "neo4j": GraphExport(namespace=PROBE_NAMESPACE, limit=1),
    }
    outcomes = await asyncio.gather(*(_outcome(bus, query) for query in asked.values()))
    return dict(zip(asked, outcomes, strict=True))


async def _outcome(bus: Bus, query: QueryBase) -> str:
    try:
        (await bus.request(query, timeout_seconds=PROBE_SECONDS_MAX)).unwrap()
    except MemoryServiceError as error:
        return "error" if isinstance(error, Unavailable) or error.code == "internal" else "timeout"
    return "ok"
