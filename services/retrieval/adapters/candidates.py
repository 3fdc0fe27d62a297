"""The candidates of a search: where a memory worth ranking may come from.

Nearest by vector, best by words, linked to an active concept, used lately or often; all of a small
namespace. Whatever they come from, all are scored alike.
"""

from collections.abc import Iterable
from functools import partial
from itertools import chain, islice, zip_longest
from typing import Any

import numpy as np

from cognition.base_level import FloatArray, IntArray
from schemas.parameters import Parameters
from services.readside.layout import Layout, hash64
from services.readside.live_build import Commands, LiveBuild, position_of
from services.readside.parameters import unpack_parameters
from services.readside.terms import concepts_of, index_word
from services.retrieval.search import scan
from services.retrieval.search.association import Fan, Sources
from services.retrieval.search.cached_namespaces import Held, Tables
from services.retrieval.search.column_cache import Table
from services.retrieval.search.filters import NO_FILTERS
from services.retrieval.search.plan import Candidates, Question, Statistics
from services.retrieval.working_memory import CHOSEN_FROM, focus_of

NEAREST = 200
MATCHING = 200
RECENT = CHOSEN_FROM  # working memory is chosen among the same
FREQUENT = 100
LINKED = 200  # to all sources together, and to what is related to them
SOURCES_MAX = 20
# A namespace with fewer memories is scored whole.
SMALL = 500
# One with fewer than this is held whole: comparing so many vectors takes less than reading what an
# index found among them. So many at a time are read until it is.
HELD_WHOLE = 16_384
READ_AHEAD = 500
# Beside a memory with the words of the question often stands the one with the answer.
CONTEXT_OF = 50
TERMS_MAX = 64  # that choose candidates; all of them score
RELATED_MAX = 50
SUCCESSIONS_MAX = 10
# Read with the first round trip of the next search, so that it needs no second one.
EXPECTED_MAX = 100
# More changes than this between two searches, and reading anew is cheaper.
CHANGES_MAX = 20_000
SEARCH_TIMEOUT_MS = 5_000


class CandidateReader:
    """Reads candidates from the live build, and only what changed since it last did."""

    def __init__(self, build: LiveBuild, tables: Tables) -> None:
        self._build = build
        self._tables = tables

    async def candidates(self, question: Question) -> tuple[str | None, Candidates]:
        """Memories worth ranking, and the position they are good for.

        Raises:
            Unavailable: the read side cannot answer.
        """
        reading = _Reading(self._build, self._tables, question)
        await reading.begin()
        sources = await reading.sources()
        await reading.context()
        self._tables.trim()
        position = position_of(self._build.partition(question.namespace), reading.cursor)
        return position, Candidates(
            reading.table,
            reading.rows,
            reading.statistics,
            sources,
            reading.parameters,
            reading.cosines,
        )

    def expect(self, namespace: str, names: Iterable[str], position: str) -> None:
        """The use of these memories is recorded there: the next search will find them changed."""
        partition = self._build.partition(namespace)
        held = self._tables.of((partition, self._build.version(partition), namespace))
        held.expected |= dict.fromkeys(names, int(position.split(":")[1]))
        for name in list(islice(held.expected, max(0, len(held.expected) - EXPECTED_MAX))):
            del held.expected[name]


