"""Candidates of searches that overlap each other and the fold: never older than they say."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from services.retrieval.search.candidates import Candidates
from services.retrieval.search.finder import CandidateFinder
from services.retrieval.search.namespace_cache import NamespaceCache
from services.retrieval.search.plan import Bounds
from tests.builders import (
    TIME_MS,
    accessed_event,
    embedding,
    forgotten_event,
    memory_id,
    restored_event,
    search,
)
from tests.fakes.folded_side import FoldedSide
from tests.fakes.search_reader import FoldedSearchReader
from tests.sequences import DAY_MS, DIMENSION, around, small_stored
from tests.unit.services.projection.folds import columns_of
from tests.unit.services.retrieval.asking import NAMESPACE, of_namespace, planned

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
    """State of each candidate as a ranking would see it."""
    memories = found.columns.memories(found.rows)
    states = memories.states
    return {
        name: (int(states["access_count"][i]), str(states["status"][i]))
        for i, name in enumerate(memories.ids)
    }


def truth_of(side: FoldedSide) -> Sight:
    memories = of_namespace(side.view)
    columns = columns_of(memories)
    found = columns.memories(columns.rows([str(name) for _, name in memories]))
    return {
        name: (int(found.states["access_count"][i]), str(found.states["status"][i]))
        for i, name in enumerate(found.ids)
    }


@settings(max_examples=30)
@given(WISHES, TURNS, st.integers(1, 4), st.integers(1, 4))
@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(recent=1),
        Bounds(small=3, whole=4, recent=1),
        Bounds(small=2, read_ahead=1, recent=1),
        Bounds(small=2, recent=1),
    ],
    ids=["all fit", "few are cached whole", "read ahead one by one", "few are small"],
)
def test_searches_that_overlap_see_nothing_older_than_their_position(
    bounds: Bounds,
    wishes: list[tuple[str, str]],
    turns: list[int],
    searchers: int,
    each: int,
) -> None:
    side = FoldedSide(turns=cycle(turns))
    finder = CandidateFinder(FoldedSearchReader(side), NamespaceCache(DIMENSION, bounds), bounds)
    history: list[Sight] = [{}]

    async def write() -> None:
        for event in events_of(wishes):
            side.take(event)
            history.append(truth_of(side))
            await side.others()
            await asyncio.sleep(0)

    async def ask() -> None:
        for _ in range(each):
            position, found = await finder.find(planned())
            sight = sight_of(found)
            finder.expect(NAMESPACE, list(sight)[:3], f"0:{side.cursor}")
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
        _, found = await finder.find(planned())
        assert sight_of(found) == {
            name: seen for name, seen in history[-1].items() if name in sight_of(found)
        }

    asyncio.run(run())


@dataclass(frozen=True)
class Searched:
    """A namespace with some memories, and who finds candidates in it."""

    side: FoldedSide
    reader: FoldedSearchReader
    finder: CandidateFinder

    async def found(self, **fields: Any) -> list[str]:
        """Ids of the candidates of a search."""
        _, found = await self.finder.find(planned(search(namespace=NAMESPACE, **fields)))
        return sorted(found.columns.names(found.rows))


def searched(*names: str, bounds: Bounds | None = None) -> Searched:
    bounds = bounds or Bounds()
    side = FoldedSide(*events_of([("stored", name) for name in names]))
    reader = FoldedSearchReader(side)
    return Searched(
        side, reader, CandidateFinder(reader, NamespaceCache(DIMENSION, bounds), bounds)
    )


def ids(names: str) -> list[str]:
    return sorted(str(memory_id(name)) for name in names)


def used(name: str) -> MemoryEvent:
    return accessed_event(memory_id(name), kind="used", envelope=around(TIME_MS + 99, name))


async def test_small_namespace_is_ranked_whole_without_asking_the_index_again() -> None:
    known = searched(*"abc")
    await known.found()
    known.reader.searches = 0

    found = await known.found()

    assert found == ids("abc")
    assert known.reader.searches == 0


async def test_second_search_reads_only_what_changed() -> None:
    known = searched(*"abc")
    await known.found()
    known.reader.records_read.clear()

    known.side.take(used("b"))
    await known.found()

    assert known.reader.records_read == ids("b")


async def test_memory_that_is_expected_to_change_is_read_with_the_first_round_trip() -> None:
    known = searched(*"abc")
    await known.found()
    known.reader.records_read.clear()
    known.finder.expect(NAMESPACE, ids("bc"), f"0:{known.side.cursor}")

    known.side.take(used("b"))
    _, found = await known.finder.find(planned())

    assert known.reader.records_read == []
    assert sight_of(found) == truth_of(known.side)


async def test_namespace_is_read_on_by_each_search_until_the_index_is_asked_no_more() -> None:
    known = searched(*NAMES, bounds=Bounds(small=2, nearest=1, read_ahead=2))
    await known.found()
    searches = []
    for _ in range(4):
        known.reader.searches = 0
        await known.found()
        searches.append(known.reader.searches)

    assert searches[-1] == 0
    read = known.reader.records_read
    assert sorted(set(read)) == sorted(read) == ids(NAMES)


async def test_search_that_sees_a_namespace_outgrow_what_is_cached_whole_finds_all_of_it() -> None:
    known = searched(*"abc", bounds=Bounds(small=4, whole=4, recent=1))
    await known.found()

    known.side.take(*[*events_of([("stored", name) for name in "abcdef"])][3:])

    assert await known.found() == ids("abcdef")


async def test_read_side_that_fell_back_is_read_anew() -> None:
    known = searched(*"abc")
    await known.found()

    known.side.begin_anew(known.side.events[:1])

    assert await known.found() == ids("a")


async def test_another_build_that_went_live_is_read_from_its_beginning() -> None:
    known = searched(*"abc")
    await known.found()
    known.reader.records_read.clear()

    known.side.live = 2

    assert await known.found() == ids("abc")
    assert sorted(known.reader.records_read) == ids("abc")


async def test_too_many_changes_are_not_followed_but_read_anew() -> None:
    known = searched(*"abc", bounds=Bounds(changes=2))
    await known.found()
    known.reader.records_read.clear()

    known.side.take(used("a"), used("b"))

    assert await known.found() == ids("abc")
    assert sorted(known.reader.records_read) == ids("abc")


async def test_nothing_is_found_in_a_namespace_without_memories() -> None:
    known = searched()

    assert await known.found() == []
    assert NAMESPACE not in known.side.view.touched


async def test_few_memories_are_all_candidates_however_many_were_forgotten() -> None:
    known = searched(*NAMES, bounds=Bounds(small=4, nearest=1, matching=1, recent=1))
    for name in "abcd":
        known.side.take(forgotten_event(memory_id(name), envelope=around(TIME_MS + 99, name)))
    await known.found()

    assert set(await known.found()) >= set(ids("efg"))


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(recent=1),
        Bounds(small=2, nearest=1, matching=1, recent=1, read_ahead=1, frequent=1, context_of=0),
        Bounds(small=2, whole=4, nearest=1, recent=1),
    ],
    ids=["all fit", "read one by one", "too many to be cached whole"],
)
async def test_filter_that_the_index_does_not_know_is_asked_of_all_memories(
    bounds: Bounds,
) -> None:
    known = searched(bounds=bounds)
    for number, name in enumerate("abc"):
        said = {"session": name, "speaker": "Ada", "metadata": {"n": number}}
        event = small_stored(memory_id(name), envelope=around(TIME_MS + number, name), **said)
        known.side.take(event)

    for _ in range(2):  # of a namespace that nobody knows yet, and of one that is cached
        assert await known.found(filter={"n": {"$gte": 1}}) == ids("bc")
        assert await known.found(filter={"n": 9}) == []
        assert await known.found(session="a", speaker="Ada") == ids("a")
        assert await known.found(speaker="Bob") == []


async def test_filtered_search_ranks_the_best_of_many_that_pass() -> None:
    bounds = Bounds(small=3, nearest=2, matching=1, recent=0, frequent=0, context_of=0)
    known = searched(bounds=bounds)
    for number in range(20):
        event = small_stored(
            memory_id(str(number)), envelope=around(TIME_MS + number), metadata={"n": number % 2}
        )
        known.side.take(event)

    found = await known.found(filter={"n": 1})

    assert 2 <= len(found) <= 4
    assert set(found) <= {str(memory_id(str(number))) for number in range(1, 20, 2)}


async def test_memory_from_a_time_that_is_asked_about_is_a_candidate() -> None:
    bounds = Bounds(small=3, nearest=1, matching=1, recent=0, frequent=0, context_of=0)
    known = searched(*NAMES, bounds=bounds)
    unlike = embedding([0.0, 1.0], dimension=DIMENSION)
    yesterday = small_stored(
        memory_id("old"), envelope=around(TIME_MS - DAY_MS, "old"), embedding=unlike
    )
    known.side.take(yesterday)
    await known.found()  # from now on the namespace is cached whole

    found = await known.found(query="And yesterday?")

    assert str(memory_id("old")) in found
    assert str(memory_id("old")) not in await known.found(query="And then?")
