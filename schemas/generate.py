"""Write what is derived from the code: JSON Schemas, the AsyncAPI document, reference pages.

`python -m schemas.generate` writes them, `--check` only says which are out of date.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI
from pydantic import TypeAdapter

from schemas.catalogue import GUIDES, MESSAGES, RESULTS, TopicGuide
from schemas.events import MemoryEvent
from schemas.inbox import InboxMessage
from schemas.json_schema import referable, schema_of
from schemas.maintenance import MaintenanceCommand
from schemas.queries import Query
from schemas.reference import messages_page, topics_page
from schemas.replies import Reply
from schemas.topics import DEAD_LETTERS, EVENTS, INBOX, MAINTENANCE, QUERIES, REPLIES

ROOT = Path(__file__).resolve().parent.parent
# Of the contract, not of the software: a change that breaks a reader or a writer makes it 2.
CONTRACT_VERSION = "1.0.0"


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
    """The bus as an AsyncAPI 3 document: FastStream's, with the headers it leaves out."""
    specification = AsyncAPI(
        _documented_broker(),
        title="human-memory",
        version=CONTRACT_VERSION,
        description="A memory for AI agents, over Apache Kafka. Messages are JSON in UTF-8.",
    ).to_specification()
    document: dict[str, Any] = specification.to_jsonable()
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


def _documented_broker() -> KafkaBroker:
    # Never started: FastStream documents a bus by its handlers, and these stand for ours.
    broker = KafkaBroker("localhost:9092")

    @broker.publisher(EVENTS.name, title=EVENTS.name, schema=MemoryEvent)
    @broker.subscriber(INBOX.name, title=INBOX.name)
    async def ingest(message: InboxMessage) -> None: ...

    @broker.publisher(REPLIES.name, title=REPLIES.name)
    @broker.subscriber(QUERIES.name, title=QUERIES.name)
    async def retrieval(message: Query) -> Reply: ...  # type: ignore[empty-body] # never called

    @broker.publisher(DEAD_LETTERS.name, title=DEAD_LETTERS.name, schema=bytes)
    @broker.subscriber(MAINTENANCE.name, title=MAINTENANCE.name)
    async def maintenance(message: MaintenanceCommand) -> None: ...

    return broker


def _complete(document: dict[str, Any], guide: TopicGuide) -> None:
    name = guide.topic.name
    channel = document["channels"][name]
    channel["description"] = f"{guide.summary} Key: {guide.key}."
    channel["bindings"]["kafka"]["topicConfiguration"] = {
        "cleanup.policy": ["delete"],
        "retention.ms": guide.topic.retention_ms,
        "max.message.bytes": guide.topic.record_bytes_max,
    }
    (reference,) = channel["messages"].values()
    message = document["components"]["messages"][reference["$ref"].rpartition("/")[2]]
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
