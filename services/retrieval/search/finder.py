"""Finding the candidates of a search: where a memory worth ranking may come from.

Nearest by vector, best by words, linked to an active concept, used lately or often; all of a small
namespace. Whatever they come from, all are scored alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest

import numpy as np

from cognition.base_level import FloatArray, IntArray
from services.readside.filters import NO_FILTERS
from services.readside.layout import hash64
from services.readside.live_build import position_of
from services.readside.terms import concepts_of
from services.retrieval.ports import Position, SearchReader
from services.retrieval.search import scan
from services.retrieval.search.candidates import Candidates, Fan, Sources
from services.retrieval.search.namespace_cache import CachedNamespace, NamespaceCache
from services.retrieval.search.opening import Opener, Opening
from services.retrieval.search.plan import Bounds, SearchPlan
from services.retrieval.working_memory import focus_of


class CandidateFinder:
    """Finds candidates in the live build, of which it reads only what changed since it last did."""

    def __init__(self, reader: SearchReader, cache: NamespaceCache, bounds: Bounds) -> None:
        self._reader = reader
        self._cache = cache
        self._bounds = bounds
        self._opener = Opener(reader, cache, bounds)

    async def meant(self, plan: SearchPlan) -> SearchPlan:
        """The plan with the names that its concepts have."""
        if not plan.concepts:
            return plan
        names = await self._reader.names(plan.namespace, plan.concepts)
        return replace(plan, concepts=tuple(dict.fromkeys(names)))

    async def find(self, plan: SearchPlan) -> tuple[Position, Candidates]:
        """Memories worth ranking, and the position they are good for.

        Raises:
            Unavailable: the read side cannot answer.
        """
        opening = await self._opener.open(plan)
        reading = _Reading(self._reader, self._bounds, plan, opening.cached, opening.cursor)
        if plan.filters.unindexed:
            start = await _filtered(reading, opening)
        else:
            start = await (_all(reading, opening) if opening.whole else _indexed(reading, opening))
        rows = await _with_used(reading, opening, start.rows)
        sources, linked = await _sources(reading, opening)
        rows = await reading.with_names(rows, linked)
        near = opening.parameters.neighbour_weight > 0
        if near:
            rows = await _with_context(reading, rows, start.matching)
        rows = await _with_successors(reading, rows)
        if near:
            await reading.around(rows)  # no candidates, but their words and vectors count
        self._cache.trim()
        position = position_of(self._reader.place(plan.namespace).partition, opening.cursor)
        return position, Candidates(
            columns=reading.cached.columns,
            rows=rows,
            statistics=opening.statistics,
            sources=sources,
            parameters=opening.parameters,
            cosines=start.cosines,
        )

    def expect(self, namespace: str, names: Iterable[str], position: str) -> None:
        """The use of these memories is recorded there: the next search will find them changed."""
        offset = int(position.split(":")[1])
        cached = self._cache.of(self._reader.place(namespace))
        cached.expect(names, offset, most=self._bounds.expected)


@dataclass(frozen=True)
class _Reading:
    """Reads of one search as of its cursor, all of them through the cache."""

    reader: SearchReader
    bounds: Bounds
    plan: SearchPlan
    cached: CachedNamespace
    cursor: int

    async def rows(self, names: Iterable[str]) -> IntArray:
        """Rows of these, as they are now."""
        names = list(names)
        await self.read(names)
        return self.cached.columns.rows(names)

    async def read(self, names: Iterable[str]) -> None:
        """Have the rows of these in the cache, as they are now."""
        missing = self.cached.columns.missing(names)
        if not missing:
            return
        at, records = await self.reader.records(self.plan.namespace, missing, self.cursor)
        self.cached.put(dict(zip(missing, records, strict=True)), at=at)

    async def admitted(self, names: Sequence[str]) -> IntArray:
        """Rows of those that pass the filters, a bounded number read at a time."""
        admitted = await self._admitted(list(names))
        for at in range(0, len(admitted), self.bounds.read_ahead):
            await self.read(admitted[at : at + self.bounds.read_ahead])
        return self.cached.columns.rows(admitted)

    async def with_names(self, rows: IntArray, names: Iterable[str]) -> IntArray:
        """Rows, and behind them those of `names` that are new and pass the filters."""
        return await self.with_rows(rows, await self.rows(names))

    async def with_rows(self, rows: IntArray, more: IntArray) -> IntArray:
        """Rows, and behind them those of `more` that are new and pass the filters."""
        is_new = np.zeros(len(self.cached.columns), np.bool_)
        is_new[more] = True
        is_new[rows] = False
        new = np.flatnonzero(is_new)
        if len(new) and self.plan.filters != NO_FILTERS:
            new = self.cached.columns.rows(await self._admitted(self.cached.columns.names(new)))
        return np.concatenate([rows, new])

    async def around(self, rows: IntArray) -> IntArray:
        """Rows up to two steps from these in their sessions, all of them read."""
        await self.read(self.cached.columns.names_beside(rows))
        one = self.cached.columns.beside(rows)
        await self.read(self.cached.columns.names_beside(one))
        return np.concatenate([one, self.cached.columns.beside(one)])

    async def _admitted(self, names: list[str]) -> list[str]:
        """Names of those that pass the filters that the index has applied to the others."""
        keys = [(name, status) for name in names for status in self.plan.statuses]
        attributes = await self.reader.attributes(self.plan.namespace, keys)
        admitted = [
            name
            for (name, _), each in zip(keys, attributes, strict=True)
            if each is not None and self.plan.filters.admits(each)
        ]
        return list(dict.fromkeys(admitted))  # one that moves meanwhile is under both statuses


@dataclass(frozen=True)
class _Start:
    """The first candidates, and those with the best words, the best first.

    `cosines`: of the query with all rows that the cache had, if it was compared with all.
    """

    rows: IntArray
    matching: IntArray
    cosines: FloatArray | None = None


async def _filtered(reading: _Reading, opening: Opening) -> _Start:
    """Of all memories, or the nearest of a large namespace, those that pass; the best of many."""
    cached = reading.cached
    names = cached.members if opening.whole else [*opening.nearest, *opening.matching]
    rows = await reading.admitted(list(dict.fromkeys(names or ())))
    cached.strike_read()
    if len(rows) < reading.bounds.small:
        return _Start(rows, np.zeros(0, np.intp))
    return _best(reading, opening, among=rows)


async def _all(reading: _Reading, opening: Opening) -> _Start:
    """Out of a cache that holds the namespace whole, as the index would find them; all of few."""
    cached, columns, bounds = reading.cached, reading.cached.columns, reading.bounds
    await reading.read(list(cached.unread))
    cached.strike_read()
    rows = np.arange(len(columns))
    # It holds what was forgotten as well.
    if len(columns) < bounds.small or cached.small:
        return _Start(rows, np.zeros(0, np.intp))
    return _best(reading, opening, among=rows)


def _best(reading: _Reading, opening: Opening, *, among: IntArray) -> _Start:
    """The nearest of some rows, and of a time that is asked about; those with the best words."""
    columns, bounds, plan = reading.cached.columns, reading.bounds, reading.plan
    some = np.zeros(len(columns), np.bool_)
    some[among] = True
    matching = scan.matching(columns, plan, opening.statistics, bounds.matching, among=some)
    cosines = columns.cosines(plan.unit, np.arange(len(columns)))
    chosen = np.zeros(len(columns), np.bool_)
    chosen[scan.nearest(columns, plan, cosines, bounds.nearest, among=some)] = True
    chosen[matching] = True
    if plan.times.spans:
        then = some & plan.is_from_then(columns.column("created_ms", slice(0, len(columns))))
        chosen[scan.nearest(columns, plan, cosines, bounds.nearest, among=then)] = True
    return _Start(np.flatnonzero(chosen), matching, cosines)


async def _indexed(reading: _Reading, opening: Opening) -> _Start:
    """As the index has found them; some of those that are not cached yet are read with them."""
    cached = reading.cached
    found = list(dict.fromkeys(chain(opening.nearest, opening.matching)))
    ahead = islice(cached.unread, reading.bounds.read_ahead)
    await reading.read(chain(found, ahead))
    cached.strike_read()
    return _Start(reading.cached.columns.rows(found), reading.cached.columns.rows(opening.matching))


async def _with_used(reading: _Reading, opening: Opening, rows: IntArray) -> IntArray:
    """Also those that were used last and most."""
    used = opening.recent + opening.frequent
    if opening.whole:
        return await reading.with_rows(
            rows, reading.cached.columns.rows(used)
        )  # they are all there
    return await reading.with_names(rows, used)


async def _sources(reading: _Reading, opening: Opening) -> tuple[Sources, list[str]]:
    """The concepts that spread activation, and memories linked to them."""
    plan, bounds = reading.plan, reading.bounds
    given = dict.fromkeys(hash64(name) for name in plan.concepts)
    if plan.query.as_of is None and opening.parameters.focus_capacity:
        given |= dict.fromkeys(await _in_focus(reading, opening))
    concepts = list(given)[: bounds.sources]
    if not concepts:
        return Sources(), []
    fans, linked = await _fans(reading, concepts)
    weights = {
        other: weight
        for fan in fans.values()
        for other, weight in fan.relations.items()
        if other not in fans
    }
    related = sorted(weights, key=lambda other: -weights[other])[: bounds.related]
    near, further = await _fans(reading, related)
    sources = Sources(tuple(concepts), fans | near, opening.statistics.memories)
    return sources, list(dict.fromkeys(linked + further))[: bounds.linked]


async def _in_focus(reading: _Reading, opening: Opening) -> list[bytes]:
    """Concepts of the memories in working memory."""
    rows = await reading.rows(opening.recent)
    if not reading.cached.columns.column("concepts", rows).any():
        return []
    memories = reading.cached.columns.memories(rows)
    focus = focus_of(memories, reading.plan.now_ms, opening.parameters)
    return [concept for i in focus for concept in concepts_of(memories.concepts[i])]


async def _fans(reading: _Reading, concepts: Sequence[bytes]) -> tuple[dict[bytes, Fan], list[str]]:
    """The fans of some concepts, and memories linked to them."""
    if not concepts:
        return {}, []
    each = reading.bounds.linked // len(concepts)
    fans, linked = await reading.reader.fans(reading.plan.namespace, concepts, linked=each)
    # Taken in turns, the newest of each first, so that a later cut hits all alike.
    turns = chain.from_iterable(zip_longest(*linked))
    return fans, [name for name in turns if name is not None]


async def _with_context(reading: _Reading, rows: IntArray, matching: IntArray) -> IntArray:
    """Also those that stand beside the memories with the words of the query."""
    if len(matching) == 0:
        return rows
    return await reading.with_rows(
        rows, await reading.around(matching[: reading.bounds.context_of])
    )


async def _with_successors(reading: _Reading, rows: IntArray) -> IntArray:
    """Also what superseded a candidate."""
    for _ in range(reading.bounds.successions):
        before = len(rows)
        rows = await reading.with_names(rows, reading.cached.columns.successors(rows))
        if len(rows) == before:
            break
    return rows
