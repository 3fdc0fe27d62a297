"""Readiness: probes of the parts behind the bus."""

import asyncio

from human_memory import models
from human_memory.bus.bus import Bus
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import Nothing
from schemas.errors import MemoryServiceError, Unavailable
from schemas.fields import QueryBase
from schemas.queries import GraphExport, Ping, Stats

PROBE_SECONDS_MAX = 2.0
# A namespace of its own: a probe must not depend on anybody's memories.
PROBE_NAMESPACE = "human-memory/probe"
# Only what associations need: without it store, search and recall go on.
_DISPENSABLE = {"neo4j"}


async def ready(request: Nothing, context: RequestContext) -> models.Readiness:
    """The state of each part, as far as the bus shows it."""
    return readiness_of(await probe(context.bus))


def readiness_of(checks: dict[str, str]) -> models.Readiness:
    """The readiness that follows from the outcomes of probes."""
    failing = {name for name, outcome in checks.items() if outcome != "ok"}
    if failing - _DISPENSABLE:
        return models.Readiness(status="unavailable", checks=checks)
    return models.Readiness(status="degraded" if failing else "ready", checks=checks)


async def probe(bus: Bus) -> dict[str, str]:
    """The state of each part, by real requests: `ok`, `error` or `timeout`.

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
