"""What is wrong with a message is said in words that help: the field, the rule, what to do."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from schemas.codec import (
    decode_event,
    decode_inbox,
    decode_maintenance,
    decode_query,
    decode_reply,
)
from schemas.errors import MemoryServiceError, NotFound, Rejected, error_from_reply
from schemas.fields import Emotion
from schemas.inbox import INBOX_MESSAGE, Store
from schemas.replies import error_reply

DECODERS = [decode_inbox, decode_query, decode_event, decode_maintenance, decode_reply]
STORE = {"type": "store", "namespace": "a", "content": "x"}


def refused(**fields: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode_inbox(json.dumps(STORE | fields).encode())
    return caught.value


@pytest.mark.parametrize("decode", DECODERS)
def test_record_without_a_value_is_rejected(decode: Any) -> None:
    with pytest.raises(Rejected, match="the record has no value; a message is a JSON object"):
        decode(None)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"remember me",
        b"\xff\xfe",
        b'{"type": "sto',
        b'{"type": "st\xe9re"}',
        b'\xef\xbb\xbf{"type": "store"}',
        b'{"type": "store", "content": "\\ud800"}',
        b'{"type": "store"} trailing',
        b"{'type': 'store'}",
    ],
)
def test_bytes_that_are_not_json_are_rejected(decode: Any, value: bytes) -> None:
    with pytest.raises(Rejected, match=r"^not JSON \(RFC 8259, UTF-8\): .* at line 1 column"):
        decode(value)


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    ("value", "kind"), [(b"[1]", "list"), (b'"x"', "str"), (b"7", "int"), (b"null", "NoneType")]
)
def test_json_that_is_no_object_is_rejected(decode: Any, value: bytes, kind: str) -> None:
    with pytest.raises(Rejected, match=f"^a message is a JSON object, not {kind}$"):
        decode(value)


def test_unknown_type_is_named_with_the_known_ones() -> None:
    assert refused(type="stare").message == (
        'type: "stare" is unknown; did you mean store? known: access, concept, correct, '
        "delete_concept, delete_namespace, forget, merge_concept, parameters, relation, "
        "rename_concept, restore, store, supersede"
    )


def test_missing_type_is_named_with_the_known_ones() -> None:
    with pytest.raises(Rejected, match=r"^type: is required; known: cancel, run, undo$"):
        decode_maintenance(b"{}")


def test_unknown_field_is_named_with_the_known_ones() -> None:
    assert refused(contents="x").message == (
        "contents: is not a field here; did you mean content? known: concepts, content, context, "
        "derived_from, emotion, expires_at, idempotency_key, if_equal, memory_type, metadata, "
        "namespace, occurred_at, pinned, session, speaker, tags, type"
    )


@pytest.mark.parametrize(
    ("decode", "field", "sent"),
    [
        (decode_inbox, field, STORE | {field: None})
        for field in sorted(Store.model_fields.keys() - STORE.keys())
    ]
    + [
        (decode_query, "top_k", {"type": "search", "namespace": "a", "query": "x", "top_k": None}),
        (decode_maintenance, "run_id", {"type": "run", "namespace": "a", "job": "decay"}),
    ],
)
def test_null_for_an_optional_field_is_as_if_it_were_not_given(
    decode: Any, field: str, sent: dict[str, Any]
) -> None:
    bare = {name: value for name, value in sent.items() if name != field}

    assert decode(json.dumps(sent).encode()) == decode(json.dumps(bare).encode())


def test_nulls_of_parts_are_as_if_not_given_and_the_rest_is_told() -> None:
    given = decode_inbox(json.dumps(STORE | {"emotion": {"valence": None}}).encode())
    error = refused(emotion={"valence": None, "mood": None}, tags=[None], content=None)

    assert isinstance(given, Store)
    assert given.emotion == Emotion()
    assert [each["field"] for each in error.details["problems"]] == [
        *("content", "tags.0", "emotion.mood"),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"emotion": {"mood": 1}},
            "emotion.mood: is not a field here; known: arousal, salience, valence",
        ),
        (
            {"derived_from": [{"memory_id": str(UUID(int=1)), "share": 1}]},
            "derived_from.0.share: is not a field here; known: memory_id, weight",
        ),
    ],
)
def test_unknown_field_of_a_part_is_named_with_those_of_the_part(
    fields: dict[str, Any], message: str
) -> None:
    assert refused(**fields).message == message


def test_unknown_field_of_a_reply_is_named_with_the_known_ones() -> None:
    with pytest.raises(Rejected, match=r"^ok: is not a field here; known: error, position, result"):
        decode_reply(b'{"result": {}, "ok": true}')


def test_every_problem_is_listed_for_people_and_for_programs() -> None:
    error = refused(content="", namespace="a b", pinned="yes")

    assert error.message == (
        'namespace: must be 1 to 128 characters of A-Z a-z 0-9 . _ / : @ | + = ~ \' -, not "a b"; '
        "content: at least 1 characters, 0 sent; "
        'pinned: Input should be a valid boolean, not "yes"'
    )
    assert [p["field"] for p in error.details["problems"]] == ["namespace", "content", "pinned"]


def test_problem_of_the_whole_message_has_no_field() -> None:
    search = {"type": "search", "namespace": "a", "query": "x"}
    window = {"created_after": "2026-01-02T00:00:00Z", "created_before": "2026-01-01T00:00:00Z"}

    with pytest.raises(Rejected, match=r"^created_after must be before created_before$") as caught:
        decode_query(json.dumps(search | window).encode())

    assert caught.value.details["problems"][0]["field"] == ""


def test_error_stays_small_whatever_was_sent() -> None:
    error = refused(**{f"{number}" + "x" * 100_000: 1 for number in range(100)})
    types = refused(type="x" * 1_000_000)

    assert len(error.message) < 2_000
    assert error.message.endswith("…; and 90 more")
    assert len(error.details["problems"]) == 10
    assert len(json.dumps(error.details)) < 10_000
    assert len(json.dumps(types.details)) < 1_000


def test_control_characters_of_a_field_name_do_not_reach_the_log() -> None:
    assert refused(**{"a\nERROR forged": 1}).message.isprintable()


@pytest.mark.parametrize(
    ("field", "value"),
    [("pinned", "true"), ("pinned", 1), ("content", 5), ("tags", "a"), ("metadata", [])],
)
def test_value_of_another_type_is_refused_not_converted(field: str, value: Any) -> None:
    assert refused(**{field: value}).message.startswith(f"{field}: Input should be a")


def test_number_sent_as_text_is_refused_not_converted() -> None:
    with pytest.raises(Rejected, match=r'^top_k: Input should be a valid integer, not "7"$'):
        decode_query(b'{"type": "search", "namespace": "a", "query": "x", "top_k": "7"}')


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2026-01-31T09:30:00.1239999Z", 1769851800123),
        ("2026-01-31T09:30:00.123456789012Z", 1769851800123),
        ("2026-01-31t10:30:00+01:00", 1769851800000),
        ("2026-01-31 04:00:00.000-05:30", 1769851800000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("2024-02-29T00:00:00Z", 1709164800000),
    ],
)
def test_time_is_kept_in_whole_milliseconds_rounded_down(sent: str, kept: int) -> None:
    stored = decode_inbox(json.dumps(STORE | {"occurred_at": sent}).encode())

    assert stored.occurred_at == kept


@pytest.mark.parametrize(
    "sent",
    [
        "2026-01-31T09:30:00",
        "2026-01-31",
        "2026-01-31T09:30Z",
        "20260131T093000Z",
        "2026-W05-6T09:30:00Z",
        "2026-01-31T09:30:00Z\n",
        "２０２６-01-31T09:30:00Z",
        "+12026-01-31T09:30:00Z",
        "1700000000",
        "now",
        "",
        1700000000,
        1700000000000,
        1.5,
        True,
        [2026, 1, 31],
    ],
)
def test_time_that_leaves_room_for_doubt_is_refused(sent: Any) -> None:
    assert refused(occurred_at=sent).message.startswith(
        "occurred_at: a time is an RFC 3339 string with its zone, such as 2026-01-31T09:30:00Z"
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("2016-12-31T23:59:60Z", "second must be in 0..59"),
        ("2025-02-29T00:00:00Z", "day is out of range"),
        ("2026-01-31T24:00:00Z", "hour must be in 0..23"),
        ("0000-01-01T00:00:00Z", "year 0 is out of range"),
    ],
)
def test_time_that_does_not_exist_is_refused(sent: str, reason: str) -> None:
    assert refused(occurred_at=sent).message.startswith(f"occurred_at: no such time: {reason}")


@pytest.mark.parametrize("sent", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_time_that_utc_cannot_write_is_refused(sent: str) -> None:
    message = refused(occurred_at=sent).message

    assert message.startswith("occurred_at: a time must be between the years 1 and 9999, in UTC")


def test_own_code_may_give_times_as_milliseconds_or_with_a_zone() -> None:
    moment = datetime(2026, 1, 31, 10, 30, tzinfo=timezone(timedelta(hours=1)))

    stores = [
        Store(namespace="a", content="x", occurred_at=time)
        for time in (1769851800000, moment, moment.astimezone(UTC))
    ]

    assert {store.occurred_at for store in stores} == {1769851800000}


@pytest.mark.parametrize("time", [datetime(2026, 1, 31), 10**15, -(10**15)])
def test_own_code_may_not_give_times_without_a_zone_or_out_of_range(time: Any) -> None:
    with pytest.raises(ValidationError, match="a time"):
        Store(namespace="a", content="x", occurred_at=time)


def test_lone_surrogate_from_our_own_code_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValidationError, match=r"content\n.*nicode"):
        INBOX_MESSAGE.validate_python(STORE | {"content": "\ud800"})
    with pytest.raises(ValidationError, match=r"metadata\n.*not every reader of JSON"):
        INBOX_MESSAGE.validate_python(STORE | {"metadata": {"k": "\ud800"}})


def test_error_goes_through_a_reply_and_comes_back_as_its_class() -> None:
    reply = error_reply(NotFound("no memory", memory_id=UUID(int=1), score=float("nan")))

    with pytest.raises(NotFound, match=r"^no memory$") as caught:
        reply.unwrap()

    assert caught.value.details == {"memory_id": str(UUID(int=1)), "score": "NaN"}


def test_error_of_a_code_we_do_not_know_becomes_the_root_class() -> None:
    error = error_from_reply("overloaded", "later", {})

    assert type(error) is MemoryServiceError


@pytest.mark.parametrize(
    "sent", [b"{}", b'{"result": {}, "error": {"code": "timeout", "message": ""}}']
)
def test_reply_with_both_or_neither_of_result_and_error_is_rejected(sent: bytes) -> None:
    with pytest.raises(Rejected, match=r"^a reply has either a result or an error$"):
        decode_reply(sent)


@pytest.mark.parametrize("field", ["top_k", "seed"])
def test_number_without_a_fraction_is_whole_also_with_a_point(field: str) -> None:
    query = {"type": "search", "namespace": "n", "query": "tea", field: 5.0}

    assert getattr(decode_query(json.dumps(query).encode()), field) == 5
