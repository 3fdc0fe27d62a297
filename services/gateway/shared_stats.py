"""Stats of a namespace, asked once for all who watch it."""

import asyncio
import time

from human_memory.bus.bus import Bus
from human_memory.deadline import Deadline
from human_memory.models import Stats
from human_memory.operations import memories
from human_memory.operations.context import RequestContext
from human_memory.operations.requests import Nothing

KEPT_SECONDS = 1.9  # just less than the pause between two looks
NAMESPACES_MAX = 1_000


class SharedStats:
    """Keeps the last answer of each namespace that is watched."""

    def __init__(self, bus: Bus, *, seconds_max: float) -> None:
        self._bus = bus
        self._seconds_max = seconds_max
        self._asked: dict[str, tuple[float, asyncio.Task[Stats]]] = {}

    async def of(self, namespace: str) -> Stats:
        """The stats, at most two seconds old.

        Raises:
            MemoryServiceError: they can't be had now.
        """
        now = time.monotonic()
        at, task = self._asked.get(namespace, (0.0, None))
        if task is None or now - at > KEPT_SECONDS:
            deadline = Deadline.after(self._seconds_max)
            context = RequestContext(self._bus, namespace, deadline)
            task = asyncio.create_task(memories.stats(Nothing(), context))
            self._asked.pop(namespace, None)
            self._asked[namespace] = (now, task)
            if len(self._asked) > NAMESPACES_MAX:
                del self._asked[next(iter(self._asked))]
        return await asyncio.shield(task)
