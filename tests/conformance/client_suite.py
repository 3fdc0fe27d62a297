"""What every client of this API must do: run by `test_conformance.py` in a process of its own.

It knows `human_memory` only, as whoever uses it does: the published package or ours, whichever is
first on the path. Only what the published client has is used here.
"""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

import human_memory
from human_memory import AsyncMemory, Memory
from human_memory.exceptions import (
    HumanMemoryError,
    MemoryNotFound,
    ServiceUnavailable,
    ValidationError,
)

ADDRESS = os.environ["CONFORMANCE_ADDRESS"]
# Something answers there, or nothing, but no memory.
BROKEN_ADDRESS = os.environ["CONFORMANCE_BROKEN_ADDRESS"]
PACKAGE = Path(os.environ["CONFORMANCE_PACKAGE"])


class Blocking:
    """An `AsyncMemory` whose methods are waited for, so that one test serves both classes."""

    def __init__(self, memory: AsyncMemory, loop: asyncio.AbstractEventLoop) -> None:
        self._memory = memory
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._memory, name)

        def wait(*args: Any, **kwargs: Any) -> Any:
            return self._loop.run_until_complete(method(*args, **kwargs))

        return wait


def arguments(namespace: str) -> dict[str, Any]:
    """Of a client for a namespace; the published one can't send headers."""
    if ADDRESS.startswith("kafka://"):
        return {"base_url": ADDRESS, "namespace": namespace}
    return {"base_url": f"{ADDRESS}/ns/{quote(namespace, safe='')}"}


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(params=["Memory", "AsyncMemory"])
def memory(request: pytest.FixtureRequest, loop: asyncio.AbstractEventLoop) -> Iterator[Any]:
    """A client of a namespace that only this test uses."""
    options = arguments(f"conformance/{secrets.token_hex(6)}")
    if request.param == "Memory":
        with Memory(**options) as client:
            yield client
    else:
        manager = AsyncMemory(**options)
        yield Blocking(loop.run_until_complete(manager.__aenter__()), loop)
        loop.run_until_complete(manager.__aexit__(None, None, None))


def test_the_package_under_test_is_the_one_that_was_asked_for() -> None:
    assert Path(human_memory.__file__).is_relative_to(PACKAGE)


def test_stored_memory_has_an_id_a_time_and_activation_1(memory: Any) -> None:
    created = memory.store("User prefers dark mode in all applications")

    assert len(created.memory_id) == 36
    assert created.activation == 1.0
    assert created.created_at.endswith("Z")


def test_store_then_search_finds_it_ranked_by_activation(memory: Any) -> None:
    stored = memory.store("User prefers dark mode in all applications")
    memory.store("The train to Basel leaves at nine")

    found = memory.search("what are the user's preferences?")

    assert found[0].memory_id == stored.memory_id
    assert found[0].content == "User prefers dark mode in all applications"
    assert found[0].access_count == 2
    assert -1 <= found[0].similarity <= 1
    assert [row.activation for row in found] == sorted(
        (row.activation for row in found), reverse=True
    )


def test_search_returns_at_most_top_k(memory: Any) -> None:
    for number in range(4):
        memory.store(f"Lunch on day {number} was soup")

    assert len(memory.search("What was for lunch?", top_k=2)) == 2


def test_search_above_an_activation_that_nothing_has_finds_nothing(memory: Any) -> None:
    memory.store("Lunch was soup")

    assert memory.search("What was for lunch?", min_activation=1e6) == []


def test_search_in_an_empty_namespace_finds_nothing(memory: Any) -> None:
    assert memory.search("Anything?") == []


def test_each_recall_is_counted_and_strengthens(memory: Any) -> None:
    created = memory.store("Noemi lives in Bern", memory_type="semantic")

    first, second = memory.recall(created.memory_id), memory.recall(created.memory_id)

    assert (first.access_count, second.access_count) == (2, 3)
    assert second.activation > first.activation
    assert second.memory_type == "semantic"
    assert second.created_at == created.created_at
    assert second.last_accessed >= first.last_accessed


