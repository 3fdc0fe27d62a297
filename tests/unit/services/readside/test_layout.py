"""The bytes behind the keys of the read side."""

from itertools import permutations
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.limits import TIME_MS_MAX, TIME_MS_MIN
from services.common.redis import redis_prefix
from services.readside.collections import COLLECTIONS, SESSIONS
from services.readside.layout import (
    CONCEPT,
    KINDS,
    NOBODY,
    STATE,
    STATUSES,
    TERM,
    TRACE,
    Change,
    Control,
    Layout,
    Parts,
    State,
    Status,
    bias_at,
    kind_of,
    pack_record,
    pack_trace,
    relation_field,
    split_head,
    split_record,
    status_at,
    trace_id,
    unpack_changes,
    unpack_record,
)
from tests.builders import memory_id

TIMES = st.integers(TIME_MS_MIN, TIME_MS_MAX)
STATUS = st.sampled_from(STATUSES)
FLOATS = st.floats(-1e6, 1e6)
IDS = st.just(NOBODY) | st.binary(min_size=16, max_size=16)
U32 = st.integers(0, 2**32 - 1)
CHANGES = st.lists(
    st.builds(Change, TIMES, STATUS | st.sampled_from(["adjusted", "cleared"]), FLOATS), max_size=5
)
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
    length=U32,
    access_count=U32,
    presentations=U32,
    bias=FLOATS,
    superseded_ms=TIMES,
    superseded_by=IDS,
    previous=IDS,
    next=IDS,
    changes=CHANGES,
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


def bytes_of(dtype: np.dtype) -> st.SearchStrategy[bytes]:
    return st.integers(0, 4).flatmap(
        lambda n: st.binary(min_size=n * dtype.itemsize, max_size=n * dtype.itemsize)
    )


PARTS = st.builds(
    Parts,
    vector=bytes_of(np.dtype("<f2")),
    terms=bytes_of(TERM),
    concepts=bytes_of(CONCEPT),
    traces=TRACES,
)


def changes(*changed: tuple[int, Status]) -> list[Change]:
    return [Change(at, status) for at, status in changed]


@given(STATES, PARTS)
def test_record_reads_back_as_it_was_written(state: State, parts: Parts) -> None:
    assert unpack_record(pack_record(state, parts)) == (state, parts)


@given(STATES, PARTS)
def test_record_is_cut_into_state_changes_and_parts(state: State, parts: Parts) -> None:
    record = pack_record(state, parts)

    head, changed = split_head(record)

    row = np.frombuffer(head, STATE)[0]
    assert STATUSES[row["status"]] == state.status
    assert row["created_ms"] == state.created_ms
    assert row["bias"] == state.bias
    assert row["length"] == state.length
    assert row["next"].tobytes() == state.next
    assert row["superseded_by"].tobytes() == state.superseded_by
    assert unpack_changes(changed) == state.changes
    assert split_record(record) == parts


def test_memory_that_changed_its_status_very_often_still_has_a_record() -> None:
    toggled = State(
        created_ms=0, recorded_ms=0, offset=0, salience=0.5, valence=0, arousal=0, pinned=False,
        last_accessed_ms=0, changes=changes(*[(i, STATUSES[i % 3]) for i in range(70_000)]),
    )  # fmt: skip

    read, _ = unpack_record(pack_record(toggled, Parts(b"", b"", b"", b"")))

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
    changed = changes((10, "decayed"), (20, "active"), (30, "deleted"))

    assert status_at(changed, moment_ms) == expected


def test_of_two_changes_at_one_moment_the_one_folded_last_holds() -> None:
    assert status_at(changes((10, "decayed"), (10, "active")), 10) == "active"


@given(st.lists(st.tuples(st.integers(0, 50), STATUS), max_size=8), st.integers(-1, 51))
def test_status_in_the_past_agrees_with_a_walk_through_sorted_changes(
    changed: list[tuple[int, Status]], moment_ms: int
) -> None:
    expected: Status = "active"
    for at, status in sorted(changed, key=lambda change: change[0]):  # stable
        if at <= moment_ms:
            expected = status

    assert status_at(changes(*changed), moment_ms) == expected


@pytest.mark.parametrize(
    ("moment_ms", "expected"),
    [(9, 0.0), (10, -0.5), (20, -0.75), (25, 0.0), (30, -1.0), (35, -1.0), (40, 0.0)],
)
def test_bias_in_the_past_is_the_sum_of_the_penalties_since_they_were_cleared(
    moment_ms: int, expected: float
) -> None:
    changed = [
        Change(10, "adjusted", -0.5),
        Change(20, "adjusted", -0.25),
        Change(25, "cleared"),
        Change(30, "adjusted", -1.0),
        Change(35, "decayed"),
        Change(40, "active"),
    ]

    assert bias_at(changed, moment_ms) == expected


def test_keys_of_a_partition_carry_it_as_hash_tag_and_never_collide() -> None:
    layout = Layout("hm:x.", 3, 2)
    names = ("a/b", memory_id("m"))

    keys = [
        *(layout.document(status, *names) for status in STATUSES),
        layout.record(*names),
        layout.contexts(*names),
        *(
            collection.key(layout, "a/b", *(["part"] if collection.parts else []))
            for collection in COLLECTIONS
        ),
        SESSIONS.key(layout, "a", "b:monday"),
        SESSIONS.key(layout, "a:b", "monday"),
        layout.due("a/b"),
        layout.due_parameters("a/b"),
        layout.namespaces,
        layout.seen,
        layout.cursor,
        layout.fold,
    ]
    control = Control("hm:x.", 2)
    keys += [control.live, control.next, control.hold, control.target]
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
    start = Layout("hm:", one, 0).cursor.removesuffix("cursor:{p0}")

    assert not Layout("hm:", other, 0).cursor.startswith(start)


def test_installations_share_no_key() -> None:
    prefixes = [redis_prefix(topic_prefix) for topic_prefix in ("", "t1.", "t2.")]

    for one, other in permutations(prefixes, 2):
        assert not Control(one, 0).live.startswith(other)


def test_relation_has_a_field_of_its_own_at_each_end() -> None:
    ends = [relation_field("out", "like", "tea"), relation_field("in", "like", "tea")]
    others = [relation_field("out", "like", "cup"), relation_field("out", "served_in", "tea")]

    assert len({*ends, *others}) == 4
