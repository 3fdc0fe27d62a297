"""What the benchmark of maintenance stores: layers that fall due apart, clusters, and routines."""

from collections import Counter

import numpy as np

from bench.large import stored_events
from bench.maintenance.material import (
    APART_MS,
    DUE_AGE_MS,
    OLDEST_MS,
    SESSION_TURNS,
    Layer,
    Maker,
)
from bench.texts import load_conversation
from cognition.clustering import mutual_clusters, occasions
from schemas.jobs import ConsolidationJob
from schemas.parameters import Parameters
from services.projection.fold.fold import fold
from services.projection.fold.view import Memory, View
from services.readside.due_index import due_ms

NOW_MS = 1_790_000_000_000
WINDOW_MS = round(1000 * ConsolidationJob().window_seconds)


def maker() -> Maker:
    queries = np.random.default_rng(1).standard_normal((20, 384))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return Maker(load_conversation(), queries.astype(np.float16), seed=1)


def folded(layers: list[Layer]) -> list[Memory]:
    view, offset = View(), 0
    for layer in layers:
        events = stored_events(
            layer.memories, layer.vectors, model="made-up", now_ms=layer.recorded_ms
        )
        for event in events:
            fold(view, event, offset)
            offset += 1
    return list(view.memories.values())


def due(memory: Memory) -> float:
    return due_ms(memory.state, memory.parts.traces, Parameters())


def test_each_old_layer_is_due_before_the_next_one_is() -> None:
    own = maker()
    first, second = (
        folded([own.plain("n", 50, name=str(i), recorded_ms=NOW_MS - OLDEST_MS + i * APART_MS)])
        for i in range(2)
    )

    moment = NOW_MS - OLDEST_MS + DUE_AGE_MS

    assert len(first) == len(second) == 50
    assert max(map(due, first)) <= moment < min(map(due, second))


def test_nothing_of_the_mix_is_due_and_a_tenth_is_recent() -> None:
    memories = folded(maker().mixed("n", 400, now_ms=NOW_MS))

    recent = [
        memory
        for memory in memories
        if max(memory.state.created_ms, memory.state.recorded_ms) > NOW_MS - WINDOW_MS
    ]

    assert len(memories) == 400
    assert len(recent) == 40
    assert min(map(due, memories)) > NOW_MS
    assert max(memory.state.created_ms for memory in memories) <= NOW_MS


def test_the_mix_has_clusters_sessions_and_texts_that_differ() -> None:
    layers = maker().mixed("n", 400, now_ms=NOW_MS)
    stores = [memory.store for layer in layers for memory in layer.memories]
    vectors = np.concatenate([layer.vectors for layer in layers]).astype(np.float64)

    seconds = np.array([store.occurred_at for store in stores]) / 1000.0
    clusters = mutual_clusters(
        vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        seconds,
        occasion=occasions(seconds, [store.session for store in stores]),
    )

    assert len(clusters) >= 10
    assert len({store.content for store in stores}) == 400
    assert set(Counter(store.session for store in stores).values()) == {SESSION_TURNS}
