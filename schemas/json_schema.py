"""JSON Schema (2020-12) of a message or a union of them."""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

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
