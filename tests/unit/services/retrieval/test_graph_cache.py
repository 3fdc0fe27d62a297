"""The copy of a graph: equal to the fold after whatever happens, and cheap to keep so."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.fold.fold import fold_log
from services.readside.collections import CONCEPTS, RELATIONS
from services.readside.concepts import Concept
from services.retrieval.adapters import redis_graph
from services.retrieval.adapters.graph_snapshots import FileSnapshots
from services.retrieval.graph.cache import GraphBounds, GraphCache
from services.retrieval.graph.cached_graph import CachedGraph, Relation
from tests.builders import (
    NAMESPACE,
    concept_event,
    concept_removed_event,
    namespace_deleted_event,
    relation_event,
    relation_removed_event,
    stored_event,
)
from tests.fakes.folded_side import FoldedSide
from tests.fakes.graph_reader import FoldedGraphReader

PREFIX = "hm::"
NAMES = ("tea", "cup", "jam", "a\x1fb", "日本")
Graph = tuple[dict[str, Concept], dict[Relation, float]]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def cache_of(
    read: FoldedSide | FoldedGraphReader,
    folder: Path | None = None,
    clock: Clock | None = None,
    *,
    bounds: GraphBounds | None = None,
) -> GraphCache:
    reader = FoldedGraphReader(read) if isinstance(read, FoldedSide) else read
    snapshots = FileSnapshots(folder, PREFIX)
    return GraphCache(reader, snapshots, bounds=bounds, clock=clock or Clock())


def numbered(events: list[MemoryEvent]) -> list[MemoryEvent]:
    """With ids of their own, also where two say the same."""
    return [
        event.model_copy(update={"id": derive(str(number))}) for number, event in enumerate(events)
    ]


def folded(events: list[MemoryEvent]) -> Graph:
    """The graph of a log: what every copy of it must be."""
    namespace = fold_log(enumerate(events)).namespace(NAMESPACE)
    out = {
        (end, *field.decode().split("\x1f", 2)[1:]): weight
        for (end, field), weight in namespace[RELATIONS].items()
        if field.startswith(b"out")
    }
    return namespace[CONCEPTS], {(s, kind, t): weight for (s, kind, t), weight in out.items()}


def copied(graph: CachedGraph) -> Graph:
    return graph.concepts(), graph.relations()


def damage(folder: Path, place: int) -> None:
    """Change a bit of the one snapshot."""
    (file,) = folder.iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


async def current(cache: GraphCache) -> Graph:
    return copied((await cache.current(NAMESPACE))[1])


TEA = numbered([concept_event("tea"), concept_event("cup"), relation_event("tea", "cup")])
RUN = derive("run")
ADDED_BY = st.sampled_from([None, RUN])
KINDS = st.sampled_from(["LIKES", "HAS"])
EVENT = st.one_of(
    st.builds(
        lambda name, level, run: concept_event(name, activation=level, run_id=run),
        st.sampled_from(NAMES),
        st.sampled_from([0.0, 0.5, 1.0]),
        ADDED_BY,
    ),
    st.builds(
        lambda source, target, kind, weight, run: relation_event(
            source, target, relation_type=kind, weight=weight, run_id=run
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        KINDS,
        st.sampled_from([0.0, 0.1, 1.0]),
        ADDED_BY,
    ),
    st.builds(lambda name: concept_removed_event(name, RUN), st.sampled_from(NAMES)),
    st.builds(
        lambda source, target, kind: relation_removed_event(
            source, target, relation_type=kind, run_id=RUN
        ),
        st.sampled_from(NAMES),
        st.sampled_from(NAMES),
        KINDS,
    ),
    st.builds(stored_event),
)
STEPS = st.lists(
    st.one_of(EVENT, st.sampled_from(["ask", "restart", "lose snapshot", "rebuild", "redis away"])),
    max_size=30,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, at_once=st.integers(1, 4))
async def test_copy_is_the_graph_whatever_happens_in_between(
    tmp_path_factory: pytest.TempPathFactory, steps: list[MemoryEvent | str], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("graphs")
    build, bounds = FoldedSide(), GraphBounds(changes_at_once=at_once)
    cache = cache_of(build, folder, bounds=bounds)
    for number, step in enumerate([*steps, "ask", "restart", "ask"]):
        match step:
            case "ask":
                assert await current(cache) == folded(build.events)
            case "restart":
                await cache.close()
                cache = cache_of(build, folder, bounds=bounds)
            case "lose snapshot":
                for file in folder.iterdir():
                    file.unlink()
            case "rebuild":
                build.live += 1
            case "redis away":
                build.away = 2
                with pytest.raises(Unavailable):
                    await cache.current(NAMESPACE)
                build.away = 0
            case _:
                assert not isinstance(step, str)
                build.take(step.model_copy(update={"id": derive(str(number))}))


async def test_only_what_has_changed_is_read_again() -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(reader := FoldedGraphReader(build))
    await cache.current(NAMESPACE)
    reader.values_read.clear()

    await cache.current(NAMESPACE)
    nothing = list(reader.values_read)
    build.take(*numbered([*TEA, concept_event("jam")])[3:])
    await cache.current(NAMESPACE)

    assert nothing == []
    assert reader.values_read == ["jam"]


async def test_what_is_removed_while_the_graph_is_read_is_not_in_the_answer() -> None:
    run = derive("run")
    build = FoldedSide(*TEA, concept_event("pot", run_id=run))
    removed = concept_removed_event("pot", run)
    build.after_reads[1] = [removed]  # between what has changed and what it is now

    assert await current(cache_of(build)) == folded(build.events)

    assert build.events[-1] is removed


def test_hub_is_read_in_a_few_commands_not_one_for_each_neighbour() -> None:
    spokes = [f"spoke {number}" for number in range(200)]
    relations = [
        ("hub", "LIKES", name) if len(name) % 2 else (name, "LIKES", "hub") for name in spokes
    ]

    fields = redis_graph.fields_by_end(relations)

    assert fields.keys() == {"hub"}
    assert sorted(fields["hub"]) == sorted(relations)


async def test_restart_with_a_snapshot_reads_nothing_but_the_news(tmp_path: Path) -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build, tmp_path)
    await cache.current(NAMESPACE)
    await cache.close()
    build.take(*numbered([*TEA, concept_event("jam")])[3:])
    reader = FoldedGraphReader(build)

    assert await current(cache_of(reader, tmp_path)) == folded(build.events)

    assert reader.values_read == ["jam"]


async def test_snapshot_of_another_log_is_not_used(tmp_path: Path) -> None:
    # Same length, same names, another weight: somebody began anew and kept the folder.
    cache = cache_of(FoldedSide(*TEA), tmp_path)
    await cache.current(NAMESPACE)
    await cache.close()
    other = [
        event.model_copy(update={"id": derive("other", str(number))})
        for number, event in enumerate([*TEA[:2], relation_event("tea", "cup", weight=1.0)])
    ]

    assert await current(cache_of(FoldedSide(*other), tmp_path)) == folded(other)


async def test_graph_of_a_deleted_namespace_is_no_start_for_the_one_begun_anew(
    tmp_path: Path,
) -> None:
    # As many elements as before: their number would not tell.
    build = FoldedSide(*TEA)
    cache = cache_of(build, tmp_path)
    await cache.current(NAMESPACE)
    await cache.close()
    anew = [concept_event(name) for name in ("jam", "jar", "lid")]
    build.take(*numbered([*TEA, namespace_deleted_event(), *anew])[3:])

    assert await current(cache) == await current(cache_of(build, tmp_path)) == folded(build.events)
    assert len(FileSnapshots(tmp_path, PREFIX).load(NAMESPACE)) == 0


async def test_log_that_begins_anew_below_us_is_noticed() -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build)
    await cache.current(NAMESPACE)

    build.begin_anew(numbered([concept_event("jam")]))

    assert await current(cache) == folded(build.events)


async def test_rebuild_that_makes_another_graph_of_the_same_log_is_noticed() -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build)
    await cache.current(NAMESPACE)

    heavier = relation_event("tea", "cup", weight=1.0, envelope={"id": TEA[2].id})
    build.begin_anew([*TEA[:2], heavier])
    build.live = 2

    assert await current(cache) == folded(build.events)


async def test_redis_that_fell_back_to_an_older_save_is_noticed() -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build)
    await cache.current(NAMESPACE)

    build.begin_anew(TEA[:2])

    assert await current(cache) == folded(TEA[:2])


async def test_snapshot_of_another_namespace_prefix_or_format_is_not_read(tmp_path: Path) -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build, tmp_path)
    await cache.current(NAMESPACE)
    await cache.close()
    snapshots = FileSnapshots(tmp_path, PREFIX)
    file = snapshots.file(NAMESPACE)
    assert file is not None

    assert len(snapshots.load(NAMESPACE)) == 3
    assert len(snapshots.load("other")) == 0
    assert len(FileSnapshots(tmp_path, "hm:other:").load(NAMESPACE)) == 0
    other = snapshots.file("other")
    assert other is not None
    file.rename(other)
    assert len(snapshots.load("other")) == 0


@pytest.mark.parametrize("place", [0, 70, -1])
async def test_damaged_snapshot_is_not_read(tmp_path: Path, place: int) -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build, tmp_path)
    await cache.current(NAMESPACE)
    await cache.close()
    damage(tmp_path, place)

    assert len(FileSnapshots(tmp_path, PREFIX).load(NAMESPACE)) == 0
    assert await current(cache_of(build, tmp_path)) == folded(build.events)


async def test_folder_that_cannot_be_written_to_costs_only_the_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    build = FoldedSide(*TEA)
    cache = cache_of(build, file / "graphs")

    assert await current(cache) == folded(build.events)
    await cache.close()


async def test_snapshots_are_taken_now_and_then(tmp_path: Path) -> None:
    clock, build = Clock(), FoldedSide(*TEA)
    cache = cache_of(build, tmp_path, clock)
    snapshots = FileSnapshots(tmp_path, PREFIX)
    sizes = []

    for number, seconds in enumerate([0.0, 1.0, GraphBounds().save_seconds]):
        clock.seconds = seconds
        build.take(*numbered([*build.events, concept_event(f"new {number}")])[-1:])
        await cache.current(NAMESPACE)
        await cache._background.drain(20)
        sizes.append(len(snapshots.load(NAMESPACE)))

    assert sizes == [4, 4, 6]


async def test_graphs_asked_about_least_lately_are_dropped() -> None:
    cache = cache_of(FoldedSide(*TEA), bounds=GraphBounds(graphs=2))

    for namespace in (NAMESPACE, "b", "c", NAMESPACE):
        await cache.current(namespace)

    assert list(cache._cached) == ["c", NAMESPACE]
    assert await current(cache) == folded(TEA)


async def test_many_who_ask_at_once_get_the_same_graph() -> None:
    build = FoldedSide(*TEA)
    cache = cache_of(build)

    graphs = await asyncio.gather(*(current(cache) for _ in range(20)))

    assert all(graph == folded(TEA) for graph in graphs)
