"""The candidates of a search: where a memory worth ranking may come from.

Nearest by vector, best by words, linked to an active concept, used lately or often; all of a small
namespace. Whatever they come from, all are scored alike.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from schemas.parameters import Parameters
from services.common.read_model import Layout, hash64
from services.retrieval.adapters.filters import NO_FILTERS
from services.retrieval.adapters.live_build import LiveBuild, position_of
from services.retrieval.adapters.record_cache import NamespaceRecords, RecordCache
from services.retrieval.association import Fan, Sources
from services.retrieval.focus import focus_of
from services.retrieval.graph import unpack_parameters
from services.retrieval.memories import Memories, Row
from services.retrieval.question import Candidates, Question, Statistics
from services.retrieval.terms import concepts_of, index_word

NEAREST = 200
MATCHING = 200
RECENT = 100
FREQUENT = 100
LINKED = 100  # per concept
# A namespace with fewer memories is scored whole.
SMALL = 500
# Beside a memory with the words of the question often stands the one with the answer.
CONTEXT_OF = 100
TERMS_MAX = 64  # that choose candidates; all of them score
RELATED_MAX = 50
SEARCH_TIMEOUT_MS = 5_000


class CandidateReader:
    """Reads candidates from the live build, and only what changed since it last did."""

    def __init__(self, build: LiveBuild, cache: RecordCache) -> None:
        self._build = build
        self._cache = cache

    async def candidates(self, question: Question) -> tuple[str | None, Candidates]:
        """Memories worth ranking, and the position they are good for.

        Raises:
            Unavailable: the read side cannot answer.
        """
        reading = _Reading(self._build, self._cache, question)
        await reading.begin()
        sources = await reading.sources()
        context = await reading.context()
        self._cache.trim()
        names = [name for name in reading.candidates if name in reading.rows]
        beside = [name for name in context if name in reading.rows]
        memories = Memories.of(names + beside, [reading.rows[name] for name in names + beside])
        position = position_of(self._build.partition(question.namespace), reading.cursor)
        return position, Candidates(
            memories, len(names), reading.statistics, sources, reading.parameters
        )


class _Reading:
    """The reads of one search; each step knows what the ones before it found."""

    rows: dict[str, Row]
    candidates: dict[str, None]
    parameters: Parameters
    statistics: Statistics
    cursor: int

    def __init__(self, build: LiveBuild, cache: RecordCache, question: Question) -> None:
        self._build = build
        self._cache = cache
        self._question = question
        self._namespace = question.namespace
        self._partition = build.partition(question.namespace)
        self._lexical: list[str] = []
        self._recent: list[str] = []
        self.rows = {}

    @property
    def _records(self) -> NamespaceRecords:
        version = self._build.version(self._partition)
        return self._cache.namespace((self._partition, version, self._namespace))

    async def begin(self) -> None:
        """What the first round trip finds, and the records behind it."""
        before = self._records
        known = before.members is not None and self._question.filters == NO_FILTERS
        version = self._build.version(self._partition)

        def queue(pipe: Any, layout: Layout) -> None:
            question = self._question
            since = 0 if before.revision is None else before.revision
            pipe.execute_command(*_changes(layout.changed(self._namespace), since))
            pipe.zrevrange(layout.recent(self._namespace), 0, RECENT - 1)
            pipe.zrevrange(layout.frequent(self._namespace), 0, FREQUENT - 1)
            pipe.get(layout.parameters(self._namespace))
            pipe.hmget(layout.counts(self._namespace), "active", "decayed", "length")
            if question.terms:
                key = layout.document_frequencies(self._namespace)
                pipe.hmget(key, [hash64(term) for term in question.terms])
            if not known:
                for command in _index_searches(question, layout):
                    pipe.execute_command(*command)

        self.cursor, replies = await self._build.read(self._partition, queue)
        records = self._records
        if records is not before or self._build.version(self._partition) != version:
            # Another build is live, or someone else begins anew.
            return await self.begin()
        if before.revision is not None and self.cursor < before.revision:
            self._cache.forget((self._partition, version, self._namespace))
            return await self.begin()
        changed, recent, frequent, parameters, counts, *rest = replies
        _advance(records, self.cursor, [name.decode() for name in changed])
        frequencies = rest.pop(0) if self._question.terms else []
        self._learn(parameters, counts, frequencies)
        self._recent = [name.decode() for name in recent]
        found = [[_id(key) for key in reply[1:]] for reply in rest]
        self._lexical = [name for reply in found[1::2] for name in reply]
        others = self._recent + [name.decode() for name in frequent]
        if records.members is not None:
            others = list(records.members)
        self.candidates = dict.fromkeys(name for reply in found for name in reply)
        await self._add(others)
        return None

    async def sources(self) -> Sources:
        """The concepts that spread activation; what they are linked to become candidates."""
        concepts = dict.fromkeys(hash64(name) for name in self._question.concepts)
        if self._question.as_of_ms is None:
            await self._fetch(self._recent)
            recent = [name for name in self._recent if name in self.rows]
            memories = Memories.of(recent, [self.rows[name] for name in recent])
            for i in focus_of(memories, self._question.now_ms, self.parameters):
                concepts |= dict.fromkeys(concepts_of(memories.rows[i].concepts))
        if not concepts:
            return Sources()
        fans, linked = await self._fans(list(concepts))
        await self._add(linked)
        related = [
            other
            for fan in fans.values()
            for other in sorted(fan.relations, key=lambda k: -fan.relations[k])[:RELATED_MAX]
        ]
        near, linked = await self._fans([each for each in related if each not in fans])
        await self._add(linked)
        return Sources(tuple(concepts), fans | near, self.statistics.memories)

    async def context(self) -> list[str]:
        """Neighbours of candidates in their sessions, two steps to both sides; and successors.

        Those of the memories with the words of the query, and what superseded a candidate, become
        candidates themselves.
        """
        await self._add(await self._around(self._lexical[:CONTEXT_OF]))
        await self._add(self._successors())
        return [n for n in await self._around(list(self.candidates)) if n not in self.candidates]

    def _successors(self) -> list[str]:
        rows = [self.rows[name] for name in self.candidates if name in self.rows]
        return [row.superseded_by for row in rows if row.superseded_by is not None]

    async def _around(self, names: list[str]) -> list[str]:
        if self.parameters.neighbour_weight == 0:
            return []
        one = _beside(self.rows, names)
        await self._fetch(one)
        two = _beside(self.rows, one)
        await self._fetch(two)
        return list(dict.fromkeys(one + two))

    async def _add(self, names: list[str]) -> None:
        """Make candidates of what the index did not filter."""
        new = [name for name in dict.fromkeys(names) if name not in self.candidates]
        if self._question.filters != NO_FILTERS:
            new = await self._admitted(new)
        self.candidates |= dict.fromkeys(new)
        await self._fetch(list(self.candidates))

    async def _fetch(self, names: list[str]) -> None:
        """Rows of these, from the cache or from Redis."""
        records, missing = self._records, []
        for name in names:
            if name not in self.rows:
                row = records.rows.get(name)
                if row is None:
                    missing.append(name)
                else:
                    self.rows[name] = row
        at, found = await self._build.records(self._namespace, missing, self.cursor)
        rows = {
            name: Row.of(record)
            for name, record in zip(missing, found, strict=True)
            if record is not None
        }
        self.rows |= rows
        self._records.keep(at, rows)

    async def _admitted(self, names: list[str]) -> list[str]:
        """Those that pass the filters that the index has applied to the others."""

        def queue(pipe: Any, layout: Layout) -> None:
            for name in names:
                for status in self._question.statuses:
                    key = layout.document(status, self._namespace, name)
                    pipe.hmget(key, "type", "tags", "created")

        _, replies = await self._build.read(self._partition, queue)
        each = len(self._question.statuses)
        admitted = []
        for at, (memory_type, tags, created) in enumerate(replies):
            if created and self._question.filters.admits(memory_type, tags or b"", int(created)):
                admitted.append(names[at // each])
        return admitted

    async def _fans(self, concepts: list[bytes]) -> tuple[dict[bytes, Fan], list[str]]:
        """What some concepts are connected to, and memories linked to them."""
        if not concepts:
            return {}, []

        def queue(pipe: Any, layout: Layout) -> None:
            pipe.hmget(layout.links(self._namespace), concepts)
            for concept in concepts:
                pipe.hgetall(layout.relations(self._namespace, concept))
                pipe.zrevrange(layout.linked(self._namespace, concept), 0, LINKED - 1)

        _, (links, *rest) = await self._build.read(self._partition, queue)
        fans = {
            concept: Fan(int(links[i] or 0), _weights(rest[2 * i]))
            for i, concept in enumerate(concepts)
        }
        return fans, [name.decode() for names in rest[1::2] for name in names]

    def _learn(
        self, parameters: bytes | None, counts: list[bytes | None], frequencies: list[bytes | None]
    ) -> None:
        self.parameters = self._question.overrides.applied_to(unpack_parameters(parameters))
        active, decayed, length = (int(number or 0) for number in counts)
        self.statistics = Statistics(
            active + decayed, length, np.array([int(n or 0) for n in frequencies], np.float64)
        )


def _advance(records: NamespaceRecords, cursor: int, changed: list[str]) -> None:
    if records.revision is None and len(changed) < SMALL:
        records.members = {}
    records.advance(cursor, changed)
    if records.members is not None and len(records.members) >= SMALL:
        records.members = None


def _changes(key: str, since: int) -> list[str | int]:
    # A namespace seen for the first time: as much as tells whether it is small.
    limit: list[str | int] = ["LIMIT", 0, SMALL] if since == 0 else []
    return ["ZRANGEBYSCORE", key, since, "+inf", *limit]


def _beside(rows: dict[str, Row], names: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        row = rows.get(name)
        if row is not None:
            if row.previous is not None:
                found[row.previous] = None
            if row.next is not None:
                found[row.next] = None
    return list(found)


def _index_searches(question: Question, layout: Layout) -> Iterable[list[bytes | str | int]]:
    """By status: the nearest by vector, then the best by words."""
    expression, params = question.filters.until(question.as_of_ms).expression()
    words = ["ns", question.namespace, *params]
    terms = [index_word(term) for term in question.terms[:TERMS_MAX]]
    asked = [word for i, term in enumerate(terms) for word in (f"t{i}", term)]
    any_term = "|".join(f"$t{i}" for i in range(len(terms)))
    limit = SMALL if question.filters != NO_FILTERS else NEAREST
    for status in question.statuses:
        index = layout.index(status)
        yield [
            "FT.SEARCH", index, f"({expression})=>[KNN {limit} @vector $vector]",
            "PARAMS", len(words) + 2, *words, "vector", question.vector.tobytes(),
            "NOCONTENT", "LIMIT", 0, limit, "TIMEOUT", SEARCH_TIMEOUT_MS, "DIALECT", 2,
        ]  # fmt: skip
        if terms:
            yield [
                "FT.SEARCH", index, f"{expression} @text:({any_term})",
                "PARAMS", len(words) + len(asked), *words, *asked, "SCORER", "BM25STD",
                "NOCONTENT", "LIMIT", 0, MATCHING, "TIMEOUT", SEARCH_TIMEOUT_MS, "DIALECT", 2,
            ]  # fmt: skip


def _weights(relations: dict[bytes, bytes]) -> dict[bytes, float]:
    """Weights by the other concept: parallel relations, and both directions, add up."""
    weights: dict[bytes, float] = {}
    for field, weight in relations.items():
        other = hash64(field.split(b"\x1f", 2)[2].decode())
        weights[other] = weights.get(other, 0.0) + float(weight)
    return weights


def _id(key: bytes) -> str:
    return key.rsplit(b":", 1)[1].decode()
