"""Searches while a run is at work, next to searches alone."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

from bench.maintenance.figures import ALONE, Round
from bench.maintenance.lab import Lab, Say
from bench.maintenance.material import OLDEST_MS, Maker
from schemas.maintenance import Job

SAME, ANOTHER = "the same", "another"
OTHER_NAMESPACE = "bench/searched"
# The first searches of a namespace read it whole, later ones what changed.
WARM_SEARCHES = 20
# Enough that decay works for some seconds.
DUE_SHARE = 1.0


class Searching:
    """Measures searches of two namespaces by turns, in a namespace new in every round."""

    def __init__(
        self, lab: Lab, maker: Maker, queries: list[str], *, memories: int, now_ms: int
    ) -> None:
        self._lab = lab
        self._maker = maker
        self._all = queries
        self._queries: Iterator[str] = cycle(queries)
        self._memories = memories
        self._now_ms = now_ms

    async def prepare(self, say: Say) -> None:
        """Fill the namespace that nothing is done to, and have the queries embedded."""
        layers = self._maker.mixed(OTHER_NAMESPACE, self._memories, now_ms=self._now_ms)
        await self._lab.fill(OTHER_NAMESPACE, layers, now_ms=self._now_ms, say=say)
        say("embedding the queries")
        for query in self._all:
            await self._lab.search(OTHER_NAMESPACE, query)

    async def round(self, number: int, *, alone: int, say: Say) -> Round:
        """Alone, during one job, alone, during the other, alone; `alone`: pairs of searches."""
        namespace = f"bench/kept-{number}"
        old_ms, due = self._now_ms - OLDEST_MS, round(DUE_SHARE * self._memories)
        layers = [
            self._maker.plain(namespace, due, name="old", recorded_ms=old_ms),
            *self._maker.mixed(namespace, self._memories, now_ms=self._now_ms),
        ]
        await self._lab.fill(namespace, layers, now_ms=self._now_ms, say=say)
        found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        await self._search(namespace, _times(WARM_SEARCHES))
        # There and back: what drifts hits both jobs alike.
        jobs: list[Job] = ["decay", "consolidation"]
        for job in jobs if number % 2 == 0 else reversed(jobs):
            say(f"round {number + 1}: alone")
            _add(found, ALONE, await self._search(namespace, _times(alone)))
            say(f"round {number + 1}: {job}")
            run = asyncio.create_task(self._lab.run(namespace, job))
            _add(found, job, await self._search(namespace, partial(_at_work, run)))
            await run
        say(f"round {number + 1}: alone")
        _add(found, ALONE, await self._search(namespace, _times(alone)))
        return found

    async def _search(self, namespace: str, go_on: Callable[[], bool]) -> dict[str, list[float]]:
        places = {SAME: namespace, ANOTHER: OTHER_NAMESPACE}
        took: dict[str, list[float]] = {name: [] for name in places}
        while go_on():
            query = next(self._queries)
            for name, place in places.items():
                took[name].append(await self._lab.search(place, query))
        return took


def _at_work(task: asyncio.Task[Any]) -> bool:
    return not task.done()


def _times(count: int) -> Callable[[], bool]:
    rest = iter(range(count))
    return lambda: next(rest, None) is not None


def _add(
    found: defaultdict[tuple[str, str], list[float]], meanwhile: str, took: dict[str, list[float]]
) -> None:
    for name, each in took.items():
        found[meanwhile, name] += each
