"""Every limit: what is exactly at it is accepted, what is one over it is refused by name."""

import json
from typing import Any
from uuid import UUID

import pytest

from schemas import limits
from schemas.codec import decode_event, decode_inbox, decode_query, encode
from schemas.errors import LimitExceeded, Rejected
from schemas.inbox import SetParameters, Store
from schemas.replies import Reply

STORE = {"type": "store", "namespace": "acme/agent-7", "content": "Ana moved to Lisbon."}
ACCESS = {"type": "access", "namespace": "a"}
CONCEPT = {"type": "concept", "namespace": "a", "name": "Lisbon"}
RELATION = {"type": "relation", "namespace": "a", "source": "Ana", "target": "Lisbon"}
SEARCH = {"type": "search", "namespace": "a", "query": "where?"}
LIST = {"type": "list", "namespace": "a"}
SPREAD = {"type": "spread", "namespace": "a", "active_concepts": []}
FORGET = {"type": "forget", "namespace": "a", "memory_id": str(UUID(int=1))}
LETTER = "ß"  # two bytes, one character: limits count characters


def text(length: int) -> str:
    return LETTER * length


def texts(count: int) -> list[str]:
    return [f"t{number}" for number in range(count)]


def uuids(count: int) -> list[str]:
    return [str(UUID(int=number)) for number in range(count)]


def sources(count: int) -> list[dict[str, str]]:
    return [{"memory_id": memory_id} for memory_id in uuids(count)]


def decode(message: dict[str, Any], **fields: Any) -> Any:
    decoder = decode_query if message in (SEARCH, LIST, SPREAD) else decode_inbox
    return decoder(json.dumps(message | fields).encode())


def metadata(size_bytes: int) -> dict[str, str]:
    return {"k": "x" * (size_bytes - len('{"k":""}'))}


LENGTHS = [
    (STORE, "content", text, limits.CONTENT_CHARACTERS_MAX, "characters"),
    (STORE, "context", text, limits.CONTEXT_CHARACTERS_MAX, "characters"),
    (STORE, "memory_type", text, limits.MEMORY_TYPE_CHARACTERS_MAX, "characters"),
    (STORE, "session", text, limits.LABEL_CHARACTERS_MAX, "characters"),
    (STORE, "speaker", text, limits.LABEL_CHARACTERS_MAX, "characters"),
    (STORE, "idempotency_key", "k".__mul__, limits.IDEMPOTENCY_KEY_CHARACTERS_MAX, "characters"),
    (STORE, "tags", texts, limits.TAGS_MAX, "items"),
    (STORE, "concepts", texts, limits.CONCEPTS_MAX, "items"),
    (STORE, "derived_from", sources, limits.DERIVED_FROM_MAX, "items"),
    (STORE, "metadata", metadata, limits.METADATA_BYTES_MAX, "bytes"),
    (FORGET, "reason", text, limits.REASON_CHARACTERS_MAX, "characters"),
    (ACCESS, "memory_ids", uuids, limits.MEMORY_IDS_MAX, "items"),
    (CONCEPT, "name", text, limits.CONCEPT_NAME_CHARACTERS_MAX, "characters"),
    (CONCEPT, "concept_type", text, limits.CONCEPT_TYPE_CHARACTERS_MAX, "characters"),
    (RELATION, "relation_type", "k".__mul__, limits.RELATION_TYPE_CHARACTERS_MAX, "characters"),
    (CONCEPT, "aliases", texts, limits.ALIASES_MAX, "items"),
    (SEARCH, "query", text, limits.QUERY_CHARACTERS_MAX, "characters"),
    (SEARCH, "active_concepts", texts, limits.CONCEPTS_MAX, "items"),
]
NUMBERS = [
    (SEARCH, "top_k", 1, limits.TOP_K_MAX),
    (LIST, "limit", 1, limits.LIST_LIMIT_MAX),
    (LIST, "offset", 0, limits.LIST_OFFSET_MAX),
    (SPREAD, "depth", 1, limits.SPREAD_DEPTH_MAX),
    (SPREAD, "limit", 1, limits.SPREAD_LIMIT_MAX),
    (CONCEPT, "activation", 0, 1),
]


@pytest.mark.parametrize(
    "kind", ["LIVES_IN", "gehört zu", "住在", "हिन्दी में", "می\u200cرود", "Живёт_в", "a1", "x" * 64]
)
def test_relation_type_may_be_of_any_script_and_have_several_words(kind: str) -> None:
    assert decode(RELATION, relation_type=kind).relation_type == kind


