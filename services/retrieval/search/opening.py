"""The first round trip of a search, and what it says of the cache.

Reading and decoding hundreds of records costs more than all the rest of a search, so they stay in
the cache, and the first question is which of them have changed. Searches run beside each other and
beside the fold: a reply that does not go on from what is cached, or that asked the index for too
little, is dropped, and the question put again.
"""

from dataclasses import dataclass

import numpy as np

from schemas.parameters import Parameters
from services.readside.filters import NO_FILTERS
from services.retrieval.ports import FirstRead, Known, SearchReader
from services.retrieval.search.candidates import Statistics
from services.retrieval.search.namespace_cache import CachedNamespace, NamespaceCache
from services.retrieval.search.plan import Bounds, SearchPlan


@dataclass(frozen=True)
class Opening:
    """The beginning of a search: a cache that is true as of `cursor`, and ids to look at.

    `whole`: the index was not asked, and `nearest` and `matching` are empty. The cache holds all
    memories, but for some that can be read now; where the index does not know all filters, it knows
    all their names.
    """

    cached: CachedNamespace
    cursor: int
    whole: bool
    parameters: Parameters
    statistics: Statistics
    recent: list[str]
    frequent: list[str]
    nearest: list[str]
    matching: list[str]


class Opener:
    """Opens searches, one round trip each unless another search or the fold comes in between."""

    def __init__(self, reader: SearchReader, cache: NamespaceCache, bounds: Bounds) -> None:
        self._reader = reader
        self._cache = cache
        self._bounds = bounds

    async def open(self, plan: SearchPlan) -> Opening:
        """Read what has changed and, unless all can be cached, what the index finds.

        Raises:
            Unavailable: the read side cannot answer.
        """
        while True:
            place = self._reader.place(plan.namespace)
            cached = self._cache.of(place)
            nearest = self._nearest(plan, cached)
            known = Known(cached.revision, list(cached.expected), nearest)
            first = await self._reader.first(plan, known, self._bounds)
            is_live = first.place == place and self._cache.of(place) is cached
            if not (is_live and self._continues(first, known, cached)):
                continue
            self._take(first, known, cached)
            if _is_enough(nearest, needed=self._nearest(plan, cached)):
                return _opening(plan, first, cached, whole=nearest == 0)

    def _nearest(self, plan: SearchPlan, cached: CachedNamespace) -> int:
        """The number of nearest to ask the index for; 0 if all memories can be looked at."""
        if plan.filters.unindexed:
            # All there are; of more than can be cached the nearest, once it is known that they are.
            is_large = cached.revision is not None and cached.members is None
            return self._bounds.whole if is_large else 0
        filtered = plan.filters != NO_FILTERS
        is_known = cached.members is not None and len(cached.unread) <= self._bounds.read_ahead
        if is_known and not filtered:
            return 0
        return self._bounds.small if cached.small or filtered else self._bounds.nearest

    def _continues(self, first: FirstRead, known: Known, cached: CachedNamespace) -> bool:
        """True if what was read goes on from what is cached; if it never can, forget the cache."""
        if known.since is None:
            # Another search may have been first; ours knows only a part.
            return cached.revision is None
        fell_back = first.cursor < known.since
        # Then the namespace was deleted, and what is cached with it.
        gone = first.cleared >= known.since
        if fell_back or gone or len(first.changed) == self._bounds.changes:
            self._cache.forget(first.place)
            return False
        return True

    def _take(self, first: FirstRead, known: Known, cached: CachedNamespace) -> None:
        cached.advance(first.cursor, first.changed, few=self._bounds.whole)
        changed = first.records.keys() & first.changed
        records = {name: first.records[name] for name in known.expected if name in changed}
        cached.put(records, at=first.records_at)
        cached.strike_expected(known.expected, first.cursor)
        cached.small = first.memories < self._bounds.small


def _is_enough(asked: int, *, needed: int) -> bool:
    """True if the index was asked for enough, now that more is known; 0 stands for all memories."""
    return asked == needed or asked > needed > 0


def _opening(
    plan: SearchPlan, first: FirstRead, cached: CachedNamespace, *, whole: bool
) -> Opening:
    return Opening(
        cached=cached,
        cursor=first.cursor,
        whole=whole,
        parameters=plan.query.parameters.applied_to(first.parameters),
        statistics=Statistics(
            first.memories, first.length, np.array(first.frequencies, np.float64)
        ),
        recent=first.recent,
        frequent=first.frequent,
        nearest=first.nearest,
        matching=first.matching,
    )
