"""Answers for an assistant: bounded, and nothing is lost that can't be read on."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from human_memory.mcp_answers import (
    PART_CHARACTERS,
    PREVIEW_CHARACTERS,
    REPLY_CHARACTERS_MAX,
    detail,
    one,
    page,
    part,
    rows,
    text,
)
from human_memory.models import (
    MemoryDetail,
    MemoryInfo,
    MemoryItem,
    MemoryPage,
    SearchResult,
    Stats,
)

NOW = "2026-02-01T00:00:00.000000Z"
NOTHING = "Nothing."
texts = st.text(st.characters(codec="utf-8"), max_size=600)
contents = st.builds(lambda piece, times: piece * times, texts, st.integers(1, 40))


def found(content: str, **more: Any) -> SearchResult:
    return SearchResult(
        memory_id="0" * 36,
        content=content,
        activation=1.23456,
        similarity=0.98765,
        last_accessed=NOW,
        access_count=3,
        **more,
    )


def recalled(content: str) -> MemoryInfo:
    return MemoryInfo(
        memory_id="m",
        content=content,
        activation=0.5,
        memory_type="episodic",
        created_at=NOW,
        last_accessed=NOW,
        access_count=1,
    )


@given(st.lists(contents, min_size=1, max_size=100), st.lists(texts, max_size=32))
def test_answer_of_rows_is_bounded_whatever_they_hold(held: list[str], tags: list[str]) -> None:
    answer = rows("memories", [found(each, tags=tags) for each in held], NOTHING)

    shown, left_out = answer["memories"], answer.get("left_out", 0)
    assert len(text({"memories": shown})) <= REPLY_CHARACTERS_MAX
    assert len(shown) + left_out == len(held)
    assert shown


@given(contents)
def test_parts_of_a_memory_are_its_content(content: str) -> None:
    offset: int | None = 0
    read = ""
    while offset is not None:
        answer = part(recalled(content), offset)
        read += answer["content"]
        offset = answer.get("next_offset")

    assert read == content


def test_seven_long_memories_are_shown_by_their_beginnings() -> None:
    answer = rows("memories", [found("word " * 2_800)] * 7, NOTHING)

    assert len(text(answer)) < 6_000
    assert {len(row["content"]) for row in answer["memories"]} == {PREVIEW_CHARACTERS[0] + 1}
    assert "recall" in answer["note"]


def test_answer_without_rows_says_so() -> None:
    assert rows("memories", [], NOTHING) == {"memories": [], "note": NOTHING}


def test_offset_behind_the_end_says_where_that_is() -> None:
    answer = part(recalled("short"), PART_CHARACTERS)

    assert answer["content"] == ""
    assert "5 characters" in answer["note"]


def test_numbers_have_three_digits_and_what_is_empty_is_left_out() -> None:
    (row,) = rows("memories", [found("x", session=None)], NOTHING)["memories"]

    assert (row["activation"], row["similarity"]) == (1.235, 0.988)
    assert row.keys().isdisjoint({"session", "speaker", "tags", "explanation"})


def test_zero_is_a_number_and_shown() -> None:
    stats = Stats(total=0, active=0, decayed=0, deleted=0, avg_activation=-0.0001)

    assert text(one(stats)).count(":0") == 5
    assert "-" not in text(one(stats))


def test_content_that_a_list_has_cut_is_marked_as_cut() -> None:
    item = MemoryItem(
        memory_id="m",
        content="x" * 200,
        memory_type="episodic",
        activation=1.0,
        salience=0.5,
        status="active",
        access_count=1,
        created_at=NOW,
        last_accessed=NOW,
    )
    answer = page(MemoryPage(memories=[item], offset=0, limit=1, total=2, next_cursor="c"))

    assert answer["memories"][0]["content"].endswith("x…")
    assert (answer["total"], answer["next_cursor"]) == (2, "c")


def test_long_history_is_shown_by_its_beginning_and_metadata_as_it_is() -> None:
    accesses = [{"accessed_at": NOW, "context": "c" * 900, "kind": "search"}] * 1_000
    given_metadata = {"ratio": 0.123456789, "none": None}
    memory = MemoryDetail.model_validate(
        {
            **recalled("x" * 32_768).model_dump(),
            "salience": 0.5,
            "emotion_valence": 0.1,
            "emotion_arousal": 0.2,
            "decay_rate": 0.5,
            "status": "active",
            "access_history": accesses,
            "metadata": given_metadata,
        }
    )

    answer = detail(memory)

    assert len(text(answer)) < 4_000
    assert len(answer["access_history"]) + answer["access_history_left_out"] == 1_000
    assert answer["metadata"] == given_metadata
    assert json.loads(text(answer)) == answer
