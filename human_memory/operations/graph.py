"""Operations on the graph of concepts."""

import asyncio

from human_memory import models
from human_memory.operations.context import Json, RequestContext
from human_memory.operations.requests import (
    ConceptByName,
    ConceptRequest,
    ExportRequest,
    RelationRequest,
    SpreadRequest,
)
from schemas.errors import NotFound, Rejected
from schemas.inbox import Concept, Relation
from schemas.queries import ConceptQuery, GraphExport, Spread

# Where one record can't hold all; halved until a page fits, however long the names are.
PAGE_RELATIONS_MAX = 8_192
_KEY_FIELDS = ("source", "relation_type", "target", "direction")


async def add_concept(request: ConceptRequest, context: RequestContext) -> models.Concept:
    """A concept, new or overwritten."""
    command = context.message(
        Concept,
        request,
        type="concept",
        concept_type=request.type,
        idempotency_key=context.idempotency_key,
    )
    reply = await context.request(command)
    reply.unwrap()
    query = context.message(ConceptQuery, name=command.name, after=reply.position)
    return await _concept(query, context)


async def get_concept(request: ConceptByName, context: RequestContext) -> models.Concept:
    """A concept with the relations at it, in both directions.

    Raises:
        NotFound: unknown; also for a text that can't be a name.
    """
    try:
        query = context.checked(ConceptQuery, request)
    except Rejected:
        raise NotFound(f"no concept is called {request.name[:80]!r}") from None
    return await _concept(query, context)


async def add_relation(request: RelationRequest, context: RequestContext) -> models.Relation:
    """A relation, new or with another weight.

    Raises:
        NotFound: one of the concepts does not exist; none is created.
    """
    command = context.message(Relation, request, idempotency_key=context.idempotency_key)
    ends = dict.fromkeys((command.source, command.target))
    queries = [context.message(ConceptQuery, name=name, limit=1) for name in ends]
    await asyncio.gather(*(context.ask(query) for query in queries))
    await context.write(command)
    return models.Relation(
        source=command.source,
        target=command.target,
        relation_type=command.relation_type,
        weight=command.weight,
    )


async def spread(request: SpreadRequest, context: RequestContext) -> list[models.SpreadResult]:
    """Concepts near others, by the strongest paths."""
    rows = (await context.ask(context.message(Spread, request)))["results"]
    return [models.SpreadResult.model_validate(row) for row in rows]


async def export_graph(request: ExportRequest, context: RequestContext) -> models.Graph:
    """Concepts and the relations among them."""
    return models.Graph.model_validate(await context.ask(context.message(GraphExport, request)))


async def _concept(query: ConceptQuery, context: RequestContext) -> models.Concept:
    """The concept with all its relations, in pages where they are too many for one record."""
    try:
        result = await context.ask(query)
    except Rejected as error:
        if not _too_many(error):
            raise
        result = await _paged(query, context)
    return models.Concept.model_validate(result)


async def _paged(query: ConceptQuery, context: RequestContext) -> Json:
    limit, offset = PAGE_RELATIONS_MAX, 0
    relations: dict[tuple[str, ...], Json] = {}
    while True:
        page = query.model_copy(update={"limit": limit, "offset": offset})
        try:
            result = await context.ask(page)
        except Rejected as error:
            if limit == 1 or not _too_many(error):
                raise
            limit //= 2
            continue
        # One whose weight changes between two pages may be on both.
        for each in result["relationships"]:
            relations[tuple(each[name] for name in _KEY_FIELDS)] = each
        offset += limit
        if offset >= result["total"]:
            return {**result, "relationships": list(relations.values())}


def _too_many(error: Rejected) -> bool:
    return error.details.get("limit") == "value_bytes"
