"""What is derived from the models is up to date, valid, and covers every topic."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import generate
from schemas.catalogue import GUIDES, MESSAGES, RESULTS
from schemas.topics import TOPICS

ASYNCAPI: dict[str, Any] = generate.asyncapi()


def test_generated_files_are_those_the_models_give(capsys: pytest.CaptureFixture[str]) -> None:
    status = generate.main(["--check"])

    assert (status, capsys.readouterr().out) == (0, "")


def test_check_names_what_is_out_of_date_and_what_belongs_to_no_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    generate.main([])
    (tmp_path / "schemas/json/inbox.store.json").write_text("{}")
    (tmp_path / "schemas/json/inbox.gone.json").write_text("{}")
    capsys.readouterr()

    status = generate.main(["--check"])

    out = capsys.readouterr().out
    assert status == 1
    assert "schemas/json/inbox.store.json is out of date: run `python -m schemas.generate`" in out
    assert "schemas/json/inbox.gone.json belongs to no message: delete it" in out
    assert len(out.splitlines()) == 2


def test_generating_twice_gives_the_same_bytes() -> None:
    assert dict(generate.generated()) == dict(generate.generated())


@pytest.mark.parametrize("name", sorted({*MESSAGES, *(guide.topic.name for guide in GUIDES)}))
def test_json_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = json.loads((generate.ROOT / f"schemas/json/{name}.json").read_text())

    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:human-memory:schema:{name}"
    assert schema["title"] == name


def test_json_schema_of_a_message_refuses_unknown_fields_and_requires_its_type() -> None:
    schema = json.loads((generate.ROOT / "schemas/json/inbox.store.json").read_text())
    validator = Draft202012Validator(schema)

    problems = validator.iter_errors({"namespace": "a", "content": "x", "contents": "x"})

    assert sorted(str(problem.validator) for problem in problems) == [
        "additionalProperties",
        "required",
    ]


def test_asyncapi_document_has_every_topic_with_its_settings() -> None:
    channels = ASYNCAPI["channels"].values()

    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {c["address"] for c in channels} == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        settings = ASYNCAPI["channels"][topic.name]["bindings"]["kafka"]["topicConfiguration"]
        assert settings["retention.ms"] == topic.retention_ms


def test_asyncapi_document_has_the_schema_of_every_message_and_result() -> None:
    models = {m.__name__ for n, m in MESSAGES.items() if n != "dead-letter"}

    assert (
        models | {m.__name__ for m in RESULTS.values()} <= ASYNCAPI["components"]["schemas"].keys()
    )
    for schema in ASYNCAPI["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("topic", ["memory.inbox", "memory.queries"])
def test_asyncapi_document_has_the_headers_of_a_request(topic: str) -> None:
    (reference,) = ASYNCAPI["channels"][topic]["messages"].values()

    headers = _at(ASYNCAPI, reference["$ref"])["headers"]["properties"]

    assert {"correlation_id", "reply_to", "reply_partition", "timeout_ms"} <= headers.keys()


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    references = list(_references(ASYNCAPI))

    assert len(references) > len(MESSAGES)
    for reference in references:
        assert _at(ASYNCAPI, reference) is not None, reference


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for item in node.values() for found in _references(item)]


def _at(document: Any, reference: str) -> Any:
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node
