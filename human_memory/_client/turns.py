"""The turn of a conversation, as chat models have it, as memories to store."""

from collections.abc import Iterable, Mapping
from typing import Any

from human_memory._client.arguments import TurnMore
from human_memory.exceptions import ValidationError

# Who says nothing that happened: instructions, and what programs answer a model.
_PASSED_OVER = frozenset({"system", "developer", "tool", "function"})
# What a model may send in place of a text.
_NO_TEXT = frozenset({"tool_calls", "function_call", "refusal", "audio"})


def turn_items(messages: Iterable[Mapping[str, Any]], more: TurnMore) -> list[dict[str, Any]]:
    """A memory for each message with a text, said by its `name` or else its `role`.

    Raises:
        ValidationError: a message is none.

    >>> turn_items([{"role": "user", "name": "Noemi", "content": "I moved to Bern."}], {})
    [{'content': 'I moved to Bern.', 'speaker': 'Noemi'}]
    """
    shared = {k: v for k, v in more.items() if k not in ("idempotency_key", "namespace")}
    items = []
    if isinstance(messages, str | Mapping):
        raise ValidationError("messages: must be a list of messages")
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping):
            raise ValidationError(f"messages.{number}: must be an object with role and content")
        role = message.get("role")
        if not isinstance(role, str) or not role:
            raise ValidationError(f"messages.{number}.role: who said it, such as user or assistant")
        if role not in _PASSED_OVER and not {"content", *_NO_TEXT} & message.keys():
            raise ValidationError(f"messages.{number}.content: is missing")
        text = _text(message.get("content"), f"messages.{number}.content")
        if role not in _PASSED_OVER and text.strip():
            items.append({"content": text, "speaker": message.get("name") or role, **shared})
    return items


def _text(content: Any, place: str) -> str:
    """The text of a message; pictures and calls of tools have none."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) for part in content):
        parts = [part.get("text") for part in content if part.get("type") == "text"]
        if all(isinstance(part, str) for part in parts):
            return "\n".join(map(str, parts))
    raise ValidationError(f"{place}: a text, or a list of parts with a type")
