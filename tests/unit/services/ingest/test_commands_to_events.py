"""From a command to its event: ids, times, what is embedded, what is kept."""

import base64
from typing import Any

import numpy as np
import pytest

from schemas.codec import decode_event, encode
from schemas.errors import Rejected
from schemas.events import MemoryEvent, MemoryStored
from schemas.fields import Moment, rfc3339
from schemas.inbox import Correct, InboxMessage, Store
from schemas.limits import CONCEPTS_MAX, TIME_MS_MAX, TIME_MS_MIN
from services.ingest.domain import (
    Original,
    Received,
    WorkedOut,
    body_hash_of,
    cause_of,
    corrected_text,
    embedding_of,
    event_id_of,
    event_of,
    indexed_text,
    occurred_ms,
)
from tests.builders import (
    access,
    concept,
    correct,
    delete_namespace,
    forget,
    memory_id,
    parameters,
    relation,
    restore,
    store,
    supersede,
)

RECEIVED = Received("memory.inbox", 2, 17, 1_750_000_000_000)
EMBEDDING = embedding_of(np.array([0.5, -1.0], np.float16), "test")
FULL: dict[str, Any] = {
    "memory_type": "semantic",
    "context": "at the office",
    "tags": ["one", "two words"],
    "metadata": {"a": [1, None, {"b": "c"}]},
    "concepts": ["tea"],
    "emotion": {"valence": -0.5, "arousal": 0.7, "salience": 0.9},
    "session": "s1",
    "speaker": "Ada",
    "pinned": True,
    "derived_from": [{"memory_id": str(memory_id("m1")), "weight": 0.5}],
}
COMMANDS: dict[str, InboxMessage] = {
    "store": store(),
    "store with everything": store(**FULL),
    "access": access(memory_id("a"), memory_id("b"), context="answer"),
    "forget": forget(reason="asked to"),
    "restore": restore(),
    "concept": concept(aliases=["chai"]),
    "relation": relation(weight=0.25),
    "supersede": supersede(reversed=True),
    "correct": correct(),
    "correct back": correct(reversed=True),
    "correct the expiry": correct(expires_at=RECEIVED.timestamp_ms + 1),
    "correct that it expires": correct(expires_at="never"),
    "correct all but the text": correct(tags=["b"], metadata={"a": 1}, reason="misheard"),
    "delete the namespace": delete_namespace(reason="has left"),
    "parameters": parameters(horizon_seconds=86_400.0),
}
ALL = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


def event(command: InboxMessage, received: Received = RECEIVED) -> MemoryEvent:
    has_text = isinstance(command, Store | Correct) and command.content is not None
    worked_out = WorkedOut(EMBEDDING) if has_text else None
    return event_of(command, received, received.timestamp_ms, worked_out)


@ALL
def test_event_survives_the_way_through_the_log(command: InboxMessage) -> None:
    made = event(command)

    assert decode_event(encode(made)) == made


@ALL
def test_id_known_before_the_event_is_the_events(command: InboxMessage) -> None:
    assert event_id_of(command, RECEIVED) == event(command).id


@ALL
def test_same_record_always_leads_to_the_same_event(command: InboxMessage) -> None:
    assert event(command) == event(command)


@ALL
@pytest.mark.parametrize(
    "other",
    [
        Received("other.inbox", 2, 17, 1_750_000_000_000),
        Received("memory.inbox", 3, 17, 1_750_000_000_000),
        Received("memory.inbox", 2, 18, 1_750_000_000_000),
        Received("memory.inbox", 2, 17, 1_750_000_000_001),
    ],
    ids=["topic", "partition", "offset", "time"],
)
def test_another_record_leads_to_another_event(command: InboxMessage, other: Received) -> None:
    assert event(command).id != event(command, other).id


@ALL
def test_key_names_the_event_whatever_record_it_came_in(command: InboxMessage) -> None:
    keyed = command.model_copy(update={"idempotency_key": "k1"})
    other = Received("memory.inbox", 0, 99, 1_760_000_000_000)

    assert event(keyed).id == event(keyed, other).id
    elsewhere = keyed.model_copy(update={"namespace": "acme/other"})
    assert event(elsewhere).id != event(keyed).id


def test_memory_is_named_by_its_cause() -> None:
    command = store(idempotency_key="k1")

    assert event(command).subject == str(cause_of(command, RECEIVED))


def test_stored_event_keeps_what_the_command_said() -> None:
    command = store("Tea is at four.", **FULL)

    made = event(command)

    assert isinstance(made, MemoryStored)
    kept = made.data.model_dump(mode="json")
    assert {name: kept[name] for name in FULL} == FULL
    assert made.data.recorded_at == RECEIVED.timestamp_ms
    assert base64.b64decode(made.data.embedding.data) == np.array([0.5, -1.0], "<f2").tobytes()


def test_concepts_found_in_the_text_join_those_that_were_given() -> None:
    command = store(concepts=["tea"])

    made = event_of(command, RECEIVED, 0, WorkedOut(EMBEDDING, ["cup", "tea"]))

    assert isinstance(made, MemoryStored)
    assert made.data.concepts == ["tea", "cup"]


def test_event_has_no_more_concepts_than_it_may() -> None:
    given = [f"given {i}" for i in range(CONCEPTS_MAX - 1)]

    made = event_of(store(concepts=given), RECEIVED, 0, WorkedOut(EMBEDDING, ["one", "two"]))

    assert isinstance(made, MemoryStored)
    assert made.data.concepts == [*given, "one"]