def test_inspect_shows_everything_and_counts_nothing(memory: Any) -> None:
    created = memory.store("What a wonderful day!", context="diary")
    memory.recall(created.memory_id)

    detail, again = memory.inspect(created.memory_id), memory.inspect(created.memory_id)

    assert detail.access_count == again.access_count == 2
    assert detail.status == "active"
    assert detail.decay_rate == 0.5
    assert 0 <= detail.salience <= 1
    assert -1 <= detail.emotion_valence <= 1
    assert 0 <= detail.emotion_arousal <= 1
    assert [access.context for access in detail.access_history] == ["direct_recall", "diary"]
    assert [access.accessed_at for access in detail.access_history] == sorted(
        (access.accessed_at for access in detail.access_history), reverse=True
    )


def test_first_access_without_context_is_called_the_initial_store(memory: Any) -> None:
    created = memory.store("Tea is at four")

    (access,) = memory.inspect(created.memory_id).access_history

    assert access.context == "initial_store"


def test_forgotten_memory_is_not_found_but_still_inspected_and_listed(memory: Any) -> None:
    created = memory.store("The password was tulip")

    assert memory.forget(created.memory_id) is True

    with pytest.raises(MemoryNotFound):
        memory.recall(created.memory_id)
    with pytest.raises(MemoryNotFound):
        memory.forget(created.memory_id)
    assert memory.search("What was the password?") == []
    assert memory.inspect(created.memory_id).status == "deleted"
    assert [item.status for item in memory.list()] == ["deleted"]


def test_list_pages_by_activation_and_touches_nothing(memory: Any) -> None:
    ids = [memory.store(f"Guest number {number} arrived").memory_id for number in range(3)]
    memory.recall(ids[0])

    items = memory.list()
    pages = memory.list(offset=0, limit=2) + memory.list(offset=2, limit=2)

    assert items[0].memory_id == ids[0]
    assert {item.memory_id for item in items} == set(ids)
    assert [item.memory_id for item in pages] == [item.memory_id for item in items]
    assert [item.access_count for item in memory.list()] == [2, 1, 1]


def test_list_cuts_long_texts(memory: Any) -> None:
    memory.store("long " * 100)

    (item,) = memory.list()

    assert len(item.content) == 200


def test_stats_count_by_status(memory: Any) -> None:
    kept, gone = memory.store("This stays"), memory.store("This goes")
    memory.forget(gone.memory_id)

    stats = memory.stats()

    assert (stats.total, stats.active, stats.decayed, stats.deleted) == (2, 1, 0, 1)
    assert stats.avg_activation == pytest.approx(memory.inspect(kept.memory_id).activation, abs=2.0)


def test_stats_of_an_empty_namespace_are_zeros(memory: Any) -> None:
    stats = memory.stats()

    assert stats.total == 0
    assert stats.avg_activation == 0.0


def test_graph_of_the_readme_gives_the_numbers_of_the_readme(memory: Any) -> None:
    memory.add_concept("Python", type="language", activation=0.9)
    memory.add_concept("AI", type="field")
    memory.add_concept("FastAPI", type="framework")
    memory.add_concept("Web Development", type="field")
    memory.add_relation("Python", "AI", "USED_FOR", weight=0.9)
    memory.add_relation("FastAPI", "Python", "WORKS_WITH", weight=0.95)
    memory.add_relation("FastAPI", "Web Development", "USED_FOR", weight=0.85)

    related = memory.spread(["Python"], depth=2, limit=10)

    assert [row.name for row in related] == ["FastAPI", "AI", "Web Development"]
    assert [row.path_weight for row in related] == pytest.approx([0.95, 0.9, 0.8075], abs=0.001)
    assert [row.activation for row in related] == [0.8, 0.8, 0.8]


def test_new_concept_has_no_relations_and_an_upsert_overwrites(memory: Any) -> None:
    made = memory.add_concept("Python", type="language", activation=0.9)

    again = memory.add_concept("Python", activation=0.0)

    assert (made.name, made.type, made.activation, made.relationships) == (
        *("Python", "language", 0.9),
        [],
    )
    assert (again.type, again.activation) == ("concept", 0.0)


