"""What the fold counts in a namespace, and who stands beside whom in a session."""

from collections import Counter
from uuid import UUID

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from services.projection.fold.fold import fold_log
from services.projection.fold.view import Memory, View
from services.readside.collections import COUNTS, LINKS, TERMS
from services.readside.layout import CONCEPT, NOBODY, TERM, hash64
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    decayed_event,
    forgotten_event,
    memory_id,
    restored_event,
    stored_event,
)
from tests.sequences import around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import ANN, BOB, at, folded

EXAMPLES = settings(max_examples=20)
SESSIONS = ("monday", "tuesday")
# Few times, so that some are the same; in any order of arrival.
ARRIVALS = st.lists(st.tuples(st.integers(-5, 5), st.sampled_from(SESSIONS)), max_size=12)


def recounted(memories: list[Memory]) -> tuple[object, ...]:
    """What should be known of the memories that are not deleted."""
    terms: Counter[bytes] = Counter()
    links: Counter[bytes] = Counter()
    length = 0
    for memory in memories:
        if memory.state.status != "deleted":
            rows = np.frombuffer(memory.parts.terms, TERM)
            terms.update(row["term"].tobytes() for row in rows)
            links.update(each.tobytes() for each in np.frombuffer(memory.parts.concepts, CONCEPT))
            length += int(rows["count"].sum())
    return dict(terms), dict(links), length


def counted(numbers: dict[bytes, int]) -> dict[bytes, int]:
    return {name: number for name, number in numbers.items() if number}


def statistics_of(view: View, name: str = NAMESPACE) -> tuple[object, ...]:
    known = view.namespaces[name]
    return counted(known[TERMS]), counted(known[LINKS]), known[COUNTS].get("length", 0)


def session_of(times: list[tuple[int, str]]) -> list[MemoryEvent]:
    """Memories of these times and sessions, in the order in which they arrive."""
    return [
        small_stored(
            memory_id(str(number)), envelope=around(TIME_MS + hour, number), session=session
        )
        for number, (hour, session) in enumerate(times)
    ]


@EXAMPLES
@given(logs())
def test_statistics_equal_a_recount_over_what_is_not_deleted(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for name, known in view.namespaces.items():
        expected = recounted([memory for ref, memory in view.memories.items() if ref[0] == name])
        assert statistics_of(view, name) == expected
        assert all(number >= 0 for number in known[TERMS].values())


@EXAMPLES
@given(logs(), st.data())
def test_forget_then_restore_gives_the_statistics_back(
    events: list[MemoryEvent], data: st.DataObject
) -> None:
    memory = small_stored(ANN, envelope=around(TIME_MS, "mine") | {"namespace": NAMESPACE})
    others = [event.model_copy(update={"namespace": NAMESPACE}) for event in events]
    before = folded(memory, *others)
    name = data.draw(st.sampled_from([ref[1] for ref in before.memories]))
    there = before.memories[NAMESPACE, name].state.status != "deleted"
    envelope = {"time": TIME_MS, "namespace": NAMESPACE}

    gone = folded(memory, *others, forgotten_event(name, envelope=envelope))
    back = folded(
        memory,
        *others,
        forgotten_event(name, envelope=envelope),
        restored_event(name, envelope=envelope),
    )

    if there:
        assert statistics_of(back) == statistics_of(before)
        if before.memories[NAMESPACE, name].state.length:
            assert statistics_of(gone) != statistics_of(before)


def test_decayed_memory_still_counts() -> None:
    stored = stored_event(ANN, "Four cups.", concepts=["cup"])

    assert statistics_of(folded(stored, decayed_event(ANN, envelope=at(1)))) == statistics_of(
        folded(stored)
    )


def test_term_counts_once_per_memory_and_length_every_time() -> None:
    view = folded(
        stored_event(ANN, "Tea, tea, tea!", concepts=["tea"]),
        stored_event(BOB, "A cup of tea.", concepts=["tea", "cup"]),
    )

    assert statistics_of(view) == (
        {hash64("tea"): 2, hash64("cup"): 1},
        {hash64("tea"): 2, hash64("cup"): 1},
        5,
    )


@EXAMPLES
@given(ARRIVALS)
def test_session_neighbours_are_those_of_a_sort_by_time_and_offset(
    times: list[tuple[int, str]],
) -> None:
    events = session_of(times)

    view = fold_log(at_offsets(events))

    for session in SESSIONS:
        arrived = [number for number, (_, whose) in enumerate(times) if whose == session]
        ordered = [
            memory_id(str(number)) for number in sorted(arrived, key=lambda n: (times[n][0], n))
        ]
        links = dict(zip(ordered, [NOBODY, *(m.bytes for m in ordered)], strict=False))
        forward = dict(zip(ordered, [*(m.bytes for m in ordered[1:]), NOBODY], strict=False))
        for name in ordered:
            state = view.memories["acme/one", name].state
            assert state.previous == links[name]
            assert state.next == forward[name]


@EXAMPLES
@given(logs())
def test_memories_without_a_session_have_no_neighbours_and_those_with_one_agree(
    events: list[MemoryEvent],
) -> None:
    view = fold_log(at_offsets(events))

    sessions = {
        (name, place[2])
        for name, known in view.namespaces.items()
        for places in known.sessions.values()
        for place in places
    }
    for ref, memory in view.memories.items():
        if ref not in sessions:
            assert memory.state.previous == memory.state.next == NOBODY
        if memory.state.next != NOBODY:
            beside = view.memories[ref[0], UUID(bytes=memory.state.next)]
            assert beside.state.previous == ref[1].bytes
            assert (memory.state.created_ms, memory.state.offset) < (
                beside.state.created_ms,
                beside.state.offset,
            )


def test_forgotten_memory_keeps_its_place_between_its_neighbours() -> None:
    events = session_of([(0, "monday"), (1, "monday"), (2, "monday")])
    middle = memory_id("1")

    view = fold_log(at_offsets([*events, forgotten_event(middle, envelope=around(TIME_MS + 9))]))

    assert view.memories["acme/one", memory_id("0")].state.next == middle.bytes


def test_new_neighbour_marks_those_beside_it_as_changed() -> None:
    events = session_of([(0, "monday"), (2, "monday"), (9, "monday"), (1, "monday")])

    view = fold_log(at_offsets(events, 10))

    changed = {ref[1]: memory.changed_at for ref, memory in view.memories.items()}
    assert changed == {
        memory_id("0"): 13,
        memory_id("1"): 13,
        memory_id("2"): 12,
        memory_id("3"): 13,
    }