@pytest.mark.parametrize(
    "kind", ["", " ", "1a", "_a", "a-b", " a", "a ", "a  b", "a\nb", "a.b", "→", "a'b", "a\x00"]
)
def test_relation_type_of_other_than_words_is_refused(kind: str) -> None:
    with pytest.raises(Rejected, match="relation_type: must be a letter of any script"):
        decode(RELATION, relation_type=kind)


@pytest.mark.parametrize(("message", "field", "make", "allowed", "unit"), LENGTHS)
def test_length_at_the_limit_is_accepted(
    message: dict[str, Any], field: str, make: Any, allowed: int, unit: str
) -> None:
    decoded = decode(message, **{field: make(allowed)})

    assert len(getattr(decoded, field)) in (allowed, 1)


@pytest.mark.parametrize(("message", "field", "make", "allowed", "unit"), LENGTHS)
def test_length_over_the_limit_is_refused_with_field_limit_and_what_was_sent(
    message: dict[str, Any], field: str, make: Any, allowed: int, unit: str
) -> None:
    with pytest.raises(LimitExceeded) as refused:
        decode(message, **{field: make(allowed + 1)})

    details = refused.value.details
    assert details["limit"] == f"{field}_{unit}"
    assert (details["allowed"], details["sent"]) == (allowed, allowed + 1)
    assert details["problems"][0]["field"] == field
    assert refused.value.message.startswith(
        f"{field}_{unit}: {allowed + 1:,} sent, {allowed:,} allowed; "
    )


@pytest.mark.parametrize(("message", "field", "least", "most"), NUMBERS)
def test_numbers_from_the_least_to_the_most_are_accepted(
    message: dict[str, Any], field: str, least: int, most: int
) -> None:
    decoded = [decode(message, **{field: number}) for number in (least, most)]

    assert [getattr(one, field) for one in decoded] == [least, most]


@pytest.mark.parametrize(("message", "field", "least", "most"), NUMBERS)
def test_numbers_below_the_least_or_over_the_most_are_refused(
    message: dict[str, Any], field: str, least: int, most: int
) -> None:
    with pytest.raises(Rejected, match=f"^{field}: must be at least {least}, not {least - 1}$"):
        decode(message, **{field: least - 1})
    with pytest.raises(Rejected, match=f"^{field}: must be at most {most:,}, not {most + 1}$"):
        decode(message, **{field: most + 1})


@pytest.mark.parametrize("field", ["content", "memory_type", "session", "idempotency_key"])
def test_empty_text_is_refused(field: str) -> None:
    with pytest.raises(Rejected, match=f"^{field}: (at least 1 characters, 0 sent|must )"):
        decode(STORE, **{field: ""})


def test_context_may_be_empty() -> None:
    assert decode(STORE, context="").context == ""


@pytest.mark.parametrize(
    "namespace",
    [
        "a",
        "A.b_c/d-9",
        "a" * 128,
        "..",
        "/",
        "user:42",
        "auth0|5f7c",
        "o'neil+x@mail.example",
        "a=~",
    ],
)
def test_namespace_of_allowed_characters_is_accepted(namespace: str) -> None:
    assert decode(STORE, namespace=namespace).namespace == namespace


@pytest.mark.parametrize(
    "namespace", ["", "a" * 129, "a b", "a\n", "ä", "a*", "a%3A", "a{1}", 'a"', "a\x00"]
)
def test_other_namespace_is_refused(namespace: str) -> None:
    with pytest.raises(Rejected, match=r"^namespace: must be 1 to 128 characters of A-Z a-z 0-9"):
        decode(STORE, namespace=namespace)


@pytest.mark.parametrize("label", ["x", "two words", "naïve", "a,b", "日本", "a|b", "{x}", "-"])
def test_tag_and_type_that_the_index_keeps_as_sent_are_accepted(label: str) -> None:
    stored = decode(STORE, tags=[label], memory_type=label)

    assert (stored.tags, stored.memory_type) == ([label], label)


@pytest.mark.parametrize(
    "label", [" x", "x ", "\tx", "x\n", "a\x1fb", "a\x00b", "\u00a0x", "x\u3000", " ", ""]
)
def test_tag_or_type_that_the_index_would_change_is_refused(label: str) -> None:
    with pytest.raises(Rejected, match=r"^memory_type: must not be empty.*; tags\.0: must not be"):
        decode(STORE, tags=[label], memory_type=label)


@pytest.mark.parametrize("blank", [" ", "\n\t", "\u00a0\u3000", "\r\n "])
def test_text_of_white_space_only_is_refused(blank: str) -> None:
    with pytest.raises(Rejected, match=r"^content: must not be only white space, not"):
        decode(STORE, content=blank)
    with pytest.raises(Rejected, match=r"^query: must not be only white space"):
        decode(SEARCH, query=blank)


