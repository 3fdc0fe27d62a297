"""Answers for an assistant: one text of bounded length, that says how to read on.

An assistant pays for every character, and reads no protocol: numbers have three digits, what is
empty is left out, and an answer without a result is a sentence.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from human_memory.models import MemoryDetail, MemoryInfo, MemoryPage

Json = dict[str, Any]

REPLY_CHARACTERS_MAX = 16_000
PART_CHARACTERS = 8_000
# The first at which all rows fit.
PREVIEW_CHARACTERS = (500, 250, 120, 60)
_LIST_CHARACTERS_MAX = 2_000
_LIST_OF_ROW_CHARACTERS_MAX = 200
# `list` itself cuts a content here.
_CUT_BY_LIST = 200
_DIGITS = 3

ACTIVE_NOTE = "Nothing is in focus: nothing was stored or used lately."
PREVIEW_NOTE = "A content that ends in … goes on: recall it by its memory_id to read the whole."


def text(answer: Mapping[str, Any], warnings: Sequence[str] = ()) -> str:
    """An answer as one line of JSON, with what it warns of."""
    told = {**answer, "warnings": warnings} if warnings else answer
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def rows(name: str, found: Sequence[BaseModel], nothing: str) -> Json:
    """Rows with the beginnings of their contents; the last are left out where even those are long.

    `nothing`: a sentence for an answer without rows.
    """
    if not found:
        return {name: [], "note": nothing}
    shown: list[Json] = []
    for characters in PREVIEW_CHARACTERS:
        shown = [_bounded(each, characters, _LIST_OF_ROW_CHARACTERS_MAX) for each in found]
        if len(text({name: shown})) <= REPLY_CHARACTERS_MAX:
            break
    while len(text({name: shown})) > REPLY_CHARACTERS_MAX:
        shown.pop()
    answer: Json = {name: shown}
    notes = []
    if any(str(row.get("content", "")).endswith("…") for row in shown):
        notes.append(PREVIEW_NOTE)
    if left_out := len(found) - len(shown):
        answer["left_out"] = left_out
        notes.append("Ask for fewer, or for something narrower, to see what is left out.")
    return answer | ({"note": " ".join(notes)} if notes else {})


def page(found: MemoryPage) -> Json:
    """A page of a list, and the cursor of the next."""
    items = [
        item.model_copy(update={"content": item.content + "…"})
        if len(item.content) == _CUT_BY_LIST
        else item
        for item in found.memories
    ]
    answer = rows("memories", items, "No memory is like that.") | {"total": found.total}
    if found.next_cursor is None:
        return answer
    return answer | {"next_cursor": found.next_cursor}


def part(memory: MemoryInfo, offset: int) -> Json:
    """A memory with the part of its content from `offset`, and where the next part begins."""
    content = memory.content[offset : offset + PART_CHARACTERS]
    answer = _bounded(memory, PART_CHARACTERS, _LIST_CHARACTERS_MAX) | {"content": content}
    end, whole = offset + len(content), len(memory.content)
    if not content:
        return answer | {"note": f"The content ends after {whole} characters."}
    if end < whole:
        note = f"This is a part of {whole} characters: recall it with offset {end} to read on."
        return answer | {"next_offset": end, "note": note}
    return answer


def detail(memory: MemoryDetail) -> Json:
    """Everything about a memory: the beginning of its content, and of each long list."""
    answer = one(memory)
    if memory.metadata:
        answer["metadata"] = memory.metadata  # somebody's own, and bounded as it is
    return answer | ({"note": PREVIEW_NOTE} if answer["content"].endswith("…") else {})


def one(result: BaseModel) -> Json:
    """A result that has no rows."""
    return _bounded(result, PREVIEW_CHARACTERS[0], _LIST_CHARACTERS_MAX)


def _bounded(result: BaseModel, characters: int, list_characters: int) -> Json:
    answer: Json = {}
    for name, value in result.model_dump(exclude_none=True).items():
        if isinstance(value, list):
            shown = _beginning([_tidy(each, characters) for each in value], list_characters)
            if len(shown) < len(value):
                answer[f"{name}_left_out"] = len(value) - len(shown)
            value = shown
        elif name != "metadata":
            value = _tidy(value, characters)
        if value not in ([], {}, ""):
            answer[name] = value
    return answer


def _beginning(items: list[Any], characters: int) -> list[Any]:
    shown = []
    for item in items:
        characters -= len(text({"": item}))
        if characters < 0:
            break
        shown.append(item)
    return shown


def _tidy(value: Any, characters: int) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) + 0.0  # no -0.0
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[:characters]}…"
    if isinstance(value, dict):
        return {name: _tidy(each, characters) for name, each in value.items()}
    return value