def test_concept_shows_its_relations_as_they_were_stored(memory: Any) -> None:
    memory.add_concept("FastAPI")
    memory.add_concept("Python")
    relation = memory.add_relation("FastAPI", "Python", "WORKS_WITH", weight=0.0)

    (of_source,) = memory.get_concept("FastAPI").relationships
    (of_target,) = memory.get_concept("Python").relationships

    assert relation.weight == 0.0
    for edge in (relation, of_source, of_target):
        assert (edge.source, edge.target, edge.relation_type) == ("FastAPI", "Python", "WORKS_WITH")


@pytest.mark.parametrize(
    "name", ["Web Development", "Zürich", "a/b", "a?b", "what?", "50%20off", "x&y=z"]
)
def test_concept_is_found_by_a_name_that_is_hard_to_put_into_a_path(memory: Any, name: str) -> None:
    memory.add_concept(name, type="odd")

    assert memory.get_concept(name).name == name


def test_spread_without_known_concepts_finds_nothing(memory: Any) -> None:
    assert memory.spread([]) == []
    assert memory.spread(["never heard of"]) == []


def test_every_part_that_users_look_for_is_ready(memory: Any) -> None:
    checks = memory.ready()

    assert {checks[name] for name in ("postgres", "qdrant", "neo4j")} == {"ok"}


@pytest.mark.parametrize("memory_id", ["nonexistent-id", str(uuid4())])
@pytest.mark.parametrize("method", ["recall", "inspect", "forget"])
def test_unknown_memory_raises_memory_not_found(memory: Any, method: str, memory_id: str) -> None:
    with pytest.raises(MemoryNotFound, match=memory_id) as raised:
        getattr(memory, method)(memory_id)

    assert raised.value.status_code == 404
    assert isinstance(raised.value, HumanMemoryError)


def test_empty_id_raises_memory_not_found(memory: Any) -> None:
    with pytest.raises(MemoryNotFound):
        memory.recall("")


def test_unknown_concept_raises_memory_not_found(memory: Any) -> None:
    memory.add_concept("known")

    with pytest.raises(MemoryNotFound, match="unheard"):
        memory.get_concept("unheard")
    with pytest.raises(MemoryNotFound):
        memory.add_relation("known", "unheard", "LIKES")


@pytest.mark.parametrize(
    ("method", "arguments", "field"),
    [
        ("store", {"content": ""}, "content"),
        ("store", {"content": "   "}, "content"),
        ("store", {"content": "x", "memory_type": "y" * 33}, "memory_type"),
        ("search", {"query": ""}, "query"),
        ("search", {"query": "x", "top_k": 0}, "top_k"),
        ("list", {"limit": 0}, "limit"),
        ("list", {"offset": -1}, "offset"),
        ("add_concept", {"name": "x", "activation": 1.5}, "activation"),
        ("add_relation", {"source": "a", "target": "b", "relation_type": "1"}, "relation_type"),
        ("spread", {"concepts": ["x"], "depth": 5}, "depth"),
        ("forget_strategy", {"strategy": "hypnosis"}, "strategy"),
    ],
)
def test_value_out_of_bounds_raises_a_validation_error_that_names_the_field(
    memory: Any, method: str, arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError, match=field) as raised:
        getattr(memory, method)(**arguments)

    assert raised.value.status_code == 422


@pytest.mark.parametrize("method", ["ready", "decay"])
def test_memory_that_is_down_raises_service_unavailable(
    method: str, loop: asyncio.AbstractEventLoop
) -> None:
    async def ask() -> None:
        async with AsyncMemory(BROKEN_ADDRESS, timeout=10) as memory:
            await getattr(memory, method)()

    with pytest.raises(ServiceUnavailable) as raised:
        loop.run_until_complete(ask())
    with pytest.raises(ServiceUnavailable), Memory(BROKEN_ADDRESS, timeout=10) as memory:
        getattr(memory, method)()

    assert raised.value.status_code == 503
    assert str(raised.value).startswith("Service unavailable: ")


