"""The table's rows fit together, share their texts and are documented."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.aims import AIMS
from bench.material import Material, Memory
from bench.rows import REPLAY, ROWS
from bench.texts import load_conversation

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "bench.md"
NOW_MS = 1_750_000_000_000
BY_KEY = {row.key: row for row in ROWS}


def material() -> Material:
    return Material(load_conversation(), seed=1, now_ms=NOW_MS)


def test_keys_are_unique() -> None:
    assert len(BY_KEY) == len(ROWS)


def test_all_that_is_measured_has_bounds_and_bounds_have_none() -> None:
    for row in ROWS:
        assert bool(row.bounds) != row.is_bound, row.key
        assert all(BY_KEY[key].is_bound for key in row.bounds), row.key


def test_every_aim_is_about_a_row() -> None:
    assert {aim.row for aim in AIMS} <= set(BY_KEY)
    assert {aim.over for aim in AIMS if aim.over} <= set(BY_KEY)


def test_single_requests_are_enough_for_a_95th_percentile() -> None:
    assert all(row.count >= 200 for row in ROWS if row.is_latency)


def test_every_row_is_explained_in_the_reference() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")

    missing = [key for key in (*BY_KEY, REPLAY) if f"`{key}`" not in text]

    assert not missing


def test_bounds_take_the_same_texts_as_what_is_held_against_them() -> None:
    items = material().for_round(ROWS)

    for row in ROWS:
        if row.texts_of:
            assert items[row.key] == items[row.texts_of]
            assert len(items[row.key]) == row.count


def test_quick_rows_still_take_the_same_texts() -> None:
    quick = tuple(row.quick() for row in ROWS)

    items = material().for_round(quick)

    assert all(len(items[row.key]) == row.count for row in quick if row.key in items)


def test_new_texts_are_new_in_every_round() -> None:
    source = material()
    known = {memory.text for memory in (*source.searched, *source.cached_memories)}
    known |= set(source.cached_queries)

    for _ in range(2):
        items = source.for_round(ROWS)
        new = [
            item.text if isinstance(item, Memory) else item
            for row in ROWS
            if row.needs_new_texts
            for item in items[row.key]
        ]
        assert len(set(new)) == len(new)
        assert not set(new) & known
        known |= set(new)


def test_cached_rows_take_only_what_was_embedded_before() -> None:
    source = material()

    items = source.for_round(ROWS)

    assert set(items["search-cached-16"]) <= set(source.cached_queries)
    assert all(memory in source.cached_memories for memory in items["store-cached-16"])


def test_large_searches_differ_only_in_what_ranks() -> None:
    all_that_ranks, cosine = BY_KEY["search-large"], BY_KEY["search-large-cosine"]
    items = material().for_round(ROWS)

    assert replace(cosine, key=all_that_ranks.key, cosine_only=False) == all_that_ranks
    assert items["search-large"] == items["search-large-cosine"]


def test_large_searches_take_turns() -> None:
    keys = [row.key for row in ROWS]

    assert keys.index("search-large-cosine") == keys.index("search-large") + 1
    assert BY_KEY["search-large"].is_latency


@pytest.mark.parametrize("kind", ["store", "search"])
def test_requests_over_http_differ_from_those_on_the_bus_in_their_way_only(kind: str) -> None:
    on_the_bus, over_http = BY_KEY[f"{kind}-visible-1"], BY_KEY[f"{kind}-http-1"]
    items = material().for_round(ROWS)

    assert replace(over_http, key="", explanation="") == replace(
        on_the_bus, key="", explanation="", over_http=True
    )
    assert items[over_http.key] == items[on_the_bus.key]
    keys = list(BY_KEY)
    assert keys.index(over_http.key) == keys.index(on_the_bus.key) + 1, "they take turns"