def test_emotion_that_is_not_given_is_read_from_the_text() -> None:
    calm, upset = event(store("Tea is at four.")), event(store("I was absolutely terrified!"))

    assert isinstance(calm, MemoryStored)
    assert isinstance(upset, MemoryStored)
    assert (calm.data.emotion.valence, calm.data.emotion.salience) == (0.0, 0.5)
    assert calm.data.emotion.arousal <= 0.3
    assert upset.data.emotion.valence < 0
    assert upset.data.emotion.arousal > 0.3


def test_another_body_under_the_same_key_has_another_hash() -> None:
    def body_hash(command: Store) -> str:
        made = event(command)
        assert isinstance(made, MemoryStored)
        return made.data.body_hash

    first = store("Tea is at four.", idempotency_key="k1")
    assert body_hash(first) == body_hash(store("Tea is at four.", idempotency_key="k2"))
    assert body_hash(first) != body_hash(store("Tea is at five.", idempotency_key="k1"))


def test_memory_named_twice_in_one_access_is_accessed_once() -> None:
    made = event(access(memory_id("a"), memory_id("b"), memory_id("a")))

    assert made.type == "memory.accessed.v1"
    assert [each.memory_id for each in made.data.accesses] == [memory_id("a"), memory_id("b")]


@pytest.mark.parametrize(
    ("time_ms", "expected"),
    [
        (1_683_504_000_000, "[08 May 2023] Tea is at four."),
        (1_683_590_399_999, "[08 May 2023] Tea is at four."),
        (-1, "[31 Dec 1969] Tea is at four."),
        (TIME_MS_MIN, "[01 Jan 0001] Tea is at four."),
        (TIME_MS_MAX, "[31 Dec 9999] Tea is at four."),
    ],
)
def test_indexed_text_begins_with_the_date_in_utc(time_ms: int, expected: str) -> None:
    assert indexed_text(store(), time_ms) == expected


def test_indexed_text_names_the_speaker() -> None:
    assert indexed_text(store(speaker="Ada"), 0) == "[01 Jan 1970] Ada: Tea is at four."


def test_without_a_time_of_its_own_it_happened_when_the_broker_got_it() -> None:
    assert occurred_ms(store(), RECEIVED, future_skew_seconds=300) == RECEIVED.timestamp_ms


@pytest.mark.parametrize("ahead_ms", [-(10**12), -1, 0, 1, 300_000])
def test_time_up_to_the_skew_ahead_is_kept(ahead_ms: int) -> None:
    time_ms = RECEIVED.timestamp_ms + ahead_ms

    command = store(occurred_at=time_ms)

    assert occurred_ms(command, RECEIVED, future_skew_seconds=300) == time_ms


def test_time_in_the_future_is_refused_with_both_times() -> None:
    command = store(occurred_at=RECEIVED.timestamp_ms + 300_001)

    with pytest.raises(Rejected, match="occurred_at: 2025-06-15T15:11:40") as caught:
        occurred_ms(command, RECEIVED, future_skew_seconds=300)

    assert "at most 300 s after 2025-06-15T15:06:40.000Z" in caught.value.message


@pytest.mark.parametrize("fields", [{}, {"occurred_at": RECEIVED.timestamp_ms - 5}])
def test_expiry_that_is_not_after_the_time_of_the_memory_is_refused_with_both(
    fields: dict[str, Any],
) -> None:
    command = store(expires_at=fields.get("occurred_at", RECEIVED.timestamp_ms), **fields)

    with pytest.raises(Rejected, match=r"expires_at: .* is not after occurred_at, ") as caught:
        occurred_ms(command, RECEIVED, future_skew_seconds=300)

    assert caught.value.message.endswith("; give a later moment, or leave it out")


@pytest.mark.parametrize("occurred_at", [None, RECEIVED.timestamp_ms - 5])
def test_correction_to_an_expiry_that_is_past_is_refused_with_what_to_do(
    occurred_at: int | None,
) -> None:
    now_ms = occurred_at or RECEIVED.timestamp_ms
    command = correct(expires_at=now_ms, occurred_at=occurred_at)

    with pytest.raises(Rejected, match=r"expires_at: .* is not after .*, when it is ") as e:
        occurred_ms(command, RECEIVED, future_skew_seconds=300)

    assert e.value.message.count(rfc3339(now_ms)) == 2


@pytest.mark.parametrize(
    ("occurred_at", "day", "utc_offset"),
    [
        ("2025-03-02T00:30:00+09:00", "02 Mar 2025", 540),  # in UTC it is still the day before
        ("2025-03-01T23:30:00-05:00", "01 Mar 2025", -300),
        ("2025-03-01T15:30:00Z", "01 Mar 2025", None),
        (None, "15 Jun 2025", None),
    ],
)
def test_memory_is_dated_by_the_day_where_it_happened(
    occurred_at: str | None, day: str, utc_offset: int | None
) -> None:
    command = store("The ship is in.", occurred_at=occurred_at)
    time_ms = occurred_ms(command, RECEIVED, future_skew_seconds=0)

    event = event_of(command, RECEIVED, time_ms, WorkedOut(EMBEDDING))

    assert isinstance(event, MemoryStored)
    assert event.data.indexed_text == f"[{day}] The ship is in."
    assert event.data.utc_offset == utc_offset
    assert decode_event(encode(event)) == event
    assert event.time == time_ms == (command.occurred_at or RECEIVED.timestamp_ms)


def test_same_moment_told_with_another_offset_is_the_same_body() -> None:
    tokyo, utc = (
        store(occurred_at=each) for each in ("2025-03-02T00:30:00+09:00", "2025-03-01T15:30:00Z")
    )

    assert body_hash_of(tokyo) == body_hash_of(utc)


def test_correction_keeps_the_day_where_it_happened() -> None:
    there = Moment(1_740_842_100_000, 540)  # 00:15 on 2 March

    assert corrected_text("The ship left.", Original(there)) == "[02 Mar 2025] The ship left."
