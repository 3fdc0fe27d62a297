"""JSON Schemas (2020-12) of messages, and the reference pages that are read from the models."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from schemas import limits
from schemas.catalogue import EVENTS, GUIDES, RESULTS, TopicGuide
from schemas.events import Event

_NOTICE = "<!-- Written by `python -m schemas.generate`: change the models, not this page. -->"
_PATTERNS = {
    limits.NOT_BLANK_PATTERN: "not blank",
    limits.TAG_PATTERN: "not empty, no control characters, no blanks at its ends",
    limits.IDEMPOTENCY_KEY_PATTERN: "visible ASCII",
}
_TOPICS_INTRODUCTION = """\
Six topics, created by `human-memory topics apply` and never automatically. Their names may carry
a prefix. The number of partitions is a setting; it can't change later, because the partition of a
namespace would. Producers that are not Java must partition by murmur2 (librdkafka:
`partitioner=murmur2_random`), or one namespace lands on two partitions. Every topic has the
broker's time on its records (`LogAppendTime`); when something happened is in the message."""
_MESSAGES_INTRODUCTION = """\
Values are JSON in UTF-8. Unknown fields, and numbers that are not finite, are refused. In commands
and queries `null` for an optional field is the same as leaving it out. Times are RFC 3339 with a
zone, kept as whole milliseconds in UTC. JSON Schemas: `schemas/json/`; one example of each:
`schemas/golden/`; the whole bus as AsyncAPI 3: `schemas/asyncapi.json`."""


def topics_page() -> str:
    """docs/reference/topics.md."""
    sections = [_NOTICE, "# Topics", _TOPICS_INTRODUCTION]
    for guide in GUIDES:
        settings = ", ".join(f"`{k}={v}`" for k, v in guide.topic.settings().items())
        sections += [
            f"## {guide.topic.name}",
            guide.summary,
            "\n".join(
                (
                    f"- Key: {guide.key}",
                    f"- Written by: {guide.written_by}",
                    f"- Read by: {guide.read_by}",
                    f"- Settings: {settings}",
                    f"- Messages: {', '.join(_link(name) for name in guide.messages)}",
                )
            ),
            _table(
                ("header", "required", "meaning"),
                (
                    (f"`{header}`", "yes" if header in guide.required_headers else "", text)
                    for header, text in guide.headers.items()
                ),
            ),
        ]
    return "\n\n".join(sections) + "\n"


def messages_page() -> str:
    """docs/reference/messages.md."""
    sections = [_NOTICE, "# Messages", _MESSAGES_INTRODUCTION]
    objects: dict[str, dict[str, Any]] = {}
    for guide in GUIDES:
        sections += [f"## {guide.topic.name}", guide.summary]
        if guide.messages is EVENTS:
            sections += ["Every event has this envelope; below is what `data` holds.", _envelope()]
        for name, schema in _schemas(guide):
            sections += _section(name, schema, objects)
    sections += ["## Results", "What the `result` of a reply holds."]
    for name, model in RESULTS.items():
        sections += _section(name, schema_of(name, TypeAdapter(model)), objects)
    sections += ["## Objects", "Parts of the messages above."]
    for name in sorted(objects):
        sections += [f"### {name}", *_body(objects[name])]
    return "\n\n".join(sections) + "\n"


def _schemas(guide: TopicGuide) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in guide.messages.items():
        schema = schema_of(name, TypeAdapter(model))
        if guide.messages is EVENTS:
            data = schema["$defs"].pop(schema["properties"]["data"]["$ref"].rpartition("/")[2])
            schema |= {"properties": data["properties"], "required": data.get("required", [])}
        yield name, schema


def _section(name: str, schema: dict[str, Any], objects: dict[str, Any]) -> list[str]:
    objects |= {k: v for k, v in schema.get("$defs", {}).items() if "properties" in v}
    return [f"### {name}", *_body(schema)]


def _body(schema: dict[str, Any]) -> list[str]:
    text = schema.get("description", "").strip()
    fields = schema["properties"]
    rows = (
        _row(field, node, field in schema.get("required", ())) for field, node in fields.items()
    )
    return [part for part in (text, _table(("field", "type", "default", "meaning"), rows)) if part]


def _envelope() -> str:
    schema = schema_of("event", TypeAdapter(Event))
    rows = [_row(f, node, f in schema["required"]) for f, node in schema["properties"].items()]
    rows.append(("`type`", "string", "required", "What happened, and the version of its form."))
    return _table(("field", "type", "default", "meaning"), iter(rows))


def _row(field: str, node: dict[str, Any], required: bool) -> tuple[str, str, str, str]:
    default = "required" if required else _value(node.get("default"))
    branches = node.get("anyOf", [node])
    meaning = next((n["description"] for n in (node, *branches) if "description" in n), "")
    words = " or ".join(_type(branch) for branch in branches if branch.get("type") != "null")
    return f"`{field}`", words, default, meaning


def _value(default: Any) -> str:
    if isinstance(default, dict):
        default = {key: value for key, value in default.items() if value is not None}
    return "" if default is None else f"`{json.dumps(default)}`"


def _type(node: dict[str, Any]) -> str:
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        return {"JsonValue": "any JSON"}.get(name, name)
    if "const" in node:
        return _value(node["const"])
    if "enum" in node:
        return ", ".join(map(_value, node["enum"]))
    if node.get("type") == "array":
        return f"array of ({_type(node['items'])}){_bounds(node, 'Items', 'item')}"
    if isinstance(values := node.get("additionalProperties"), dict):
        return f"object of {_type(values)}"
    form = str(node.get("format", node.get("type", "any")))
    words = {"date-time": "time", "uuid": "UUID"}.get(form, form)
    return words + _bounds(node, "Length", "character") + _range(node) + _pattern(node)


def _bounds(node: dict[str, Any], what: str, unit: str) -> str:
    least, most = node.get(f"min{what}", 0), node.get(f"max{what}")
    if most is None:
        return f", at least {least} {unit}" if least else ""
    return f", {least} to {most:,} {unit}s" if least else f", at most {most:,} {unit}s"


def _range(node: dict[str, Any]) -> str:
    words = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
    }
    return "".join(f", {sign} {_number(node[key])}" for key, sign in words.items() if key in node)


def _number(value: float) -> str:
    return f"{int(value) if value == int(value) else value:,}"


def _pattern(node: dict[str, Any]) -> str:
    pattern = node.get("pattern", "")
    in_a_cell = pattern.replace("|", "\\|")
    return f", {_PATTERNS.get(pattern, f'`{in_a_cell}`')}" if pattern else ""


def _link(name: str) -> str:
    return f"[`{name}`](messages.md#{name.replace('.', '')})"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n{body}" if body else ""


DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _WithoutFieldTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # "Memory Id" for memory_id says nothing


def schema_of(name: str, adapter: TypeAdapter[Any]) -> dict[str, Any]:
    """The schema of the message or union called `name`."""
    schema = adapter.json_schema(schema_generator=_WithoutFieldTitles)
    for definition in (schema, *schema.get("$defs", {}).values()):
        referable(definition)
    return schema | {"$schema": DIALECT, "$id": f"urn:human-memory:schema:{name}", "title": name}


def referable(schema: dict[str, Any]) -> None:
    """Require `type` where it tells messages apart: for the model alone it is a default."""
    if "const" in schema.get("properties", {}).get("type", {}):
        schema["required"] = sorted({*schema.get("required", ()), "type"})
