"""Lower bounds of a run, each part alone: reading, computing, embedding, appending."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.maintenance.lab import Lab, timed
from cognition.crossing import Traces, seconds_to_threshold
from human_memory.bus.producer import Outgoing
from schemas.codec import encode
from schemas.events import MemoryEvent
from schemas.ids import derive
from schemas.parameters import Parameters
from services.common.redis import Word, execute
from services.maintenance.events import RunContext, decayed_events, progressed_event
from services.readside.activation import kernel_of
from services.readside.collections import CHANGED
from services.readside.columns import Memories
from services.readside.due_index import lowest_threshold
from services.readside.layout import split_record

PAGE = 500
SLICE = 512
EMBEDDED_AT_ONCE = 32
# What a consolidation is limited to; a test compares.
LOOKED_AT_MAX, SEEDS_MAX = 20_000, 2_000


@dataclass(frozen=True)
class Read:
    """Records as Redis has them, by id, and how many seconds it took to get them."""

    records: dict[str, bytes]
    seconds: float

    def memories(self) -> Memories:
        """In columns."""
        return Memories.of(list(self.records), list(self.records.values()))


async def read_due(lab: Lab, namespace: str, until_ms: int) -> Read:
    """The due entries, and the records of those memories."""
    layout = await lab.layout(namespace)

    async def read() -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        while True:
            place: list[Word] = ["-inf", until_ms, "LIMIT", len(found), PAGE]
            (ids,) = await execute(lab.redis, [["ZRANGEBYSCORE", layout.due(namespace), *place]])
            if not ids:
                return found
            found |= await _records(lab, namespace, [each.decode() for each in ids])

    return Read(*await timed(read))


async def read_newest(lab: Lab, namespace: str) -> Read:
    """Records and documents of what changed last."""
    layout = await lab.layout(namespace)

    async def read() -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        (ids,) = await execute(
            lab.redis, [["ZRANGE", CHANGED.key(layout, namespace), -LOOKED_AT_MAX, -1]]
        )
        for start in range(0, len(ids), PAGE):
            names = [each.decode() for each in ids[start : start + PAGE]]
            found |= await _records(lab, namespace, names)
            keys = [layout.document("active", namespace, name) for name in names]
            await execute(lab.redis, [["HMGET", key, "content", "type", "more"] for key in keys])
        return found

    return Read(*await timed(read))


async def _records(lab: Lab, namespace: str, names: list[str]) -> dict[str, bytes]:
    layout = await lab.layout(namespace)
    keys = [layout.record(namespace, name) for name in names]
    (records,) = await execute(lab.redis, [["MGET", *keys]])
    return {name: record for name, record in zip(names, records, strict=True) if record}


def crossing_seconds(memories: Memories, now_ms: int) -> float:
    """The exact crossing times of all of them, in one go; what is read is decoded already."""
    parameters, traces = Parameters(), memories.traces
    history = Traces(
        ages_seconds=np.maximum(0.0, (now_ms - traces["time_ms"]) / 1000.0),
        decay_rates=traces["decay_rate"].astype(np.float64),
        weights=traces["weight"].astype(np.float64),
        memory_of_trace=memories.memory_of_trace,
    )
    thresholds = np.full(len(memories), lowest_threshold(0.0, parameters))
    began = time.perf_counter()
    seconds_to_threshold(history, thresholds, kernel=kernel_of(parameters))
    return time.perf_counter() - began


def similarity_seconds(read: Read, recent: int) -> float:
    """The products of vectors that a consolidation compares: recent with all, seeds with seeds."""
    vectors = np.array(
        [np.frombuffer(split_record(record).vector, "<f2") for record in read.records.values()],
        np.float32,
    )
    new = vectors[-recent:]
    seeds = new[-SEEDS_MAX:].astype(np.float64)
    began = time.perf_counter()
    for start in range(0, len(new), SLICE):
        (new[start : start + SLICE] @ vectors.T).max(axis=1)
    for start in range(0, len(seeds), SLICE):
        seeds[start : start + SLICE] @ seeds.T
    return time.perf_counter() - began


def embedding_seconds(lab: Lab, texts: Sequence[str]) -> float:
    """The model alone, in batches."""
    began = time.perf_counter()
    for start in range(0, len(texts), EMBEDDED_AT_ONCE):
        lab.encode(list(texts[start : start + EMBEDDED_AT_ONCE]))
    return time.perf_counter() - began


async def appending_seconds(lab: Lab, namespace: str, events: Sequence[MemoryEvent]) -> float:
    """As many events of that kind appended to a topic that nobody reads, many at once."""
    key = namespace.encode()
    outgoing = [Outgoing(lab.system.scratch, key, encode(event)) for event in events]

    async def append() -> None:
        for start in range(0, len(outgoing), PAGE):
            await lab.producer.send_all(outgoing[start : start + PAGE])

    _, seconds = await timed(append)
    return seconds


def decays(namespace: str, memories: Memories, now_ms: int) -> list[MemoryEvent]:
    """The events that archive all of them."""
    return decayed_events(_run(namespace, now_ms), memories, list(range(len(memories))))


def progresses(namespace: str, count: int, now_ms: int) -> list[MemoryEvent]:
    """So many small events."""
    run = _run(namespace, now_ms)
    return [progressed_event(run, "bench", done=i, total=count, step=i) for i in range(count)]


def _run(namespace: str, now_ms: int) -> RunContext:
    return RunContext(
        run_id=derive("bench", namespace),
        namespace=namespace,
        job="decay",
        now_ms=now_ms,
        commanded_ms=now_ms,
    )
