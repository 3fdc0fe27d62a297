"""Candidates of searches that overlap each other and the fold: never older than they say."""

import asyncio
from collections.abc import Iterator
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from services.retrieval.adapters import candidates
from services.retrieval.adapters.candidates import CandidateReader
from services.retrieval.search.cached_namespaces import Tables
from services.retrieval.search.plan import Candidates
from tests.builders import TIME_MS, accessed_event, forgotten_event, memory_id, restored_event
from tests.sequences import DIMENSION, around, small_stored
from tests.unit.services.projection.folded_build import FoldedBuild
from tests.unit.services.projection.folds import table_of
from tests.unit.services.retrieval.asking import NAMESPACE, of_namespace, question

NAMES = "abcdefg"
TURNS = st.lists(st.integers(0, 4), min_size=1, max_size=40)
KINDS = st.sampled_from(["stored", "stored", "used", "used", "forgotten", "restored"])
WISHES = st.lists(st.tuples(KINDS, st.sampled_from(NAMES)), max_size=25)
Sight = dict[str, tuple[int, str]]


def events_of(wishes: list[tuple[str, str]]) -> Iterator[MemoryEvent]:
    for number, (kind, name) in enumerate(wishes):
        memory, envelope = memory_id(name), around(TIME_MS + number, number)
        match kind:
            case "stored":
                yield small_stored(memory, envelope=envelope, session="monday")
            case "used":
                yield accessed_event(memory, kind="used", envelope=envelope)
            case "forgotten":
                yield forgotten_event(memory, envelope=envelope)
            case _:
                yield restored_event(memory, envelope=envelope)


def sight_of(found: Candidates) -> Sight:
    """What a ranking would see of each candidate."""
    memories = found.table.memories(found.rows)
    states = memories.states
    return {
        name: (int(states["access_count"][i]), str(states["status"][i]))
        for i, name in enumerate(memories.ids)
    }


def truth_of(build: FoldedBuild) -> Sight:
    memories = of_namespace(build.view)
    table = table_of(memories)
    found = table.memories(table.rows([str(name) for _, name in memories]))
    return {
        name: (int(found.states["access_count"][i]), str(found.states["status"][i]))
        for i, name in enumerate(found.ids)
    }


@settings(max_examples=30)
@given(WISHES, TURNS, st.integers(1, 4), st.integers(1, 4))
@pytest.mark.parametrize(
    "bounds",
    [(500, 10_000, 500), (3, 4, 500), (2, 10_000, 1), (2, 10_000, 500)],
)
def test_searches_that_overlap_see_nothing_older_than_their_position(
    bounds: tuple[int, int, int],
    wishes: list[tuple[str, str]],
    turns: list[int],
    searchers: int,
    each: int,
) -> None:
    build = FoldedBuild(cycle(turns))
    reader = CandidateReader(build, Tables(DIMENSION))
    history: list[Sight] = [{}]

    async def write() -> None:
        for event in events_of(wishes):
            build.take(event)
            history.append(truth_of(build))
            await build.turns()
            await asyncio.sleep(0)

    async def ask() -> None:
        for _ in range(each):
            position, found = await reader.candidates(question())
            sight = sight_of(found)
            reader.expect(NAMESPACE, list(sight)[:3], f"0:{build.folded}")
            cursor = int(position.split(":")[1]) + 1 if position else 0
            assert len(set(found.rows.tolist())) == len(found.rows)
            later = history[cursor:]
            for name, seen in sight.items():
                assert seen in [then[name] for then in later if name in then]
            active = {name for name, (_, status) in history[cursor].items() if status == "0"}
            assert active <= sight.keys() | gone_since(later)

    def gone_since(later: list[Sight]) -> set[str]:
        return {name for then in later for name, (_, status) in then.items() if status != "0"}

    async def run() -> None:
        await asyncio.gather(write(), *(ask() for _ in range(searchers)))
        # At rest nothing is held back.
        _, found = await reader.candidates(question())
        assert sight_of(found) == {
            name: seen for name, seen in history[-1].items() if name in sight_of(found)
        }

    with pytest.MonkeyPatch.context() as patch:
        for name, bound in zip(("SMALL", "HELD_WHOLE", "READ_AHEAD"), bounds, strict=True):
            patch.setattr(candidates, name, bound)
        patch.setattr(candidates, "RECENT", 1)
        asyncio.run(run())


