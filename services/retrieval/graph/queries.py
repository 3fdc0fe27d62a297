"""Concept, spread and export: questions about the graph."""

import asyncio
from typing import Any, Literal, cast

import numpy as np
import orjson

from cognition.graph_spread import path_weights
from schemas.errors import LimitExceeded, NotFound
from schemas.fields import Message
from schemas.limits import VALUE_BYTES_MAX
from schemas.queries import (
    ConceptNode,
    ConceptQuery,
    ConceptResult,
    GraphExport,
    GraphResult,
    Reached,
    RelationAt,
    RelationEdge,
    Spread,
    SpreadResult,
)
from schemas.replies import Reply
from services.readside.concepts import Concept
from services.retrieval.graph.cache import GraphCache
from services.retrieval.graph.cached_graph import CachedGraph, Drawing
from services.retrieval.ports import GraphReader

# Products of the same weights in another order shall tie, and .95 x .85 shall read .8075.
DIGITS = 12
# Around a result in its record: position, braces, names.
ENVELOPE_BYTES = 256


class GraphQueries:
    """Answers `concept`, `spread` and `graph_export`."""

    def __init__(
        self, reader: GraphReader, cache: GraphCache, *, value_bytes_max: int = VALUE_BYTES_MAX
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._value_bytes_max = value_bytes_max

    async def close(self) -> None:
        """Save what a restart can then begin with."""
        await self._cache.close()

    async def concept(self, query: ConceptQuery) -> Reply:
        """One concept and the relations at it, strongest first.

        Raises:
            NotFound: the namespace has no such concept.
            LimitExceeded: it has more relations than a record can hold, and no `limit` was given.
        """
        before: str | None = None
        concept: Concept | None = None
        while concept is None:
            (name,) = await self._reader.names(query.namespace, [query.name])
            if name == before:  # nor was it renamed while we looked
                raise NotFound(f"concept {query.name!r}: not in namespace {query.namespace}")
            before = name
            cursor, concept, weights = await self._reader.concept(query.namespace, name)
        # One to itself stands at both of its ends, which are one.
        at_it = [key for key in weights if key[0] == "out" or key[2] != name]
        at_it.sort(key=lambda key: (-weights[key], key))
        end = None if query.limit is None else query.offset + query.limit
        result = ConceptResult(
            name=name,
            type=concept.concept_type,
            activation=concept.activation,
            aliases=list(concept.also),
            relationships=[
                _relation_at(name, key, weights[key]) for key in at_it[query.offset : end]
            ],
            total=len(at_it),
        )
        return self._reply(query.namespace, cursor, result, remedy="page with limit and offset")

    async def spread(self, query: Spread) -> Reply:
        """Concepts near the active ones, by the strongest path."""
        before: list[str] | None = None
        known = False
        while not known:
            active = await self._reader.names(query.namespace, query.active_concepts)
            if active == before:  # they are unknown, and not renamed while we looked
                break
            before = active
            position, graph = await self._cache.current(query.namespace)
            drawing = graph.drawing()
            known = drawing.node.keys() >= set(active)
        meant = query.model_copy(update={"active_concepts": active})
        reached = await asyncio.to_thread(_reached, drawing, meant)
        result = SpreadResult(results=reached)
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def export(self, query: GraphExport) -> Reply:
        """The most active concepts, then the most connected, and the relations among them.

        Raises:
            LimitExceeded: a record cannot hold so many.
        """
        _, graph = await self._cache.current(query.namespace)
        result = _exported(graph, query.limit)
        remedy = "ask for fewer concepts with limit"
        return self._reply(query.namespace, graph.cursor, result, remedy=remedy)

    def _reply(self, namespace: str, cursor: int, result: Message, *, remedy: str) -> Reply:
        rows = result.model_dump(mode="json")
        sent, allowed = len(orjson.dumps(rows)) + ENVELOPE_BYTES, self._value_bytes_max
        if sent > allowed:
            raise LimitExceeded("value_bytes", allowed=allowed, sent=sent, remedy=remedy)
        return Reply(result=rows, position=self._reader.position(namespace, cursor))


def _relation_at(name: str, key: tuple[str, str, str], weight: float) -> RelationAt:
    direction, kind, other = key
    source, target = (name, other) if direction == "out" else (other, name)
    return RelationAt(
        source=source,
        target=target,
        relation_type=kind,
        weight=weight,
        direction=cast("Literal['out', 'in']", direction),
    )


def _reached(drawing: Drawing, query: Spread) -> list[Reached]:
    asked = dict.fromkeys(query.active_concepts)
    sources = np.array([drawing.node[name] for name in asked if name in drawing.node], np.intp)
    if len(sources) == 0:
        return []
    weights = path_weights(drawing.links, sources, asked=len(asked), depth=query.depth)
    weights = weights.round(DIGITS)
    weights[sources] = np.nan
    reached = np.flatnonzero(~np.isnan(weights))
    # Nodes are numbered by name, and the sort is stable.
    best = reached[np.argsort(-weights[reached], kind="stable")][: query.limit]
    return [
        Reached(
            name=drawing.names[node],
            activation=float(drawing.activations[node]),
            path_weight=float(weights[node]),
        )
        for node in best.tolist()
    ]


def _exported(graph: CachedGraph, limit: int) -> GraphResult:
    concepts, degrees = graph.concepts(), graph.degrees()
    ordered = sorted(concepts, key=lambda n: (-concepts[n].activation, -degrees[n], n))
    shown = ordered[:limit]
    edges: list[dict[str, Any]] = [
        {"source": source, "target": target, "relation_type": kind, "weight": weight}
        for (source, kind, target), weight in sorted(graph.relations(shown).items())
    ]
    return GraphResult(
        nodes=[
            ConceptNode(
                name=name, type=concepts[name].concept_type, activation=concepts[name].activation
            )
            for name in shown
        ],
        edges=[RelationEdge(**edge) for edge in edges],
        total=len(concepts),
    )
