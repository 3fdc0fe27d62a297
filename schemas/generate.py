"""Write what is derived from the code: JSON Schemas, the AsyncAPI document, reference pages.

`python -m schemas.generate` writes them, `--check` only says which are out of date.
"""

import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from schemas.catalogue import GUIDES, MESSAGES, RESULTS, TopicGuide
from schemas.reference import messages_page, referable, schema_of, topics_page
from schemas.topics import CONTRACT_VERSION, DEAD_LETTERS, TOPICS

ROOT = Path(__file__).resolve().parent.parent
# The services that FastStream describes.
SERVICES = ("ingest", "projection", "retrieval", "maintenance")


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` name those that differ; 1 if any does."""
    stale = [path for path, text in generated() if not _has(path, text)]
    for path, text in generated():
        if path in stale and "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    if "--check" not in arguments:
        return 0
    leftover = sorted(set((ROOT / "schemas/json").glob("*.json")) - dict(generated()).keys())
    for path in stale:
        print(f"{path.relative_to(ROOT)} is out of date: run `python -m schemas.generate`")
    for path in leftover:
        print(f"{path.relative_to(ROOT)} belongs to no message: delete it")
    return 1 if stale or leftover else 0


def generated() -> Iterator[tuple[Path, str]]:
    """Every derived file with the text it must have."""
    for name, model in MESSAGES.items():
        yield ROOT / f"schemas/json/{name}.json", _json(schema_of(name, TypeAdapter(model)))
    for guide in GUIDES:
        name = guide.topic.name
        yield ROOT / f"schemas/json/{name}.json", _json(schema_of(name, guide.union))
    yield ROOT / "schemas/asyncapi.json", _json(asyncapi())
    yield ROOT / "docs/reference/topics.md", topics_page()
    yield ROOT / "docs/reference/messages.md", messages_page()


def asyncapi() -> dict[str, Any]:
    """The bus as an AsyncAPI 3 document: what FastStream says of each service, as one system."""
    document: dict[str, Any] = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "human-memory",
            "version": CONTRACT_VERSION,
            "description": "A memory for AI agents, over Apache Kafka. Messages are JSON in UTF-8.",
        },
        "defaultContentType": "application/json",
        "servers": {"development": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": {}},
    }
    for service in SERVICES:
        _add_service(document, service, specification_of(service))
    for guide in GUIDES:
        _complete(document, guide)
    schemas = document["components"]["schemas"]
    for model in RESULTS.values():
        result = TypeAdapter(model).json_schema(ref_template="#/components/schemas/{model}")
        schemas |= result.pop("$defs", {})
        schemas[model.__name__] = result
    for schema in schemas.values():
        referable(schema)
    return document


def specification_of(service: str) -> dict[str, Any]:
    """FastStream's document of one service, as `faststream docs gen` writes it."""
    # By name: the contract imports none of those who keep to it.
    app = import_module(f"services.{service}.app").app
    document: dict[str, Any] = app.schema.to_specification().to_jsonable()
    return document


def _add_service(document: dict[str, Any], service: str, own: dict[str, Any]) -> None:
    """Add what one service reads and writes: a channel is the topic that several of them share.

    Raises:
        ValueError: the services do not agree on what is in a topic.
    """
    schemas = document["components"]["schemas"]
    for operation in own["operations"].values():
        channel = _resolved(own, operation["channel"])
        if not channel["messages"]:
            continue  # health and readiness, over HTTP
        # The environment may have a prefix, the contract has none.
        (topic,) = (each.name for each in TOPICS if channel["address"].endswith(each.name))
        (message,) = (_resolved(own, each) for each in channel["messages"].values())
        payload = _resolved(own, message["payload"])
        if ":" in payload["title"]:  # named after who reads or writes it; a model has its own name
            payload = payload | {"title": f"{topic}:Payload"}
        if schemas.setdefault(payload["title"], payload) != payload:
            raise ValueError(f"{service} has other messages in {topic} than the services before it")
        document["components"]["messages"][topic] = {
            "title": topic,
            "correlationId": message["correlationId"],
            "payload": {"$ref": f"#/components/schemas/{payload['title']}"},
        }
        document["channels"][topic] = {
            "address": topic,
            "bindings": {"kafka": channel["bindings"]["kafka"] | {"topic": topic}},
            "messages": {"message": {"$ref": f"#/components/messages/{topic}"}},
        }
        document["operations"][f"{service}.{operation['action']}.{topic}"] = {
            "action": operation["action"],
            "channel": {"$ref": f"#/channels/{topic}"},
            "messages": [{"$ref": f"#/channels/{topic}/messages/message"}],
        }
    payloads = {_name(message["payload"]) for message in own["components"]["messages"].values()}
    schemas |= {k: v for k, v in own["components"]["schemas"].items() if k not in payloads}


def _resolved(document: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    found = document
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found if "$ref" not in found else _resolved(document, found)


def _name(reference: dict[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _complete(document: dict[str, Any], guide: TopicGuide) -> None:
    name = guide.topic.name
    channel = document["channels"][name]
    channel["description"] = f"{guide.summary} Key: {guide.key}."
    channel["bindings"]["kafka"]["topicConfiguration"] = {
        "cleanup.policy": ["delete"],
        "retention.ms": guide.topic.retention_ms,
        "max.message.bytes": guide.topic.record_bytes_max,
    }
    message = document["components"]["messages"][name]
    message["description"] = guide.summary
    message["headers"] = {
        "type": "object",
        "properties": {
            header: {"type": "string", "description": text}
            for header, text in guide.headers.items()
        },
        "required": list(guide.required_headers),
    }
    message["bindings"] = {"kafka": {"key": {"type": "string", "description": guide.key}}}
    if guide.topic is DEAD_LETTERS:
        message["contentType"] = "application/octet-stream"


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
