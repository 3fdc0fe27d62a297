"""A benchmark of the running system through the same operations that serve requests."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from pydantic import Field

from human_memory.bus.bus import Bus
from human_memory.deadline import Deadline
from human_memory.operations import memories
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import ApiRequest, SearchRequest, StoreRequest
from schemas import limits

MEMORY_TYPE = "benchmark"
SEARCHES_PER_EVENT = 10
_SUBJECTS = ("the train", "dinner", "a letter", "the garden", "the meeting", "music", "the sea")


class BenchmarkRequest(ApiRequest):
    """The number of memories to store, and of searches."""

    count: Annotated[int, Field(ge=10, le=limits.BENCHMARK_COUNT_MAX)] = 1_000
    batch_size: Annotated[int, Field(ge=1, le=limits.BATCH_ITEMS_MAX)] = 50
    search_count: Annotated[int, Field(ge=0, le=limits.BENCHMARK_SEARCHES_MAX)] = 100


class Benchmark:
    """One run in one namespace. Times in milliseconds."""

    def __init__(
        self, bus: Bus, namespace: str, asked: BenchmarkRequest, *, seconds: float
    ) -> None:
        self._bus = bus
        self._namespace = namespace
        self._asked = asked
        self._seconds = seconds

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """The news of a benchmark, as they happen.

        Raises:
            MemoryServiceError: a store or search failed.
        """
        began = time.perf_counter()
        stores: list[float] = []
        while len(stores) < self._asked.count:
            size = min(self._asked.batch_size, self._asked.count - len(stores))
            first = len(stores)
            batch = await asyncio.gather(*(self._store(first + n) for n in range(size)))
            stores += batch
            yield {
                "phase": "store",
                "progress": len(stores) / self._asked.count,
                "total_stored": len(stores),
                "batch_avg_ms": sum(batch) / size,
                **_percentiles(stores),
            }
        searches: list[float] = []
        for number in range(self._asked.search_count):
            searches.append(await self._search(number))
            if len(searches) % SEARCHES_PER_EVENT == 0:
                yield {
                    "phase": "retrieve",
                    "progress": len(searches) / self._asked.search_count,
                    "total_searched": len(searches),
                    **_percentiles(searches),
                }
        yield {
            "phase": "complete",
            "total_memories": len(stores),
            "total_time_ms": (time.perf_counter() - began) * 1000,
            "store": _summary(stores),
            "retrieve": _summary(searches),
        }

    async def _store(self, number: int) -> float:
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        fields = {"content": f"Note {number} is about {subject}.", "memory_type": MEMORY_TYPE}
        return await self._timed(memories.store, StoreRequest.model_validate(fields))

    async def _search(self, number: int) -> float:
        fields = {"query": f"What is about {_SUBJECTS[number % len(_SUBJECTS)]}?"}
        return await self._timed(memories.search, SearchRequest.model_validate(fields))

    async def _timed(
        self, perform: Callable[[Any, RequestContext], Awaitable[Any]], request: ApiRequest
    ) -> float:
        context = RequestContext(self._bus, self._namespace, Deadline.after(self._seconds))
        began = time.perf_counter()
        await perform(request, context)
        return (time.perf_counter() - began) * 1000


def _percentiles(durations_ms: list[float]) -> dict[str, float]:
    ordered = sorted(durations_ms)
    last = len(ordered) - 1
    return {
        f"p{percent}": ordered[round(last * percent / 100)] if ordered else 0.0
        for percent in (50, 95, 99)
    }


def _summary(durations_ms: list[float]) -> dict[str, float]:
    count = len(durations_ms)
    average = sum(durations_ms) / count if count else 0.0
    return {"count": count, **_percentiles(durations_ms), "avg_ms": average}
