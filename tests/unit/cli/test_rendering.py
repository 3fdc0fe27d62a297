"""Answers as people read them."""

from typing import Any

from rich.console import Console

from human_memory.cli import rendering
from human_memory.cli.output import Show

MEMORY_ID = "5a0f3c1d-1e7d-5b57-9c55-3f1f3c0a5a61"
FOUND: dict[str, Any] = {
    "memory_id": MEMORY_ID,
    "content": "Tea is at [bold]four[/bold].",
    "speaker": "Ada",
    "activation": -0.51234,
    "similarity": 0.7,
    "last_accessed": "2026-01-11T18:42:08.000Z",
    "access_count": 12,
    "status": "active",
    "explanation": None,
}


def shown(show: Show, result: dict[str, Any]) -> str:
    console = Console(width=80, record=True, highlight=False, file=None, quiet=False)
    with console.capture() as capture:
        show(console, result)
    return capture.get()


def test_search_shows_rank_activation_similarity_last_access_count_and_id_in_80_columns() -> None:
    printed = shown(rendering.print_found, {"results": [FOUND], "count": 1})

    header, numbers, *_ = printed.splitlines()
    assert header.split() == ["#", "act.", "sim.", "last", "access", "count", "id"]
    assert numbers.split() == ["1", "-0.512", "0.700", "2026-01-11", "18:42", "12", MEMORY_ID]
    assert len(numbers) <= 80


def test_content_that_looks_like_markup_is_shown_as_it_is() -> None:
    printed = shown(rendering.print_found, {"results": [FOUND], "count": 1})

    assert "Ada: Tea is at [bold]four[/bold]." in printed


def test_explanation_shows_every_part_with_its_sign() -> None:
    explanation = {"base": -1.5, "spreading": 0.0, "match": 0.25}

    printed = shown(
        rendering.print_found, {"results": [FOUND | {"explanation": explanation}], "count": 1}
    )

    assert "base -1.500  spreading +0.000  match +0.250" in printed


def test_nothing_found_is_said() -> None:
    assert "nothing is remembered" in shown(rendering.print_found, {"results": [], "count": 0})


def test_list_says_how_many_there_are_and_how_to_go_on() -> None:
    page = {"memories": [FOUND], "total": 7, "next_cursor": "17:-0x1:abc"}

    printed = shown(rendering.print_list, page)

    assert "1 of 7" in printed
    assert "next page: --cursor 17:-0x1:abc" in printed


def test_long_history_is_cut_and_says_by_how_much() -> None:
    # Newest first, as a reply has it.
    history = [
        {"accessed_at": f"2026-01-{day:02}T00:00:00.000Z", "kind": "recall", "context": None}
        for day in range(20, 0, -1)
    ]

    printed = shown(rendering.print_memory, {"content": "Tea.", "access_history": history})

    assert "2026-01-20 00:00 recall" in printed
    assert "2026-01-11 00:00 recall" in printed
    assert "2026-01-10" not in printed
    assert "(10 older)" in printed


def test_correction_is_shown_by_what_was_said_before() -> None:
    corrections = [{"corrected_at": "2026-01-01", "content": "I live in Leeds.", "tags": None}]

    shown = rendering._shown(corrections)

    assert shown == "corrected_at: 2026-01-01, content: I live in Leeds."
