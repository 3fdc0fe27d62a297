"""A large namespace, written to the log as ingest would write it, but with made-up vectors.

The model would need minutes for as many texts, and what a search costs depends on how many
memories there are and how their words, sessions and histories lie, not on what the vectors mean.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.material import Memory
from human_memory.bus.producer import DurableProducer
from schemas.events import MemoryEvent
from schemas.topics import INBOX
from services.common.event_log import EventAppender
from services.ingest.domain import Received, WorkedOut, embedding_of, event_of
from services.retrieval.settings import RetrievalSettings

APPENDED_AT_ONCE = 1_000
# Noise of this size beside a vector of length 1: cosines of 0.55 to 0.24, as good to passing
# matches have with the model.
NOISE_LEAST, NOISE_MOST = 1.5, 4.0


def vectors_near(queries: NDArray[np.float16], count: int, *, seed: int) -> NDArray[np.float16]:
    """`count` vectors of length 1, each near one of the queries: shape (count, dimension)."""
    random = np.random.default_rng(seed)
    base = queries[random.integers(len(queries), size=count)].astype(np.float32)
    size = random.uniform(NOISE_LEAST, NOISE_MOST, size=(count, 1)) / np.sqrt(base.shape[1])
    vectors = base + size * random.standard_normal(base.shape)
    near: NDArray[np.float16] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(
        np.float16
    )
    return near


def stored_events(
    memories: Sequence[Memory], vectors: NDArray[np.float16], *, model: str, now_ms: int
) -> list[MemoryEvent]:
    """The events that ingest appends for `memories`; each needs a time and an idempotency key."""
    events = []
    for offset, (memory, vector) in enumerate(zip(memories, vectors, strict=True)):
        store = memory.store
        assert store.idempotency_key is not None, "without one the id could be a real record's"
        assert store.occurred_at is not None
        received = Received(INBOX.name, 0, offset, now_ms)
        worked_out = WorkedOut(embedding_of(vector, model))
        events.append(event_of(store, received, store.occurred_at, worked_out))
    return events


async def append(
    settings: RetrievalSettings, producer: DurableProducer, events: list[MemoryEvent]
) -> list[str]:
    """Append all; their positions."""
    log = EventAppender(settings, producer)
    positions: list[str] = []
    for start in range(0, len(events), APPENDED_AT_ONCE):
        positions += await log.append(events[start : start + APPENDED_AT_ONCE])
        await asyncio.sleep(0)
    return positions