@pytest.mark.parametrize("name", [".", "..", "a/../b", "./a", "a/."])
def test_concept_name_that_no_path_can_carry_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match=r"^name: must not have . or .. between slashes"):
        decode(CONCEPT, name=name)


@pytest.mark.parametrize("key", ["with blank", "ä", "a\n", "\x7f"])
def test_idempotency_key_that_is_not_visible_ascii_is_refused(key: str) -> None:
    with pytest.raises(Rejected, match=r"^idempotency_key: must be visible ASCII"):
        decode(STORE, idempotency_key=key)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"k": value}
    return value


def test_metadata_at_the_depth_limit_is_accepted() -> None:
    stored = decode(STORE, metadata=nested(limits.METADATA_DEPTH_MAX))

    assert stored.metadata == nested(limits.METADATA_DEPTH_MAX)


@pytest.mark.parametrize("depth", [limits.METADATA_DEPTH_MAX + 1, 150])
def test_metadata_nested_deeper_is_refused(depth: int) -> None:
    with pytest.raises(Rejected, match=r"^metadata: nested at most 32 deep; flatten it"):
        decode(STORE, metadata=nested(depth))


@pytest.mark.parametrize("depth", [200, 255, 10_000, 400_000])
def test_json_nested_beyond_all_reason_is_refused_not_a_crash(depth: int) -> None:
    value = b'{"type":"store","namespace":"a","content":"x","metadata":{"k":'
    value += b"[" * depth + b"]" * depth + b"}}"

    with pytest.raises(Rejected, match="recursion limit exceeded"):
        decode_inbox(value)
    with pytest.raises(Rejected, match="recursion limit exceeded"):
        decode_event(value)


@pytest.mark.parametrize("number", [-(2**63), 2**64 - 1])
def test_integer_of_64_bits_in_metadata_is_kept_exactly(number: int) -> None:
    assert decode(STORE, metadata={"n": number}).metadata == {"n": number}


@pytest.mark.parametrize("number", [-(2**63) - 1, 2**64, 10**400])
def test_integer_beyond_64_bits_in_metadata_is_refused(number: int) -> None:
    with pytest.raises(Rejected, match=r"^metadata: .*64-bit range.*; send it as a string$"):
        decode(STORE, metadata={"n": number})


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_number_that_is_not_finite_is_refused(number: str) -> None:
    in_metadata = json.dumps(STORE)[:-1] + f', "metadata": {{"a": [{{"b": {number}}}]}}}}'
    in_emotion = json.dumps(STORE)[:-1] + f', "emotion": {{"valence": {number}}}}}'

    with pytest.raises(Rejected, match="finite"):
        decode_inbox(in_metadata.encode())
    with pytest.raises(Rejected, match=r"^emotion\.valence: "):
        decode_inbox(in_emotion.encode())


def test_message_as_large_as_a_record_is_encoded() -> None:
    frame = len(encode(Reply(result={"x": ""})))
    reply = Reply(result={"x": "x" * (limits.VALUE_BYTES_MAX - frame)})

    assert len(encode(reply)) == limits.VALUE_BYTES_MAX


def test_message_larger_than_a_record_is_refused() -> None:
    reply = Reply(result={"x": "x" * limits.VALUE_BYTES_MAX})

    with pytest.raises(LimitExceeded, match=r"^value_bytes: .* sent, 1,044,480 allowed; send less"):
        encode(reply)


def test_largest_memory_that_is_accepted_makes_an_event_that_fits_a_record() -> None:
    # The worst a character costs in JSON is six bytes, and content stands in the event twice.
    worst = "x" + "\x01" * (limits.CONTENT_CHARACTERS_MAX - 1)
    store = Store(
        namespace="a" * 128,
        content=worst,
        concepts=["x" + "\x01" * (limits.CONCEPT_NAME_CHARACTERS_MAX - 1)] * limits.CONCEPTS_MAX,
        tags=["\U0001f600" * limits.TAG_CHARACTERS_MAX] * limits.TAGS_MAX,
        context="\x01" * limits.CONTEXT_CHARACTERS_MAX,
        metadata=metadata(limits.METADATA_BYTES_MAX),
    )
    embedding_bytes = 4_096 * 2 * 4 // 3

    twice_the_content = len(encode(store)) + len(json.dumps(worst)) + embedding_bytes

    assert twice_the_content + 16_384 < limits.VALUE_BYTES_MAX


def test_number_without_a_fraction_is_a_parameter_that_counts() -> None:
    command = '{"type": "parameters", "namespace": "a", "parameters": {"focus_capacity": 12.0}}'

    found = decode_inbox(command.encode())

    assert isinstance(found, SetParameters)
    assert found.parameters.focus_capacity == 12
