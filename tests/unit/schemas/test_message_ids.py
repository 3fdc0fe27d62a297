"""Ids are what their cause makes them, in every release: these values are in people's logs."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

RECORD = UUID("a6a21a92-0de9-5802-9605-3ecba580c015")
CAUSE = UUID("247ad793-3017-56fc-a3a9-4c7d4a2fee7b")
PARTS = st.lists(
    st.integers() | st.text(st.characters(exclude_characters="\x1f", codec="utf-8")), min_size=1
)


def test_ids_of_known_causes_never_change() -> None:
    assert str(ids.HUMAN_MEMORY) == "6f3c1d1e-7d0b-5b57-9c55-3f1f3c0a5a61"
    assert str(ids.derive("a", 1)) == "fcfcfb57-f79c-54b2-a567-3344735cb4be"
    assert ids.cause_of_key("acme/agent-7", "chat-41-7") == CAUSE
    assert ids.cause_of_record("memory.inbox", 3, 1042, 1767225600000) == RECORD
    assert str(ids.event_id(CAUSE, "memory.stored.v1")) == "ced57264-2b51-58f0-a7b8-5d440acb0da7"
    assert str(ids.event_id(CAUSE, "memory.stored.v1", 1)) == "461820d5-26d1-5751-8004-0dac41441d55"
    assert str(ids.query_cause("acme/agent-7", CAUSE)) == "b8ad43ca-b234-59c7-b3c4-364b6414a546"


@given(PARTS, PARTS)
def test_ids_are_equal_exactly_if_their_parts_are(
    first: list[str | int], second: list[str | int]
) -> None:
    same = list(map(str, first)) == list(map(str, second))

    assert (ids.derive(*first) == ids.derive(*second)) is same
    assert ids.derive(*first) == ids.derive(*first)


@given(
    st.integers(0, 99),
    st.integers(0, 2**60),
    st.integers(0, 2**41),
    st.integers(0, 2**41),
)
def test_a_topic_created_anew_gives_new_ids(
    partition: int, offset: int, before_ms: int, after_ms: int
) -> None:
    before = ids.cause_of_record("memory.inbox", partition, offset, before_ms)
    after = ids.cause_of_record("memory.inbox", partition, offset, after_ms)

    assert (before == after) is (before_ms == after_ms)
