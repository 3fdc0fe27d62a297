"""Operations on the graph of concepts."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from human_memory import models
from human_memory.operations.context import Json, RequestContext
from human_memory.operations.requests import (
    ConceptByName,
    ConceptRequest,
    DeleteConceptRequest,
    ExportRequest,
    MergeConceptRequest,
    RelationRequest,
    RenameConceptRequest,
    SpreadRequest,
)
from schemas.errors import NotFound, Rejected
from schemas.inbox import Concept, DeleteConcept, MergeConcept, Relation, RenameConcept
from schemas.queries import ConceptQuery, GraphExport, Spread

NamingCommand = RenameConcept | MergeConcept | DeleteConcept
Ask = Callable[[ConceptQuery], Awaitable[Json]]
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


async def rename_concept(request: RenameConceptRequest, context: RequestContext) -> models.Concept:
    """A concept under its new name.

    Raises:
        NotFound: there is no such concept.
        Rejected: another one has that name.
    """
    return await _changed(context.message(RenameConcept, request, **_keyed(context)), context)


async def merge_concept(request: MergeConceptRequest, context: RequestContext) -> models.Concept:
    """The concept that another one is merged into.

    Raises:
        NotFound: one of the two does not exist.
    """
    return await _changed(context.message(MergeConcept, request, **_keyed(context)), context)


async def delete_concept(request: DeleteConceptRequest, context: RequestContext) -> models.Accepted:
    """Delete a concept; the memories that were linked to it stay.

    Raises:
        NotFound: there is no such concept.
    """
    command = context.message(DeleteConcept, request, **_keyed(context))
    await name_after(command, context.ask)
    await context.write(command)
    return models.Accepted(accepted=True)


async def name_after(command: NamingCommand, ask: Ask) -> str:
    """The name that is left when a command is done. The log takes any; the fold would ignore some.

    Raises:
        NotFound: a concept that it names does not exist.
        Rejected: the new name is another concept's.
    """
    old = await _name(command.name, command.namespace, ask)
    match command:
        case RenameConcept():
            with suppress(NotFound):
                taken = await _name(command.new_name, command.namespace, ask)
                if taken != old:
                    words = f"is another concept's name; merge {old!r} into {taken!r} instead"
                    problems = [{"field": "new_name", "problem": words}]
                    raise Rejected(f"new_name: {words}", problems=problems)
            return command.new_name
        case MergeConcept():
            return await _name(command.into, command.namespace, ask)
        case DeleteConcept():
            return old


async def _name(said: str, namespace: str, ask: Ask) -> str:
    """The name that a concept has."""
    query = ConceptQuery.model_construct(namespace=namespace, name=said, limit=1)
    name: str = (await ask(query))["name"]
    return name


async def _changed(
    command: RenameConcept | MergeConcept, context: RequestContext
) -> models.Concept:
    name = await name_after(command, context.ask)
    reply = await context.request(command)
    reply.unwrap()
    return await _concept(context.message(ConceptQuery, name=name, after=reply.position), context)


def _keyed(context: RequestContext) -> Json:
    return {"idempotency_key": context.idempotency_key}


async def add_relation(request: RelationRequest, context: RequestContext) -> models.Relation:
    """A relation, new or with another weight.

    Raises:
        NotFound: one of the concepts does not exist; none is created.
    """
    command = context.message(Relation, request, idempotency_key=context.idempotency_key)
    ends = dict.fromkeys((command.source, command.target))
    names = dict(
        zip(
            ends,
            await asyncio.gather(*(_name(each, context.namespace, context.ask) for each in ends)),
            strict=True,
        )
    )
    await context.write(command)
    return models.Relation(
        source=names[command.source],
        target=names[command.target],
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
