"""The cache of decoded memories: as if each had just been read, however it came to be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cognition.base_level import FloatArray
from schemas.events import MemoryEvent
from services.projection.fold.fold import fold_log
from services.projection.fold.view import Memory, Ref, View
from services.readside.layout import TERM, hash64
from services.retrieval.search.column_cache import NONE, NOT_HERE, ColumnCache, unit_vectors
from tests.builders import (
    TIME_MS,
    accessed_event,
    embedding,
    forgotten_event,
    memory_id,
    superseded_event,
)
from tests.sequences import DIMENSION, around, at_offsets, cuts, logs, small_stored
from tests.unit.services.projection.folds import (
    ANN,
    BOB,
    columns_of,
    folded,
    memories_of,
    record_of,
)
from tests.unit.services.retrieval.asking import CUE, of_namespace

EXAMPLES = settings(max_examples=20)
TERMS = ("tea", "four", "cup", "ann", "bob", "coffee")


def stored(name: str, seconds: int = 0, **data: object) -> MemoryEvent:
    envelope = around(TIME_MS + 1000 * seconds, name)
    return small_stored(memory_id(name), envelope=envelope, **data)


def put(columns: ColumnCache, memories: dict[Ref, Memory], *, at: int, fresh: bool = True) -> None:
    records = {str(name): record_of(memory) for (_, name), memory in memories.items()}
    columns.put(records, at=at, fresh=fresh)


def all_rows(columns: ColumnCache, names: list[str]) -> np.ndarray:
    rows: np.ndarray = columns.rows(names)
    assert len(rows) == len(names)
    return rows


def beside_by_name(columns: ColumnCache, names: list[str]) -> list[tuple[str | int, str | int]]:
    before, after = columns.around(all_rows(columns, names))

    def name(row: int) -> str | int:
        return columns.ids[row] if row >= 0 else row

    return [(name(int(b)), name(int(a))) for b, a in zip(before, after, strict=True)]


def words_by_name(columns: ColumnCache, names: list[str]) -> list[object]:
    """Which rows have which terms, of which speaker, and what their vectors are."""
    rows = all_rows(columns, names)
    matches = columns.matches(TERMS, rows)
    placed = zip(
        matches.memory.tolist(), matches.term.tolist(), matches.count.tolist(), strict=True
    )
    spoken = sorted(columns.names(columns.spoken_by(TERMS)))
    return [
        sorted(placed),
        spoken,
        columns.cosines(unit_vectors(CUE[np.newaxis])[0], rows).tolist(),
    ]


def session_cosines(view: View, names: list[str]) -> tuple[list[float], list[float]]:
    """Of each memory with the next, and of its two neighbours, from the vectors."""
    units = {
        str(ref[1]): unit_vectors(np.frombuffer(m.parts.vector, "<f2")[np.newaxis])[0]
        for ref, m in of_namespace(view).items()
    }
    following: dict[str, str] = {}
    for places in view.namespaces["acme/one"].sessions.values():
        order = [str(place[2]) for place in places]
        following |= dict(pairwise(order))
    previous = {after: before for before, after in following.items()}

    def cosine(one: str | None, other: str | None) -> float:
        return float(units[one] @ units[other]) if one and other else 0.0

    return (
        [cosine(name, following.get(name)) for name in names],
        [cosine(previous.get(name), following.get(name)) for name in names],
    )


@EXAMPLES
@given(logs(), st.data())
def test_cache_that_followed_the_fold_is_the_one_read_at_its_end(
    events: list[MemoryEvent], data: st.DataObject
) -> None:
    log = at_offsets(events)
    view = View()
    followed = ColumnCache(DIMENSION)
    for cut in data.draw(cuts(len(log))):
        before = {ref: m.changed_at for ref, m in view.memories.items()}
        view = fold_log(log[: cut.stop])
        changed = {
            ref: memory
            for ref, memory in of_namespace(view).items()
            if before.get(ref) != memory.changed_at
        }
        some = data.draw(st.permutations(list(changed)))
        for ref in some:  # one by one, in any order: neighbours come before or after each other
            put(followed, {ref: changed[ref]}, at=cut.stop)
        if data.draw(st.booleans()):
            followed.cosines_ahead(followed.rows(followed.ids))
            followed.cosines_across(followed.rows(followed.ids))

    memories = of_namespace(view)
    names = [str(name) for _, name in memories]
    fresh = columns_of(memories)
    rows, expected = all_rows(followed, names), memories_of(memories)
    found = followed.memories(rows)
    assert found.ids == names
    assert found.states.tobytes() == expected.states.tobytes()
    assert found.traces.tobytes() == expected.traces.tobytes()
    assert (found.changes, found.concepts) == (expected.changes, expected.concepts)
    assert beside_by_name(followed, names) == beside_by_name(fresh, names)
    assert words_by_name(followed, names) == words_by_name(fresh, names)
    if names:
        ahead, across = followed.cosines_ahead(rows), followed.cosines_across(rows)
        assert (ahead.tolist(), across.tolist()) == (
            pytest.approx(session_cosines(view, names)[0], abs=1e-6),
            pytest.approx(session_cosines(view, names)[1], abs=1e-6),
        )


@EXAMPLES
@given(logs(kinds=("stored",)))
def test_postings_are_the_memories_that_hold_a_term(events: list[MemoryEvent]) -> None:
    memories = of_namespace(fold_log(at_offsets(events)))
    columns = columns_of(memories)

    for term in TERMS:
        matches = columns.matches([term], np.arange(len(columns)))
        rows, counts = matches.memory, matches.count
        held, spoken = {}, set()
        for ref, memory in memories.items():
            for entry in np.frombuffer(memory.parts.terms, TERM):
                if entry["term"].tobytes() == hash64(term):
                    held[str(ref[1])] = float(entry["count"])
                    spoken |= {str(ref[1])} if entry["speaker"] else set()
        found = dict(zip(columns.names(rows), counts.tolist(), strict=True))
        assert found == held
        assert set(columns.names(columns.spoken_by([term]))) == spoken


def test_row_is_never_replaced_by_an_older_one() -> None:
    older = folded(stored("ann"))
    newer = folded(stored("ann"), accessed_event(ANN, envelope=around(TIME_MS + 9)))
    columns = ColumnCache(DIMENSION)
    put(columns, newer.memories, at=2)

    put(columns, older.memories, at=1, fresh=False)

    assert columns.memories(columns.rows([str(ANN)])).states["access_count"].tolist() == [2]
    assert columns.missing([str(ANN)]) == []


def test_what_is_stale_or_unknown_must_be_read_and_what_is_fresh_not() -> None:
    view = folded(stored("ann"), stored("bob"))
    columns = columns_of(view.memories)
    names = [str(ANN), str(BOB), "nobody"]

    columns.stale([str(BOB), "another"])

    assert columns.missing([*names, *names]) == [str(BOB), "nobody"]
    put(columns, view.memories, at=2)
    assert columns.missing(names) == ["nobody"]
    put(columns, view.memories, at=3, fresh=False)
    assert columns.missing(names) == names


def test_neighbour_that_was_not_read_is_told_from_one_that_does_not_exist() -> None:
    view = folded(*(stored(name, i, session="monday") for i, name in enumerate("abc")))
    middle = {ref: memory for ref, memory in view.memories.items() if ref[1] == memory_id("b")}
    first = {ref: memory for ref, memory in view.memories.items() if ref[1] == memory_id("a")}
    columns = ColumnCache(DIMENSION)
    names = [str(memory_id(name)) for name in "abc"]

    put(columns, middle, at=1)
    assert beside_by_name(columns, [names[1]]) == [(NOT_HERE, NOT_HERE)]
    assert set(columns.names_beside(columns.rows([names[1]]))) == {names[0], names[2]}
    assert columns.beside(columns.rows([names[1]])).tolist() == []

    put(columns, first, at=1)
    assert beside_by_name(columns, names[:2]) == [(NONE, names[1]), (names[0], NOT_HERE)]
    assert columns.names_beside(columns.rows([names[1]])) == [names[2]]
    columns.stale([names[0]])
    assert set(columns.names_beside(columns.rows([names[1]]))) == {names[0], names[2]}


def test_memory_put_between_two_takes_both_as_neighbours() -> None:
    outer = [stored("a", 0, session="monday"), stored("c", 2, session="monday")]
    columns = columns_of(folded(*outer).memories)
    vectors = {"embedding": embedding([0.0, 1.0], dimension=DIMENSION)}
    rows = columns.rows([str(memory_id("a"))])
    before = columns.cosines_ahead(rows)

    put(columns, folded(*outer, stored("b", 1, session="monday", **vectors)).memories, at=3)

    after = columns.cosines_ahead(rows)
    assert (before.tolist(), after.tolist()) == ([1.0], [0.0])
    names = [str(memory_id(name)) for name in "abc"]
    assert beside_by_name(columns, names) == [
        (NONE, names[1]),
        (names[0], names[2]),
        (names[1], NONE),
    ]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_cache_grows_and_a_cosine_never_depends_on_how_many_are_asked_for(count: int) -> None:
    generator = np.random.default_rng(count)
    vectors = generator.normal(size=(count, 48)).astype(np.float16)
    events = [
        stored(str(i), i, embedding=embedding(vectors[i].tolist(), dimension=48), session="one")
        for i in range(count)
    ]
    columns = columns_of(folded(*events).memories, dimension=48)
    unit = unit_vectors(generator.normal(size=(1, 48)).astype(np.float16))[0]

    def cosines(rows: list[int]) -> FloatArray:
        return columns.cosines(unit, np.array(rows, np.intp))

    together = cosines(list(range(count)))
    expected = vectors.astype(float) @ unit / np.linalg.norm(vectors.astype(float), axis=1)
    assert together == pytest.approx(expected, abs=1e-6)
    assert [cosines([i])[0] for i in range(count)] == together.tolist()
    assert cosines(list(range(count - 1, -1, -3))).tolist() == together[::-3].tolist()
    assert columns.cosines(unit, np.array([], np.intp)).tolist() == []


def test_vector_of_another_dimension_has_no_likeness_to_anything() -> None:
    columns = columns_of(folded(stored("a", embedding=embedding([1.0], dimension=7))).memories)

    cosines = columns.cosines(unit_vectors(CUE[np.newaxis])[0], np.array([0]))

    assert cosines.tolist() == [0.0]


def test_successors_are_those_of_what_is_superseded_now() -> None:
    events = [stored("ann"), stored("bob"), stored("cid")]
    replaced = superseded_event(ANN, BOB, envelope=around(TIME_MS + 1))
    taken_back = superseded_event(ANN, BOB, envelope=around(TIME_MS + 2), reversed=True)

    def successors(*more: MemoryEvent) -> list[str]:
        columns = columns_of(folded(*events, *more).memories)
        return columns.successors(columns.rows(columns.ids))

    assert successors() == []
    assert successors(replaced) == [str(BOB)]
    assert successors(replaced, taken_back) == []


def test_forgotten_memory_stays_in_the_cache_with_its_status() -> None:
    view = folded(stored("ann"), forgotten_event(ANN, envelope=around(TIME_MS + 1)))

    assert columns_of(view.memories).column("status", np.array([0])).tolist() == [2]
