"""Turns of a conversation as memories."""

from typing import Any

import pytest

from human_memory import ValidationError
from human_memory._client.turns import turn_items


def test_each_message_with_a_text_is_a_memory_of_who_said_it() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "Noemi", "content": "I moved to Bern."},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "{}"},
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Welcome,"},
                {"type": "image_url", "image_url": {}},
                {"type": "text", "text": "then."},
            ],
        },
        {"role": "user", "content": " "},
    ]

    assert turn_items(messages, {"session": "s1", "tags": ["chat"]}) == [
        {"content": "I moved to Bern.", "speaker": "Noemi", "session": "s1", "tags": ["chat"]},
        {"content": "Welcome,\nthen.", "speaker": "assistant", "session": "s1", "tags": ["chat"]},
    ]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ({"content": "x"}, "messages.0.role"),
        ({"role": 7, "content": "x"}, "messages.0.role"),
        ({"role": "user", "content": 7}, "messages.0.content"),
        ({"role": "user", "contnt": "x"}, "messages.0.content: is missing"),
        ("user: x", "messages.0: must be an object"),
        ({"role": "user", "content": ["x"]}, "messages.0.content"),
        ({"role": "user", "content": [{"type": "text"}]}, "messages.0.content"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(message: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        turn_items([message], {})


@pytest.mark.parametrize("messages", ["x", {"role": "user", "content": "x"}])
def test_what_is_no_list_of_messages_is_refused(messages: Any) -> None:
    with pytest.raises(ValidationError, match="messages: must be a list"):
        turn_items(messages, {})
