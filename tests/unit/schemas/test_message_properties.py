"""Whatever the published JSON Schemas allow is read, written and read again as the same message.

The messages are made from the schemas, so this also holds the schemas to what the service does.
"""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from schemas.catalogue import COMMANDS, EVENTS, MAINTENANCE, MESSAGES, QUERIES, RESULTS
from schemas.codec import (
    decode_event,
    decode_inbox,
    decode_maintenance,
    decode_query,
    decode_reply,
    encode,
)
from schemas.dead_letters import DeadLetterReason
from schemas.errors import InvariantBroken, MemoryServiceError, Rejected
from schemas.fields import Message, rfc3339
from schemas.inbox import Store
from schemas.limits import TIME_MS_MAX, TIME_MS_MIN
from schemas.reference import schema_of

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]
DECODERS: list[tuple[dict[str, type[Message]], Callable[[bytes], Message]]] = [
    (COMMANDS, decode_inbox),
    (EVENTS, decode_event),
    (QUERIES, decode_query),
    (MAINTENANCE, decode_maintenance),
    ({"reply": MESSAGES["reply"]}, decode_reply),
]
ON_THE_BUS = [(name, decode) for messages, decode in DECODERS for name in messages]

# No line breaks: in a pattern `.` would not match them; slashes and dots have a test of their own.
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="./\n\r")
TIMES = st.integers(TIME_MS_MIN, TIME_MS_MAX).map(rfc3339)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS, max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(CHARACTERS, max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
METADATA = st.dictionaries(st.text(CHARACTERS, max_size=8), JSON_VALUES, max_size=4)


def values(node: Json, schema: Json) -> Strategy:
    """Values that `node`, a part of `schema`, allows."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name == "JsonValue":
            return JSON_VALUES
        return embeddings() if name == "Embedding" else values(schema["$defs"][name], schema)
    if "anyOf" in node:
        return st.one_of([values(branch, schema) for branch in node["anyOf"]])
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum", [node.get("const")]))
    return OF_TYPE[node["type"]](node, schema)


def strings(node: Json, _: Json) -> Strategy:
    if node.get("format") == "date-time":
        return TIMES
    if node.get("format") == "uuid":
        return st.uuids().map(str)
    most = min(node.get("maxLength", 40), 40)
    if "pattern" not in node:
        return st.text(CHARACTERS, min_size=node.get("minLength", 0), max_size=most)
    found = st.from_regex(node["pattern"], alphabet=CHARACTERS)
    # In Python `$` also matches before a last line break, in a JSON Schema it does not.
    cut = found.map(lambda text: text.rstrip("\n")[: node.get("maxLength", 200)])
    return cut.filter(lambda text: re.search(node["pattern"], text) is not None)


def numbers(node: Json, _: Json) -> Strategy:
    bounds = {"exclusiveMinimum": -1e9, "exclusiveMaximum": 1e9} | node
    least = bounds.get("minimum", bounds["exclusiveMinimum"])
    most = bounds.get("maximum", bounds["exclusiveMaximum"])
    if node["type"] == "integer":
        return st.integers(int(least), int(most) - ("exclusiveMaximum" in node))
    return st.floats(
        least,
        most,
        exclude_min="exclusiveMinimum" in node,
        exclude_max="exclusiveMaximum" in node,
    )


def arrays(node: Json, schema: Json) -> Strategy:
    return st.lists(values(node["items"], schema), min_size=node.get("minItems", 0), max_size=3)


def objects(node: Json, schema: Json) -> Strategy:
    if "properties" not in node:
        named = node["additionalProperties"]
        return (
            METADATA
            if named is True or "$ref" in named
            else st.dictionaries(st.text(CHARACTERS, max_size=8), values(named, schema), max_size=3)
        )
    fields = {name: values(field, schema) for name, field in node["properties"].items()}
    required = set(node.get("required", ()))
    optional = {name: field for name, field in fields.items() if name not in required}
    return st.fixed_dictionaries({name: fields[name] for name in required}, optional=optional)


OF_TYPE: dict[str, Callable[[Json, Json], Strategy]] = {
    "string": strings,
    "integer": numbers,
    "number": numbers,
    "array": arrays,
    "object": objects,
    "boolean": lambda _node, _schema: st.booleans(),
    "null": lambda _node, _schema: st.none(),
}


@st.composite
def embeddings(draw: st.DrawFn) -> Json:
    # That `data` fits `dimension` is more than a JSON Schema can say.
    dimension = draw(st.integers(1, 16))
    data = b64encode(draw(st.binary(min_size=2 * dimension, max_size=2 * dimension))).decode()
    return {"model": "any/model", "dimension": dimension, "data": data}


def possible(name: str, message: Json) -> bool:
    """Whether it keeps the rules between fields, which a JSON Schema can't say."""
    if name == "reply":
        return (message.get("result") is None) != (message.get("error") is None)
    if name == "inbox.correct":
        fields = ("content", "tags", "metadata", "expires_at")
        given = any(message.get(field) is not None for field in fields)
        return given != bool(message.get("reversed"))
    said = json.dumps(message.get("filter"))
    if "$" in said or "{}" in said[1:-1]:  # operators, and conditions that say nothing
        return False
    after, before = message.get("created_after"), message.get("created_before")
    return after is None or before is None or after < before


@pytest.mark.parametrize(("name", "decode"), ON_THE_BUS)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_message_the_schema_allows_survives_the_way_over_the_bus(
    name: str, decode: Callable[[bytes], Message], data: st.DataObject
) -> None:
    schema = schema_of(name, TypeAdapter(MESSAGES[name]))
    sent = data.draw(values(schema, schema).filter(lambda message: possible(name, message)))

    message = decode(json.dumps(sent).encode())

    assert decode(encode(message)) == message


@pytest.mark.parametrize("name", sorted(RESULTS))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_result_survives_the_way_through_a_reply(name: str, data: st.DataObject) -> None:
    model = RESULTS[name]
    schema = schema_of(name, TypeAdapter(model))
    result = model.model_validate(data.draw(values(schema, schema)))

    reply = MESSAGES["reply"].model_validate({"result": result.model_dump(mode="json")})

    assert model.model_validate(decode_reply(encode(reply)).unwrap()) == result


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_reason_of_a_dead_letter_survives_as_headers(data: st.DataObject) -> None:
    schema = schema_of("dead-letter", TypeAdapter(DeadLetterReason))
    reason = DeadLetterReason.model_validate(data.draw(values(schema, schema)))

    assert DeadLetterReason.from_headers(dict(reason.headers())) == reason


def refusal(decode: Callable[[bytes], Message], value: bytes) -> MemoryServiceError | None:
    try:
        decode(value)
    except (Rejected, InvariantBroken) as error:
        return error
    return None


@given(value=st.binary(max_size=200) | JSON_VALUES.map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_a_message_or_refused_in_a_few_words(value: bytes) -> None:
    refusals = [refusal(decode, value) for _, decode in DECODERS]

    assert all(0 < len(error.message) < 2_000 for error in refusals if error is not None)


@settings(deadline=None)
@given(fields=st.dictionaries(st.sampled_from(sorted(Store.model_fields)), JSON_VALUES))
def test_any_json_in_the_fields_of_a_store_is_refused_by_field(fields: Json) -> None:
    required = {"namespace", "content"}

    error = refusal(decode_inbox, json.dumps(fields | {"type": "store"}).encode())

    if error is None:
        assert required <= fields.keys()
    else:
        named = {problem["field"].partition(".")[0] for problem in error.details["problems"]}
        assert required - fields.keys() <= named <= Store.model_fields.keys()


@given(time_ms=st.integers(TIME_MS_MIN, TIME_MS_MAX))
def test_time_survives_as_text(time_ms: int) -> None:
    sent = {"type": "store", "namespace": "a", "content": "x", "occurred_at": rfc3339(time_ms)}

    stored = decode_inbox(json.dumps(sent).encode())

    assert stored.occurred_at == time_ms
