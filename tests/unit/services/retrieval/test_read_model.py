"""The bytes behind the keys of the read side."""

from itertools import permutations
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import TIME_MS_MAX, TIME_MS_MIN
from services.common.read_model import (
    KINDS,
    STATUSES,
    TRACE,
    Control,
    Layout,
    State,
    Status,
    kind_of,
    pack_record,
    pack_trace,
    redis_prefix,
    split_records,
    trace_id,
    unpack_record,
)
from tests.builders import memory_id

TIMES = st.integers(TIME_MS_MIN, TIME_MS_MAX)
STATUS = st.sampled_from(STATUSES)
FLOATS = st.floats(-1e6, 1e6)
STATES = st.builds(
    State,
    created_ms=TIMES,
    recorded_ms=TIMES,
    offset=st.integers(0, 2**62),
    salience=FLOATS,
    valence=FLOATS,
    arousal=FLOATS,
    pinned=st.booleans(),
    last_accessed_ms=TIMES,
    status=STATUS,
    access_count=st.integers(0, 2**32 - 1),
    bias=FLOATS,
    changes=st.lists(st.tuples(TIMES, STATUS), max_size=5),
)
TRACES = st.lists(
    st.builds(
        pack_trace,
        TIMES,
        st.builds(trace_id, st.sampled_from(KINDS), st.uuids()),
        st.floats(0, 1, width=32),
        st.floats(0, 8, width=32),
    ),
    max_size=4,
).map(b"".join)
RECORDS = st.tuples(STATES, st.integers(0, 6).map(lambda n: bytes(range(2 * n))), TRACES)


def state(*changes: tuple[int, Status]) -> State:
    return State(
        created_ms=0, recorded_ms=0, offset=0, salience=0.5, valence=0, arousal=0, pinned=False,
        last_accessed_ms=0, changes=list(changes),
    )  # fmt: skip


@given(RECORDS)
def test_record_reads_back_as_it_was_written(parts: tuple[State, bytes, bytes]) -> None:
    assert unpack_record(pack_record(*parts)) == parts


@given(st.lists(RECORDS, max_size=6))
def test_many_records_are_split_as_each_of_them_is(parts: list[tuple[State, bytes, bytes]]) -> None:
    states, vectors, traces = split_records([pack_record(*each) for each in parts])

    assert states["created_ms"].tolist() == [each.created_ms for each, _, _ in parts]
    assert states["bias"].tolist() == [each.bias for each, _, _ in parts]
    assert [STATUSES[code] for code in states["status"]] == [each.status for each, _, _ in parts]
    assert vectors == [vector for _, vector, _ in parts]
    assert traces == [history for _, _, history in parts]


def test_memory_that_changed_its_status_very_often_still_has_a_record() -> None:
    toggled = state(*[(i, STATUSES[i % 3]) for i in range(70_000)])

    read, _, _ = unpack_record(pack_record(toggled, b"", b""))

    assert read == toggled


@given(TIMES, st.sampled_from(KINDS), st.uuids(), st.floats(0, 1, width=32))
def test_trace_packs_into_24_bytes_that_numpy_reads(
    time_ms: int, kind: str, event: UUID, weight: float
) -> None:
    packed = pack_trace(time_ms, trace_id(kind, event), weight, 0.5)

    (trace,) = np.frombuffer(packed, TRACE)
    assert len(packed) == 24
    assert (int(trace["time_ms"]), float(trace["weight"])) == (time_ms, weight)
    assert kind_of(int(trace["id"])) == kind
    assert int(trace["id"]).to_bytes(8, "big")[1:] == event.bytes[:7]


def test_same_event_has_another_identity_for_each_kind_of_use() -> None:
    event = memory_id("event")

    assert len({trace_id(kind, event) for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("moment_ms", "expected"),
    [(5, "active"), (10, "decayed"), (19, "decayed"), (20, "active"), (30, "deleted")],
)
def test_status_in_the_past_is_that_of_the_latest_change_by_then(
    moment_ms: int, expected: Status
) -> None:
    changed = state((10, "decayed"), (20, "active"), (30, "deleted"))

    assert changed.status_at(moment_ms) == expected


def test_of_two_changes_at_one_moment_the_one_folded_last_holds() -> None:
    assert state((10, "decayed"), (10, "active")).status_at(10) == "active"


@given(st.lists(st.tuples(st.integers(0, 50), STATUS), max_size=8), st.integers(-1, 51))
def test_status_in_the_past_agrees_with_a_walk_through_sorted_changes(
    changes: list[tuple[int, Status]], moment_ms: int
) -> None:
    expected: Status = "active"
    for at, status in sorted(changes, key=lambda change: change[0]):  # stable
        if at <= moment_ms:
            expected = status

    assert state(*changes).status_at(moment_ms) == expected


def test_keys_of_a_partition_carry_it_as_hash_tag_and_never_collide() -> None:
    layout = Layout("hm:x.", 3, 2)
    names = ("a/b", memory_id("m"))

    keys = [
        *(layout.document(status, *names) for status in STATUSES),
        layout.record(*names),
        layout.contexts(*names),
        layout.counts("a/b"),
        layout.members("a/b"),
        layout.recent("a/b"),
        layout.namespaces,
        layout.seen,
        layout.cursor,
    ]
    control = Control("hm:x.", 2)
    keys += [control.live, control.hold, control.target]
    assert all("{p2}" in key for key in keys)
    assert len(set(keys)) == len(keys)


def test_index_covers_the_documents_of_its_status_in_all_partitions_and_nothing_else() -> None:
    layouts = [Layout("hm:", 1, partition) for partition in (0, 1, 17)]
    ref = ("ns", memory_id("m"))

    for status in STATUSES:
        prefix = layouts[0].index_prefix(status)
        for layout in layouts:
            inside = [s for s in STATUSES if layout.document(s, *ref).startswith(prefix)]
            assert inside == [status]
            assert not layout.record(*ref).startswith(prefix)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (1, 11)])
def test_builds_share_no_key(one: int, other: int) -> None:
    pattern = Layout("hm:", one, 0).build_pattern().removesuffix("*")

    assert not Layout("hm:", other, 0).cursor.startswith(pattern)


def test_installations_share_no_key() -> None:
    prefixes = [redis_prefix(topic_prefix) for topic_prefix in ("", "t1.", "t2.")]

    for one, other in permutations(prefixes, 2):
        assert not Control(one, 0).live.startswith(other)