class _Reading:
    """The reads of one search; each step knows what the ones before it found."""

    parameters: Parameters
    statistics: Statistics
    cursor: int
    rows: IntArray
    _held: Held

    def __init__(self, build: LiveBuild, tables: Tables, question: Question) -> None:
        self._build = build
        self._tables = tables
        self._question = question
        self._namespace = question.namespace
        self._partition = build.partition(question.namespace)
        self._lexical: IntArray = np.zeros(0, np.intp)
        self._recent: list[str] = []
        self._whole = False
        self.cosines: FloatArray | None = None

    @property
    def table(self) -> Table:
        return self._held.table

    async def begin(self) -> None:
        """What the first round trip finds, and the records behind it."""
        rest, others = await self._first_round_trip()
        if self._whole:
            await self._begin_whole()
            await self._take(self.table.rows(others))  # they are all there
        else:
            await self._begin_found(rest)
            await self._add(others)

    async def _first_round_trip(self) -> tuple[list[Any], list[str]]:
        """What the index found, if it was asked, and what was used last and most."""
        while True:
            version = self._build.version(self._partition)
            key = (self._partition, version, self._namespace)
            self._held = held = self._tables.of(key)
            since, small, expected = held.revision, held.small, list(held.expected)
            self._whole = self._can_be_whole()
            limit = 0 if self._whole else SMALL if small else NEAREST
            self.cursor, replies = await self._build.read(
                self._partition,
                partial(self._first_reads, since=since, nearest=limit, expected=expected),
            )
            changed, (at, *records) = _ids(replies.pop(0)), replies.pop(0)
            if self._build.version(self._partition) != version or self._tables.of(key) is not held:
                continue  # another build is live, or another search has begun anew
            if since is None and held.revision is not None:
                continue  # another search has been first; ours knows only a part
            if since is not None and (self.cursor < since or len(changed) == CHANGES_MAX):
                self._tables.forget(key)  # Redis fell back, or too much has changed
                continue
            if held.revision is None or self.cursor > held.revision:
                held.advance(self.cursor, changed, few=HELD_WHOLE)
            came = set(changed).intersection(expected)
            self._put(
                {n: r for n, r in zip(expected, records, strict=True) if n in came}, at=int(at or 0)
            )
            for name in expected:
                if held.expected.get(name, self.cursor) < self.cursor:
                    del held.expected[name]
            recent, frequent, parameters, counts, *rest = replies
            held.small = sum(int(count or 0) for count in counts[:2]) < SMALL
            if self._whole and not self._can_be_whole():
                continue  # too much came at once, or there are too many now
            if not self._whole and (self._can_be_whole() or held.small > small):
                continue  # so few that all of them count
            break
        self._learn(parameters, counts, rest.pop(0) if self._question.terms else [])
        self._recent = _ids(recent)
        return rest, self._recent + _ids(frequent)

    def _can_be_whole(self) -> bool:
        """Whether the table holds all memories, but for some that can be read now."""
        held = self._held
        known = held.members is not None and len(held.unread) <= READ_AHEAD
        return known and self._question.filters == NO_FILTERS

    async def _begin_whole(self) -> None:
        held, question = self._held, self._question
        await self._fetch(list(held.unread))
        held.unread = dict.fromkeys(self.table.missing(held.unread))
        self.rows = np.arange(len(self.table))
        if len(self.table) >= SMALL and not held.small:  # it holds what was forgotten as well
            self._lexical = scan.matching(self.table, question, self.statistics, MATCHING)
            self.cosines = self.table.cosines(question.unit, self.rows)
            chosen = np.zeros(len(self.table), np.bool_)
            chosen[scan.nearest(self.table, question, self.cosines, NEAREST)] = True
            chosen[self._lexical] = True
            self.rows = np.flatnonzero(chosen)

    async def _begin_found(self, replies: list[Any]) -> None:
        count = len(self._question.statuses)
        nearest, lexical = (
            list(chain(*[_ids(reply[1:]) for reply in some]))
            for some in (replies[:count], replies[count:])
        )
        held = self._held
        ahead = list(islice(held.unread, READ_AHEAD))
        self.rows = await self._read(dict.fromkeys(chain(nearest, lexical)), ahead=ahead)
        held.unread = dict.fromkeys(self.table.missing(held.unread))
        self._lexical = self.table.rows(lexical)

    async def sources(self) -> Sources:
        """The concepts that spread activation; what they are linked to become candidates."""
        given = dict.fromkeys(hash64(name) for name in self._question.concepts)
        if self._question.as_of_ms is None and self.parameters.focus_capacity:
            given |= dict.fromkeys(await self._in_focus())
        concepts = list(given)[:SOURCES_MAX]
        if not concepts:
            return Sources()
        fans, linked = await self._fans(concepts)
        weights = {
            other: weight
            for fan in fans.values()
            for other, weight in fan.relations.items()
            if other not in fans
        }
        related = sorted(weights, key=lambda other: -weights[other])[:RELATED_MAX]
        near, further = await self._fans(related)
        await self._add(list(dict.fromkeys(linked + further))[:LINKED])
        return Sources(tuple(concepts), fans | near, self.statistics.memories)

    async def _in_focus(self) -> list[bytes]:
        rows = await self._read(self._recent)
        if not self.table.column("concepts", rows).any():
            return []
        memories = self.table.memories(rows)
        focus = focus_of(memories, self._question.now_ms, self.parameters)
        return [concept for i in focus for concept in concepts_of(memories.concepts[i])]

    async def context(self) -> None:
        """Read the neighbours of candidates in their sessions, two steps to both sides.

        Those of the memories with the words of the query become candidates themselves, as does
        what superseded one.
        """
        near = self.parameters.neighbour_weight > 0
        if near and len(self._lexical):
            await self._take(await self._around(self._lexical[:CONTEXT_OF]))
        for _ in range(SUCCESSIONS_MAX):
            before = len(self.rows)
            await self._add(self.table.successors(self.rows))
            if len(self.rows) == before:
                break
        if near:
            await self._around(self.rows)

    async def _around(self, rows: IntArray) -> IntArray:
        """The memories up to two steps from these, all of them read."""
        await self._fetch(self.table.names_beside(rows))
        one = self.table.beside(rows)
        await self._fetch(self.table.names_beside(one))
        return np.concatenate([one, self.table.beside(one)])

    async def _add(self, names: Iterable[str]) -> None:
        await self._take(await self._read(names))

    async def _take(self, rows: IntArray) -> None:
        """Make candidates of rows that the index did not filter."""
        new = np.zeros(len(self.table), np.bool_)
        new[rows] = True
        new[self.rows] = False
        more = np.flatnonzero(new)
        if len(more) and self._question.filters != NO_FILTERS:
            more = self.table.rows(await self._admitted(self.table.names(more)))
        self.rows = np.concatenate([self.rows, more])

    async def _read(self, names: Iterable[str], *, ahead: Iterable[str] = ()) -> IntArray:
        """Rows of these, as they are now; those `ahead` are read as well."""
        await self._fetch(chain(names, ahead))
        return self.table.rows(names)

    async def _fetch(self, names: Iterable[str]) -> None:
        """Have the rows of these in the table, as they are now."""
        missing = self.table.missing(names)
        if not missing:
            return
        at, records = await self._build.records(self._namespace, missing, self.cursor)
        self._put(dict(zip(missing, records, strict=True)), at=at)

    def _put(self, records: dict[str, bytes | None], *, at: int) -> None:
        """Records read at a cursor; None for one that is not there."""
        found = {name: record for name, record in records.items() if record is not None}
        # What was read before a change that another search knows of is good for us, not for others.
        fresh = self._held.revision is not None and at >= self._held.revision
        self.table.put(found, at=at, fresh=fresh)

    async def _admitted(self, names: list[str]) -> list[str]:
        """Those that pass the filters that the index has applied to the others."""

        def queue(layout: Layout) -> Commands:
            keys = [
                layout.document(status, self._namespace, name)
                for name in names
                for status in self._question.statuses
            ]
            return [["HMGET", key, "type", "tags", "created"] for key in keys]

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

        def queue(layout: Layout) -> Commands:
            commands: Commands = [["HMGET", layout.links(self._namespace), *concepts]]
            for concept in concepts:
                linked = layout.linked(self._namespace, concept)
                commands.append(["HGETALL", layout.relations(self._namespace, concept)])
                commands.append(["ZREVRANGE", linked, 0, LINKED // len(concepts)])
            return commands

        _, (links, *rest) = await self._build.read(self._partition, queue)
        fans = {
            concept: Fan(int(links[i] or 0), _weights(rest[2 * i]))
            for i, concept in enumerate(concepts)
        }
        # In turns, the newest of each first: what is cut off later is cut off of all alike.
        turns = chain(*zip_longest(*rest[1::2]))
        return fans, _ids([key for key in turns if key is not None])

    def _first_reads(
        self, layout: Layout, *, since: int | None, nearest: int, expected: list[str]
    ) -> Commands:
        namespace, terms = self._namespace, self._question.terms
        records = [layout.record(namespace, name) for name in expected]
        limit = HELD_WHOLE if since is None else CHANGES_MAX
        changed = layout.changed(namespace)
        commands: Commands = [
            ["ZRANGEBYSCORE", changed, since or 0, "+inf", "LIMIT", 0, limit],
            ["MGET", layout.cursor, *records],
            ["ZREVRANGE", layout.recent(namespace), 0, RECENT - 1],
            ["ZREVRANGE", layout.frequent(namespace), 0, FREQUENT - 1],
            ["GET", layout.parameters(namespace)],
            ["HMGET", layout.counts(namespace), "active", "decayed", "length"],
        ]
        if terms:
            frequencies = layout.document_frequencies(namespace)
            commands.append(["HMGET", frequencies, *(hash64(term) for term in terms)])
        return [*commands, *_index_searches(self._question, layout, nearest)]

    def _learn(
        self, parameters: bytes | None, counts: list[bytes | None], frequencies: list[bytes | None]
    ) -> None:
        self.parameters = self._question.overrides.applied_to(unpack_parameters(parameters))
        active, decayed, length = (int(number or 0) for number in counts)
        self.statistics = Statistics(
            active + decayed, length, np.array([int(n or 0) for n in frequencies], np.float64)
        )


def _index_searches(question: Question, layout: Layout, nearest: int) -> Commands:
    """The nearest by vector in each status, then the best by words, if they count."""
    if nearest == 0:
        return []
    expression, params = question.filters.until(question.as_of_ms).expression()
    words = ["ns", question.namespace, *params]
    limit = SMALL if question.filters != NO_FILTERS else nearest
    commands: Commands = [
        [
            "FT.SEARCH", layout.index(status), f"({expression})=>[KNN {limit} @vector $vector]",
            "PARAMS", len(words) + 2, *words, "vector", question.vector.tobytes(),
            "NOCONTENT", "LIMIT", 0, limit, "TIMEOUT", SEARCH_TIMEOUT_MS, "DIALECT", 2,
        ]
        for status in question.statuses
    ]  # fmt: skip
    terms = [index_word(term) for term in question.terms[:TERMS_MAX]]
    if not terms or question.overrides.lexical_weight == 0:
        return commands
    asked = [word for i, term in enumerate(terms) for word in (f"t{i}", term)]
    any_term = "|".join(f"$t{i}" for i in range(len(terms)))
    return commands + [
        [
            "FT.SEARCH", layout.index(status), f"{expression} @text:({any_term})",
            "PARAMS", len(words) + len(asked), *words, *asked, "SCORER", "BM25STD",
            "NOCONTENT", "LIMIT", 0, MATCHING, "TIMEOUT", SEARCH_TIMEOUT_MS, "DIALECT", 2,
        ]
        for status in question.statuses
    ]  # fmt: skip


def _weights(relations: list[bytes]) -> dict[bytes, float]:
    """Weights by the other concept: parallel relations, and both directions, add up."""
    weights: dict[bytes, float] = {}
    for field, weight in zip(relations[::2], relations[1::2], strict=True):
        other = hash64(field.split(b"\x1f", 2)[2].decode())
        weights[other] = weights.get(other, 0.0) + float(weight)
    return weights


def _ids(keys: list[bytes]) -> list[str]:
    """Ids of memories, each at the end of a document's key."""
    return [key[-36:].decode() for key in keys]
