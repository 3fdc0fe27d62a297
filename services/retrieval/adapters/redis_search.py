"""Reads of a search from the live build in Redis."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from services.readside.collections import (
    CHANGED,
    CLEARED,
    COUNTS,
    FREQUENT,
    LINKED,
    LINKS,
    PARAMETERS,
    RECENT,
    RELATIONS,
    TERMS,
)
from services.readside.documents import Attributes, DocumentKey
from services.readside.filters import Filters
from services.readside.layout import Layout, hash64
from services.readside.live_build import Commands, LiveBuild
from services.readside.parameters import unpack_parameters
from services.readside.reader import read_attributes
from services.readside.terms import index_word
from services.retrieval.adapters.redis_names import read_names
from services.retrieval.ports import FirstRead, Known, Place
from services.retrieval.search.candidates import Fan
from services.retrieval.search.plan import Bounds, SearchPlan


class RedisSearchReader:
    """`SearchReader` on the live build."""

    def __init__(self, build: LiveBuild) -> None:
        self._build = build

    def place(self, namespace: str) -> Place:
        partition = self._build.partition(namespace)
        return Place(partition, self._build.version(partition), namespace)

    async def first(self, plan: SearchPlan, known: Known, bounds: Bounds) -> FirstRead:
        namespace = plan.namespace
        cursor, replies = await self._build.read(
            self._build.partition(namespace),
            lambda layout: [
                *_namespace_reads(layout, plan, known, bounds),
                *_index_searches(layout, plan, known, bounds),
            ],
        )
        changed, (at, *records), recent, frequent, settings, counts, *rest = replies
        parameters, cleared = settings
        frequencies = rest.pop(0) if plan.terms else []
        active, decayed, length = (int(number or 0) for number in counts)
        nearest, matching = rest[: len(plan.statuses)], rest[len(plan.statuses) :]
        return FirstRead(
            place=self.place(namespace),
            cursor=cursor,
            changed=_ids(changed),
            records=dict(zip(known.expected, records, strict=True)),
            records_at=int(at or 0),
            recent=_ids(recent),
            frequent=_ids(frequent),
            parameters=unpack_parameters(parameters),
            memories=active + decayed,
            length=length,
            frequencies=[int(number or 0) for number in frequencies],
            nearest=_found(nearest),
            matching=_found(matching),
            cleared=-1 if cleared is None else int(cleared),
        )

    async def records(
        self, namespace: str, ids: list[str], cursor: int
    ) -> tuple[int, list[bytes | None]]:
        return await self._build.records(namespace, ids, cursor)

    async def attributes(
        self, namespace: str, keys: Sequence[DocumentKey]
    ) -> list[Attributes | None]:
        return await read_attributes(self._build, namespace, keys)

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        return await read_names(self._build, namespace, said)

    async def fans(
        self, namespace: str, concepts: Sequence[bytes], *, linked: int
    ) -> tuple[dict[bytes, Fan], list[list[str]]]:
        def queue(layout: Layout) -> Commands:
            commands: Commands = [["HMGET", LINKS.key(layout, namespace), *concepts]]
            for concept in concepts:
                commands.append(["HGETALL", RELATIONS.key(layout, namespace, concept.hex())])
                commands.append(
                    ["ZREVRANGE", LINKED.key(layout, namespace, concept.hex()), 0, linked]
                )
            return commands

        _, (links, *rest) = await self._build.read(self._build.partition(namespace), queue)
        fans = {
            concept: Fan(int(count or 0), _weights(relations))
            for concept, count, relations in zip(concepts, links, rest[::2], strict=True)
        }
        return fans, [_ids(keys) for keys in rest[1::2]]


def _namespace_reads(layout: Layout, plan: SearchPlan, known: Known, bounds: Bounds) -> Commands:
    namespace = plan.namespace
    records = [layout.record(namespace, name) for name in known.expected]
    limit = bounds.whole if known.since is None else bounds.changes
    changed = CHANGED.key(layout, namespace)
    commands: Commands = [
        ["ZRANGEBYSCORE", changed, known.since or 0, "+inf", "LIMIT", 0, limit],
        ["MGET", layout.cursor, *records],
        ["ZREVRANGE", RECENT.key(layout, namespace), 0, bounds.recent - 1],
        ["ZREVRANGE", FREQUENT.key(layout, namespace), 0, bounds.frequent - 1],
        ["MGET", PARAMETERS.key(layout, namespace), CLEARED.key(layout, namespace)],
        ["HMGET", COUNTS.key(layout, namespace), "active", "decayed", "length"],
    ]
    if plan.terms:
        frequencies = TERMS.key(layout, namespace)
        commands.append(["HMGET", frequencies, *(hash64(term) for term in plan.terms)])
    return commands


def _index_searches(layout: Layout, plan: SearchPlan, known: Known, bounds: Bounds) -> Commands:
    """The nearest by vector in each status, then the best by words, if they count."""
    limit = known.nearest
    if limit == 0:
        return []
    expression, params = index_filter(plan.filters.until(plan.query.as_of))
    words = ["ns", plan.namespace, *params]
    commands: Commands = [
        [
            "FT.SEARCH", layout.index(status), f"({expression})=>[KNN {limit} @vector $vector]",
            "PARAMS", len(words) + 2, *words, "vector", plan.vector.tobytes(),
            "NOCONTENT", "LIMIT", 0, limit, "TIMEOUT", bounds.index_timeout_ms, "DIALECT", 2,
        ]
        for status in plan.statuses
    ]  # fmt: skip
    terms = [index_word(term) for term in plan.terms[: bounds.terms]]
    if not terms or plan.query.parameters.lexical_weight == 0:
        return commands
    asked = [word for i, term in enumerate(terms) for word in (f"t{i}", term)]
    any_term = "|".join(f"$t{i}" for i in range(len(terms)))
    return commands + [
        [
            "FT.SEARCH", layout.index(status), f"{expression} @text:({any_term})",
            "PARAMS", len(words) + len(asked), *words, *asked, "SCORER", "BM25STD",
            "NOCONTENT", "LIMIT", 0, bounds.matching, "TIMEOUT", bounds.index_timeout_ms,
            "DIALECT", 2,
        ]
        for status in plan.statuses
    ]  # fmt: skip


def index_filter(filters: Filters) -> tuple[str, list[str]]:
    """The index's form of filters, with all that users say as parameters: name, value, name, …"""
    parts, params = ["@ns:{$ns}"], []
    if filters.types:
        names = [f"type{i}" for i in range(len(filters.types))]
        parts.append("@type:{" + "|".join(f"${name}" for name in names) + "}")
        params += [word for pair in zip(names, filters.types, strict=True) for word in pair]
    for i, tag in enumerate(filters.tags):
        parts.append(f"@tags:{{$tag{i}}}")
        params += [f"tag{i}", tag]
    if filters.created_from_ms is not None or filters.created_before_ms is not None:
        low = "-inf" if filters.created_from_ms is None else str(filters.created_from_ms)
        high = "+inf" if filters.created_before_ms is None else f"({filters.created_before_ms}"
        parts.append(f"@created:[{low} {high}]")
    return " ".join(parts), params


def _weights(relations: list[bytes]) -> dict[bytes, float]:
    """Weights by the other concept: parallel relations, and both directions, add up."""
    weights: dict[bytes, float] = {}
    for field, weight in zip(relations[::2], relations[1::2], strict=True):
        other = hash64(field.split(b"\x1f", 2)[2].decode())
        weights[other] = weights.get(other, 0.0) + float(weight)
    return weights


def _found(replies: list[Any]) -> list[str]:
    """Ids of what the index found, status after status; each reply begins with a count."""
    return list(chain.from_iterable(_ids(reply[1:]) for reply in replies))


def _ids(keys: list[bytes]) -> list[str]:
    """Ids of memories, each at the end of a document's key."""
    return [key[-36:].decode() for key in keys]
