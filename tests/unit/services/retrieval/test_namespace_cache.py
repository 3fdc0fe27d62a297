"""The cache of namespaces: those asked about lately, and never of another build."""

from schemas.events import MemoryEvent
from services.projection.fold.view import View
from services.retrieval.ports import Place
from services.retrieval.search.column_cache import ROOM
from services.retrieval.search.namespace_cache import NamespaceCache
from services.retrieval.search.plan import Bounds
from tests.builders import TIME_MS, memory_id
from tests.sequences import DIMENSION, around, small_stored
from tests.unit.services.projection.folds import folded, record_of


def stored(name: str) -> MemoryEvent:
    return small_stored(memory_id(name), envelope=around(TIME_MS, name))


def records_of(view: View) -> dict[str, bytes]:
    return {str(name): record_of(memory) for (_, name), memory in view.memories.items()}


def test_namespaces_asked_about_least_lately_are_dropped_beyond_the_bound() -> None:
    cache = NamespaceCache(DIMENSION, Bounds(rows=2 * ROOM))
    keys = [Place(0, 1, name) for name in "abc"]
    view = folded(stored("ann"), stored("bob"))
    for key in keys:
        cache.of(key).columns.put(records_of(view), at=1, fresh=True)
        cache.of(key).revision = 2
    cache.of(keys[0])

    cache.trim()

    assert [cache.of(key).revision for key in keys] == [2, None, 2]


def test_namespaces_without_memories_do_not_pile_up() -> None:
    cache = NamespaceCache(DIMENSION, Bounds(namespaces=3))
    held = [cache.of(Place(0, 1, name)) for name in "abcde"]

    cache.trim()

    kept = [
        cache.of(Place(0, 1, name)) is before
        for name, before in zip("edc", held[:1:-1], strict=True)
    ]
    assert kept == [True] * 3
    assert cache.of(Place(0, 1, "a")) is not held[0]


def test_one_namespace_beyond_the_bound_is_dropped_too() -> None:
    cache = NamespaceCache(DIMENSION, Bounds(rows=1))
    cache.of(Place(0, 1, "a")).columns.put(
        records_of(folded(stored("ann"), stored("bob"))), at=1, fresh=True
    )

    cache.trim()

    assert len(cache.of(Place(0, 1, "a")).columns) == 0


def test_builds_and_partitions_have_caches_of_their_own_until_one_is_forgotten() -> None:
    cache = NamespaceCache(DIMENSION, Bounds())
    keys = [Place(0, 1, "a"), Place(0, 2, "a"), Place(1, 1, "a"), Place(0, 1, "b")]

    held = [cache.of(key) for key in keys]
    cache.forget(keys[0])

    assert len({id(each) for each in held}) == len(keys)
    assert cache.of(keys[0]) is not held[0]
    assert [cache.of(key) for key in keys[1:]] == held[1:]
