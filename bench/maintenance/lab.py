"""The running system, as this benchmark uses it: fill a namespace, run a job, look at processes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bench.large import append, stored_events
from bench.machine import cpu_seconds
from bench.maintenance.material import Layer, in_parts
from bench.maintenance.process import Process
from bench.system import System
from human_memory.bus.bus import Bus
from human_memory.bus.producer import DurableProducer, partition_of
from schemas.inbox import SetParameters
from schemas.limits import TIMEOUT_MS_MAX
from schemas.maintenance import Job, RunJob
from schemas.parameters import Parameters
from schemas.queries import RunQuery, Search
from services.common.redis import RedisClient, redis_prefix
from services.readside.layout import Control, Layout

Encode = Callable[[list[str]], NDArray[np.float32]]
Say = Callable[[str], None]
EVENTS_AT_ONCE = 5_000
LOOK_SECONDS = 0.2
RUN_SECONDS_MAX = TIMEOUT_MS_MAX / 1000
SEARCH_SECONDS_MAX = 120.0
# Only what is asked for here may run; the longest there is would still come at midnight.
NOT_BY_THE_CLOCK = Parameters(decay_scheduled=0, consolidation_scheduled=0)


class Lab:
    """Everything that a measurement needs; one for each running system."""

    def __init__(
        self,
        system: System,
        *,
        bus: Bus,
        producer: DurableProducer,
        redis: RedisClient,
        encode: Encode,
    ) -> None:
        self.system = system
        self.producer = producer
        self.redis = redis
        self.encode = encode
        self.maintenance = Process(system.pids["maintenance"])
        self._bus = bus

    async def fill(
        self, namespace: str, layers: Sequence[Layer], *, now_ms: int, say: Say
    ) -> list[str]:
        """Append layers to the log, wait until they are folded; the ids of the memories."""
        await self._bus.ask(
            SetParameters(namespace=namespace, parameters=NOT_BY_THE_CLOCK), visible=True
        )
        settings, total = self.system.settings, sum(len(layer.memories) for layer in layers)
        before, ids = await self.cursor(namespace), list[str]()
        for layer in layers:
            for memories, vectors in in_parts(layer, EVENTS_AT_ONCE):
                events = await asyncio.to_thread(
                    stored_events,
                    memories,
                    vectors,
                    model=settings.embedding_model,
                    now_ms=layer.recorded_ms,
                )
                await append(settings, self.producer, events)
                ids += [event.subject for event in events]
                say(f"{namespace}: {len(ids):,} of {total:,} appended")
        while (folded := await self.cursor(namespace) - before) < total:
            say(f"{namespace}: {folded:,} of {total:,} folded")
            await asyncio.sleep(LOOK_SECONDS)
        return ids

    async def run(
        self, namespace: str, job: Job, *, slot: int | None = None
    ) -> tuple[dict[str, Any], float]:
        """Run a job to its end; its report, and how many seconds it took."""
        began = time.perf_counter()
        command = RunJob(namespace=namespace, job=job, slot=slot)
        result = await self._bus.ask(command, timeout_seconds=RUN_SECONDS_MAX)
        while not result["complete"]:
            await asyncio.sleep(LOOK_SECONDS)
            query = RunQuery(namespace=namespace, run_id=UUID(result["run_id"]))
            run = await self._bus.ask(query)
            result |= {"complete": run["status"] == "completed", "report": run["report"]}
        seconds = time.perf_counter() - began
        report: dict[str, Any] = result["report"]
        return report, seconds

    async def search(self, namespace: str, query: str) -> float:
        """Milliseconds that a search takes; it records its accesses, as by default."""
        began = time.perf_counter()
        asked = Search(namespace=namespace, query=query)
        await self._bus.ask(asked, timeout_seconds=SEARCH_SECONDS_MAX)
        return 1000 * (time.perf_counter() - began)

    async def cursor(self, namespace: str) -> int:
        """The number of folded events in the namespace's partition; here no other writes there."""
        return int(await self.redis.get((await self.layout(namespace)).cursor) or 0)

    async def layout(self, namespace: str) -> Layout:
        """The keys under which the read side keeps a namespace."""
        settings = self.system.settings
        prefix = redis_prefix(settings.topic_prefix)
        partition = partition_of(namespace.encode(), settings.partitions)
        version = int(await self.redis.get(Control(prefix, partition).live))
        return Layout(prefix, version, partition)

    async def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each process so far."""
        reading = {name: cpu_seconds(pid) for name, pid in self.system.pids.items()}
        info = await self.redis.info("cpu")
        reading["redis"] = info["used_cpu_user"] + info["used_cpu_sys"]
        if self.system.kafka_pid is not None:
            reading["kafka"] = cpu_seconds(self.system.kafka_pid)
        return reading


async def timed(work: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    """The result of some work, and the seconds it takes."""
    began = time.perf_counter()
    result = await work()
    return result, time.perf_counter() - began