def asked(build: FoldedBuild, reader: CandidateReader) -> list[str]:
    _, found = asyncio.run(reader.candidates(question()))
    return sorted(found.table.names(found.rows))


def build_of(*names: str) -> tuple[FoldedBuild, CandidateReader]:
    build = FoldedBuild(cycle([0]))
    for event in events_of([("stored", name) for name in names]):
        build.take(event)
    return build, CandidateReader(build, Tables(DIMENSION))


def ids(names: str) -> list[str]:
    return sorted(str(memory_id(name)) for name in names)


def test_small_namespace_is_ranked_whole_without_asking_the_index_again() -> None:
    build, reader = build_of(*"abc")
    asked(build, reader)
    build.searches = 0

    found = asked(build, reader)

    assert found == ids("abc")
    assert build.searches == 0


def test_second_search_reads_only_what_changed() -> None:
    build, reader = build_of(*"abc")
    asked(build, reader)
    build.records_read.clear()

    build.take(accessed_event(memory_id("b"), kind="used", envelope=around(TIME_MS + 99)))
    asked(build, reader)

    assert build.records_read == ids("b")


def test_memory_that_is_expected_to_change_is_read_with_the_first_round_trip() -> None:
    build, reader = build_of(*"abc")
    asked(build, reader)
    build.records_read.clear()
    reader.expect(NAMESPACE, ids("bc"), f"0:{build.folded}")

    build.take(accessed_event(memory_id("b"), kind="used", envelope=around(TIME_MS + 99)))
    _, found = asyncio.run(reader.candidates(question()))

    assert build.records_read == []
    assert sight_of(found) == truth_of(build)


def test_namespace_is_read_on_by_each_search_until_the_index_is_asked_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "SMALL", 2)
    monkeypatch.setattr(candidates, "NEAREST", 1)
    monkeypatch.setattr(candidates, "READ_AHEAD", 2)
    build, reader = build_of(*NAMES)
    asked(build, reader)
    searches = []
    for _ in range(4):
        build.searches = 0
        asked(build, reader)
        searches.append(build.searches)

    assert searches[-1] == 0
    assert sorted(set(build.records_read)) == sorted(build.records_read) == ids(NAMES)


def test_search_that_sees_a_namespace_outgrow_what_is_held_whole_finds_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "SMALL", 4)
    monkeypatch.setattr(candidates, "HELD_WHOLE", 4)
    monkeypatch.setattr(candidates, "RECENT", 1)
    build, reader = build_of(*"abc")
    asked(build, reader)

    for event in [*events_of([("stored", name) for name in "abcdef"])][3:]:
        build.take(event)

    assert asked(build, reader) == ids("abcdef")


def test_read_side_that_fell_back_is_read_anew() -> None:
    build, reader = build_of(*"abc")
    asked(build, reader)

    smaller, _ = build_of("a")
    build.view, build.folded = smaller.view, smaller.folded

    assert asked(build, reader) == ids("a")


def test_nothing_is_found_in_a_namespace_without_memories() -> None:
    build, reader = build_of()

    assert asked(build, reader) == []
    assert NAMESPACE not in build.view.touched


def test_few_memories_are_all_candidates_however_many_were_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, bound in (("SMALL", 4), ("NEAREST", 1), ("MATCHING", 1), ("RECENT", 1)):
        monkeypatch.setattr(candidates, name, bound)
    build, reader = build_of(*NAMES)
    for name in "abcd":
        build.take(forgotten_event(memory_id(name), envelope=around(TIME_MS + 99, name)))
    asked(build, reader)

    assert set(asked(build, reader)) >= set(ids("efg"))
