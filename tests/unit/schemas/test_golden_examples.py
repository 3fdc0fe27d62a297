"""Every golden example is read for ever: what is in a log today must stay readable."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

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
from schemas.fields import Message

SCHEMAS = Path(__file__).parents[3] / "schemas"
GOLDEN = {path.stem: json.loads(path.read_text()) for path in SCHEMAS.glob("golden/*.json")}
# The dead letter is headers beside foreign bytes, and has a test of its own.
BY_CODEC = sorted(name for name in GOLDEN if name != "dead-letter")

Decoder = Callable[[bytes], Message]


def message_of(example: str) -> str:
    """The message an example is of: the longest name that the file's name starts with."""
    names = [name for name in MESSAGES if f"{example}.".startswith(f"{name}.")]
    return max(names, key=len)


def decoder(example: str) -> Decoder:
    name = message_of(example)
    for messages, decode in (
        (COMMANDS, decode_inbox),
        (EVENTS, decode_event),
        (QUERIES, decode_query),
        (MAINTENANCE, decode_maintenance),
    ):
        if name in messages:
            return decode
    return decode_reply


def missing_from(part: Any, whole: Any) -> list[str]:
    """What of `part` is not, unchanged, in `whole`."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return [
            f"{key}.{path}".rstrip(".")
            for key in part
            for path in ([""] if key not in whole else missing_from(part[key], whole[key]))
        ]
    return [] if part == whole and type(part) is type(whole) else [""]


def fields_of(value: Any, path: str = "") -> set[str]:
    if not isinstance(value, dict):
        return {path}
    return {path} | {p for k, v in value.items() for p in fields_of(v, f"{path}/{k}")}


@pytest.mark.parametrize("example", BY_CODEC)
def test_example_is_read_and_written_again_with_all_it_had(example: str) -> None:
    data = GOLDEN[example]

    message = decoder(example)(json.dumps(data).encode())

    assert missing_from(data, json.loads(encode(message))) == []
    assert decoder(example)(encode(message)) == message


@pytest.mark.parametrize("example", BY_CODEC)
def test_example_is_valid_under_the_json_schema_of_its_message(example: str) -> None:
    name = message_of(example)
    envelope = "reply" if name in RESULTS else name

    errors = list(_validator(envelope).iter_errors(GOLDEN[example]))
    if name in RESULTS:
        errors += _validator(name).iter_errors(GOLDEN[example]["result"])

    assert errors == []


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_message_has_examples_that_show_each_of_its_fields(name: str) -> None:
    examples = [data for example, data in GOLDEN.items() if message_of(example) == name]
    if name in RESULTS:
        examples = [data["result"] for data in examples]
    if name == "dead-letter":
        examples = [
            {key.removeprefix("dead_letter_"): value for key, value in data["headers"].items()}
            for data in examples
        ]

    shown = set().union(*map(fields_of, examples))

    assert {f"/{field}" for field in MESSAGES[name].model_fields} <= shown
    if name in EVENTS:
        data = EVENTS[name].model_fields["data"].annotation
        assert data is not None
        assert {f"/data/{field}" for field in data.model_fields} <= shown


def test_dead_letter_example_has_the_headers_that_are_written_and_read() -> None:
    headers = {k: v.encode() for k, v in GOLDEN["dead-letter"]["headers"].items()}

    reason = DeadLetterReason.from_headers(headers)

    assert dict(reason.headers()).items() <= headers.items()
    assert headers.keys() - dict(reason.headers()).keys() == {"correlation_id"}
    assert list(_validator("dead-letter").iter_errors(reason.model_dump(mode="json"))) == []


def test_every_result_of_a_reply_example_is_what_its_model_reads() -> None:
    for name, model in RESULTS.items():
        result = decode_reply(json.dumps(GOLDEN[name]).encode()).unwrap()

        assert (
            json.loads(model.model_validate(result).model_dump_json(exclude_unset=True)) == result
        )


def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((SCHEMAS / f"json/{name}.json").read_text()))
