"""What holds of the fold for any log."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from services.projection.digest import digest_of_view
from services.projection.fold import fold as domain
from services.projection.fold import presentations
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.collections import COUNTS
from services.readside.layout import NOT_COUNTED, STATUSES, kind_of, pack_record, unpack_record
from tests.builders import TIME_MS, accessed_event, memory_id
from tests.sequences import ALL, TIMES, around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import kinds, traces_of

EXAMPLES = settings(max_examples=20)
EVENTS = logs()
ONCE_EACH = logs(kinds=tuple(kind for kind in ALL if kind != "again"))


@EXAMPLES
@given(ONCE_EACH)
def test_event_delivered_twice_in_a_row_counts_once(events: list[MemoryEvent]) -> None:
    once = [(2 * number, event) for number, event in enumerate(events)]
    twice = sorted(once + [(offset + 1, event) for offset, event in once], key=lambda e: e[0])

    assert digest_of_view(fold_log(twice)) == digest_of_view(fold_log(once))


@EXAMPLES
@given(ONCE_EACH)
def test_whole_log_delivered_again_changes_nothing(events: list[MemoryEvent]) -> None:
    once = at_offsets(events)

    again = fold_log(once + at_offsets(events, len(events)))

    assert digest_of_view(again) == digest_of_view(fold_log(once))
    assert again.ignored["duplicate"] >= len(events)


@EXAMPLES
@given(EVENTS)
def test_counts_are_those_of_the_statuses(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for namespace, known in view.namespaces.items():
        statuses = Counter(
            memory.state.status for ref, memory in view.memories.items() if ref[0] == namespace
        )
        assert {status: known[COUNTS].get(status, 0) for status in STATUSES} == {
            status: statuses[status] for status in STATUSES
        }


@EXAMPLES
@given(EVENTS)
def test_access_count_is_that_of_all_traces_but_rehearsals(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for memory in view.memories.values():
        counted = [
            int(trace["time_ms"])
            for trace in traces_of(memory)
            if kind_of(int(trace["id"])) not in NOT_COUNTED
        ]
        assert memory.state.access_count == len(counted)
        assert memory.state.last_accessed_ms == max(counted)
        assert memory.state.presentations == len(traces_of(memory))


@EXAMPLES
@given(EVENTS)
def test_every_memory_has_its_creation_first_and_no_trace_twice(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for memory in view.memories.values():
        traces = traces_of(memory)
        created = [i for i, kind in enumerate(kinds(memory)) if kind == "creation"]
        assert traces["time_ms"][created].tolist() == [memory.state.created_ms]
        assert set(kinds(memory)[: created[0]]) <= {"inherited"}
        assert len(set(traces["id"].tolist())) == len(traces)
        assert np.all(traces["decay_rate"] >= np.float32(0.2))
        assert np.isfinite(traces["decay_rate"]).all()


@EXAMPLES
@given(EVENTS)
def test_status_is_that_of_the_last_change_folded(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for memory in view.memories.values():
        changes = [change.what for change in memory.state.changes if change.what in STATUSES]
        assert memory.state.status == (changes[-1] if changes else "active")
        assert all(a != b for a, b in zip(["active", *changes], changes, strict=False))


@EXAMPLES
@given(EVENTS)
def test_only_what_is_stored_exists(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    stored = {(e.namespace, e.subject) for e in events if e.type == "memory.stored.v1"}
    assert {(namespace, str(name)) for namespace, name in view.memories} == stored
    assert {(n, each) for n, touched in view.touched.items() for each in touched.memories} == set(
        view.memories
    )


@EXAMPLES
@given(EVENTS)
def test_namespaces_do_not_touch_each_other(events: list[MemoryEvent]) -> None:
    whole = fold_log(at_offsets(events))

    for namespace in {event.namespace for event in events}:
        alone = fold_log(
            [(at, event) for at, event in at_offsets(events) if event.namespace == namespace]
        )
        assert alone.memories == {
            ref: memory for ref, memory in whole.memories.items() if ref[0] == namespace
        }


@EXAMPLES
@given(EVENTS)
def test_record_of_a_folded_memory_reads_back_as_it_was(events: list[MemoryEvent]) -> None:
    view = fold_log(at_offsets(events))

    for memory in view.memories.values():
        assert unpack_record(pack_record(memory.state, memory.parts)) == (
            memory.state,
            memory.parts,
        )


@EXAMPLES
@given(st.lists(TIMES, max_size=10))
def test_contexts_kept_are_those_of_the_newest_whatever_the_order(times: list[int]) -> None:
    memory, newest_kept = memory_id("ann"), 3
    events: list[MemoryEvent] = [
        small_stored(memory, envelope=around(TIME_MS), context=str(TIME_MS))
    ]
    for number, time_ms in enumerate(times):
        envelope = around(time_ms, number)
        events.append(accessed_event(memory, envelope=envelope, context=str(time_ms)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presentations, "ACCESS_HISTORY_MAX", newest_kept)
        (folded,) = fold_log(at_offsets(events)).memories.values()

    kept = [int(text) for text in folded.contexts.values()]
    assert sorted(kept) == sorted([TIME_MS, *times])[-newest_kept:]


@EXAMPLES
@given(logs(kinds=("stored", "accessed", "accessed", "accessed", "restored"), size_max=25))
def test_only_the_newest_traces_keep_their_contexts(events: list[MemoryEvent]) -> None:
    newest_kept = 2
    all_contexts = fold_log(at_offsets(events))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(presentations, "ACCESS_HISTORY_MAX", newest_kept)
        view = fold_log(at_offsets(events))

    for ref, memory in view.memories.items():
        traces = traces_of(memory)
        newest = np.lexsort((traces["id"], traces["time_ms"]))[-newest_kept:]
        shown = {int(identity).to_bytes(8, "little") for identity in traces["id"][newest]}
        everything = all_contexts.memories[ref].contexts
        assert memory.contexts == {k: v for k, v in everything.items() if k in shown}


@EXAMPLES
@given(logs(size_max=30), st.integers(1, 6))
def test_duplicate_is_known_only_so_many_events_back(
    events: list[MemoryEvent], window: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domain, "SEEN_EVENTS_MAX", window)
        view = fold_log(at_offsets(events))

    # A trace is never laid down twice, however long ago its event was.
    assert isinstance(view, View)
    for memory in view.memories.values():
        identities = traces_of(memory)["id"].tolist()
        assert len(set(identities)) == len(identities)
        assert memory.state.access_count <= len(identities)
