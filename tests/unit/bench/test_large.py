"""The large namespace: events as ingest writes them, in sessions, with vectors near the queries."""

from collections import Counter

import numpy as np

from bench.large import stored_events, vectors_near
from bench.material import LARGE_NAMESPACE, SESSION_TURNS, Material
from bench.texts import load_conversation
from bench.workbench import COSINE_ONLY
from schemas.codec import decode_event, encode
from schemas.events import MemoryStored
from schemas.parameters import Parameters
from services.projection.fold.fold import fold
from services.projection.fold.view import View

NOW_MS = 1_750_000_000_000
MODEL = "made-up"


def material() -> Material:
    return Material(load_conversation(), seed=1, now_ms=NOW_MS)


def unit_vectors(count: int, dimension: int) -> np.ndarray:
    vectors = np.random.default_rng(1).standard_normal((count, dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16)


def events(count: int) -> list[MemoryStored]:
    """As they are read from the log again."""
    memories = material().large(count)
    vectors = vectors_near(unit_vectors(5, 384), count, seed=1)
    made = stored_events(memories, vectors, model=MODEL, now_ms=NOW_MS)
    read = [decode_event(encode(event)) for event in made]
    assert all(isinstance(event, MemoryStored) for event in read)
    return [event for event in read if isinstance(event, MemoryStored)]


def test_every_event_is_one_that_the_fold_takes() -> None:
    view = View()

    for offset, event in enumerate(events(100)):
        fold(view, event, offset)

    assert {namespace for namespace, _ in view.memories} == {LARGE_NAMESPACE}
    assert len(view.memories) == 100
    assert not view.ignored


def test_memories_lie_in_sessions_oldest_first_and_none_in_the_future() -> None:
    made = events(3 * SESSION_TURNS)

    times = [event.time for event in made]
    assert times == sorted(times)
    assert times[-1] < NOW_MS
    sizes = Counter(event.data.session for event in made)
    assert list(sizes.values()) == [SESSION_TURNS] * 3


def test_memories_have_speakers_and_different_texts() -> None:
    made = events(100)

    assert len({event.data.speaker for event in made}) == 2
    assert len({event.data.content for event in made}) == 100
    assert all(event.data.content in event.data.indexed_text for event in made)


def test_every_vector_has_length_one_and_matches_one_query_well() -> None:
    queries = unit_vectors(5, 384)

    vectors = vectors_near(queries, 200, seed=1)

    cosines = vectors.astype(np.float32) @ queries.astype(np.float32).T
    assert np.allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=2e-3)
    assert (cosines.max(axis=1) > 0.1).all()
    assert np.median(cosines.max(axis=1)) > 0.25
    assert cosines.max() < 0.75


def test_cosine_only_leaves_nothing_else_that_ranks() -> None:
    parameters = COSINE_ONLY.applied_to(Parameters())

    weights = {
        name: value
        for name, value in parameters.model_dump().items()
        # Weights of traces are fixed when they are folded; the source's is for derived facts.
        if name.endswith("_weight") and name != "source_weight"
    }
    assert {name for name, value in weights.items() if value} == {"cosine_weight"}