def test_decay_looks_at_all_active_memories_and_spares_the_fresh(memory: Any) -> None:
    kept, gone = memory.store("This stays"), memory.store("This goes")
    memory.forget(gone.memory_id)

    report = memory.decay()

    assert (report.memories_processed, report.memories_decayed) == (1, 0)
    assert memory.recall(kept.memory_id).access_count == 2


def test_strategic_prune_lowers_what_has_to_do_with_no_goal(memory: Any) -> None:
    related = memory.store("Python is a programming language with great libraries")
    unrelated = memory.store("The cat sleeps on the warm windowsill")
    before = memory.inspect(unrelated.memory_id).activation

    report = memory.forget_strategy("strategic_prune", goals=["Python programming"])

    assert (report.strategy, report.memories_affected) == ("strategic_prune", 1)
    assert memory.inspect(unrelated.memory_id).activation < before
    assert memory.list(limit=1)[0].memory_id == related.memory_id


def test_strategic_prune_without_goals_affects_nothing(memory: Any) -> None:
    memory.store("Anything")

    assert memory.forget_strategy("strategic_prune").memories_affected == 0


def test_capacity_overflow_archives_the_weakest_beyond_it(memory: Any) -> None:
    strong = memory.store("Recalled often")
    for _ in range(3):
        memory.recall(strong.memory_id)
    for number in range(2):
        memory.store(f"Never recalled {number}")

    report = memory.forget_strategy("capacity_overflow", capacity=1)

    assert report.memories_affected == 2
    assert [item.status for item in memory.list()].count("decayed") == 2
    assert memory.recall(strong.memory_id).access_count == 5


@pytest.mark.parametrize(
    ("strategy", "params"),
    [
        ("interference", {"memory_id": str(uuid4())}),
        ("rif", {"retrieved": [str(uuid4())]}),
    ],
)
def test_strategy_about_an_unknown_memory_raises_memory_not_found(
    memory: Any, strategy: str, params: dict[str, Any]
) -> None:
    with pytest.raises(MemoryNotFound):
        memory.forget_strategy(strategy, **params)


def test_interference_lowers_what_is_alike(memory: Any) -> None:
    older = memory.store("The meeting with Tom is on Monday at nine")
    newer = memory.store("The meeting with Tom is on Monday at ten")
    before = memory.inspect(older.memory_id).activation

    report = memory.forget_strategy("interference", memory_id=newer.memory_id)

    assert report.memories_affected == 1
    assert memory.inspect(older.memory_id).activation < before


def test_consolidation_reports_its_phases(memory: Any) -> None:
    for number in range(4):
        memory.store(f"Had coffee with Ana at the corner, day {number}")

    report = memory.consolidate()

    counts = [
        report.episodes_replayed,
        report.facts_extracted,
        report.memories_pruned,
        report.memories_downscaled,
        report.phase_4_compiled,
    ]
    assert all(count >= 0 for count in counts)
    assert report.episodes_replayed > 0


def test_consolidation_of_nothing_does_nothing(memory: Any) -> None:
    gone = memory.store("This goes")
    memory.forget(gone.memory_id)

    report = memory.consolidate()

    assert (report.episodes_replayed, report.facts_extracted, report.phase_4_compiled) == (0, 0, 0)


def test_request_that_is_refused_otherwise_raises_the_base_with_its_status(memory: Any) -> None:
    with pytest.raises(HumanMemoryError, match="HTTP 413") as raised:
        memory.store("x" * 1_100_000)

    assert type(raised.value) is HumanMemoryError
    assert raised.value.status_code == 413


def test_exceptions_are_one_tree_with_status_codes() -> None:
    assert issubclass(MemoryNotFound, HumanMemoryError)
    assert issubclass(ServiceUnavailable, HumanMemoryError)
    assert issubclass(ValidationError, HumanMemoryError)
    assert str(MemoryNotFound("x")) == "Not found: x"
    assert str(ServiceUnavailable()) == "Service unavailable: unknown"
    assert ServiceUnavailable().status_code == 503
    assert HumanMemoryError("x").status_code is None
