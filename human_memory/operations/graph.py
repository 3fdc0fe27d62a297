"""Operations on the graph of concepts."""

import asyncio

from human_memory.operations.context import Asking, Json
from human_memory.operations.requests import ApiRequest, ConceptByName
from schemas.errors import NotFound, Rejected
from schemas.inbox import Concept, Relation
from schemas.queries import ConceptQuery, GraphExport, Spread

_CONCEPT_FIELDS = ("name", "type", "activation", "relationships")
# Where one record can't hold all; halved until a page fits, however long the names are.
PAGE_RELATIONS_MAX = 8_192
_KEY_FIELDS = ("source", "relation_type", "target", "direction")


async def add_concept(request: ApiRequest, asking: Asking) -> Json:
    """A concept, new or overwritten."""
    fields = request.model_dump(exclude_unset=True)
    if "type" in fields:
        fields["concept_type"] = fields.pop("type")
    command = asking.message(Concept, idempotency_key=asking.idempotency_key, **fields)
    reply = await asking.request(command)
    reply.unwrap()
    return await _concept(
        asking.message(ConceptQuery, name=command.name, after=reply.position), asking
    )


async def get_concept(request: ConceptByName, asking: Asking) -> Json:
    """A concept with the relations at it, in both directions.

    Raises:
        NotFound: unknown; also for a text that can't be a name.
    """
    try:
        query = asking.message(ConceptQuery, name=request.name)
    except Rejected:
        raise NotFound(f"no concept is called {request.name[:80]!r}") from None
    return await _concept(query, asking)


async def add_relation(request: ApiRequest, asking: Asking) -> Json:
    """A relation, new or with another weight.

    Raises:
        NotFound: one of the concepts does not exist; none is created.
    """
    command: Relation = asking.message(
        Relation,
        idempotency_key=asking.idempotency_key,
        **request.model_dump(exclude_unset=True),
    )
    ends = dict.fromkeys((command.source, command.target))
    queries = [asking.message(ConceptQuery, name=name, limit=1) for name in ends]
    await asyncio.gather(*(asking.ask(query) for query in queries))
    await asking.write(command)
    return {
        "source": command.source,
        "target": command.target,
        "relation_type": command.relation_type,
        "weight": command.weight,
    }


async def spread(request: ApiRequest, asking: Asking) -> list[Json]:
    """Concepts near others, by the strongest paths."""
    query = asking.message(Spread, **request.model_dump(exclude_unset=True))
    rows: list[Json] = (await asking.ask(query))["results"]
    return rows


async def export_graph(request: ApiRequest, asking: Asking) -> Json:
    """Concepts and the relations among them."""
    return await asking.ask(asking.message(GraphExport, **request.model_dump(exclude_unset=True)))


async def _concept(query: ConceptQuery, asking: Asking) -> Json:
    """The concept with all its relations, in pages where they are too many for one record."""
    try:
        result = await asking.ask(query)
    except Rejected as error:
        if not _too_many(error):
            raise
        result = await _paged(query, asking)
    return {name: result[name] for name in _CONCEPT_FIELDS}


async def _paged(query: ConceptQuery, asking: Asking) -> Json:
    limit, offset = PAGE_RELATIONS_MAX, 0
    relations: dict[tuple[str, ...], Json] = {}
    while True:
        page = query.model_copy(update={"limit": limit, "offset": offset})
        try:
            result = await asking.ask(page)
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
