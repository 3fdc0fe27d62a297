"""What a list gives to go on with, and what a search may find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.limits import TIME_MS_MAX, TIME_MS_MIN
from services.readside.documents import Attributes
from services.readside.filters import NO_FILTERS, Filters
from services.retrieval.adapters.redis_search import index_filter
from services.retrieval.queries.namespace import Cursor
from tests.builders import memory_id

ID = str(memory_id("m"))
WORDS = st.sampled_from(["one", "two", "three words", "ONE", "épisode"])
TIMES = st.integers(-5, 5)
BOUNDS = st.none() | TIMES
FILTERS = st.builds(
    Filters,
    types=st.lists(WORDS, max_size=2).map(tuple),
    tags=st.lists(WORDS, max_size=2).map(tuple),
    created_from_ms=BOUNDS,
    created_before_ms=BOUNDS,
)


@given(
    st.integers(TIME_MS_MIN, TIME_MS_MAX),
    st.floats(allow_nan=False, allow_infinity=False),
    st.uuids(),
)
def test_cursor_reads_back_to_the_last_bit(time_ms: int, activation: float, name: object) -> None:
    cursor = Cursor(time_ms, activation, str(name))

    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "::",
        "1:2",
        f"1:0x1.0p+0:{ID}:more",
        f"soon:0x1.0000000000000p+0:{ID}",
        f"1:high:{ID}",
        f"1:nan:{ID}",
        f"1:inf:{ID}",
        f"1:-inf:{ID}",
        f"1:0x1p+99999:{ID}",
        f"{'9' * 30}:0x1.0000000000000p+0:{ID}",
        f"{TIME_MS_MIN - 1}:0x1.0000000000000p+0:{ID}",
        f"1_0:0x1.0000000000000p+0:{ID}",
        "1:0x1.0000000000000p+0:m1",
        f"1:0x1.0000000000000p+0:{{{ID}}}",
        "１:0x1.0000000000000p+0:" + ID,
    ],
)
def test_cursor_that_no_list_has_returned_is_refused(text: str) -> None:
    with pytest.raises(Rejected, match="cursor: not one that a list has returned"):
        Cursor.parse(text)


@given(FILTERS, WORDS, st.lists(WORDS, max_size=3, unique=True), TIMES)
def test_filter_admits_what_has_a_type_and_all_tags_and_was_created_in_between(
    filters: Filters, memory_type: str, tags: list[str], created_ms: int
) -> None:
    admitted = filters.admits(Attributes(memory_type, tags, created_ms, b"{}"))

    low, high = filters.created_from_ms, filters.created_before_ms
    assert admitted == (
        (not filters.types or memory_type in filters.types)
        and all(tag in tags for tag in filters.tags)
        and (low is None or low <= created_ms)
        and (high is None or created_ms < high)
    )


@given(WORDS, st.lists(WORDS, max_size=3), TIMES)
def test_no_filter_admits_everything(memory_type: str, tags: list[str], created_ms: int) -> None:
    assert NO_FILTERS.admits(Attributes(memory_type, tags, created_ms, b"{}"))


@given(FILTERS)
def test_index_expression_holds_nothing_that_a_user_wrote(filters: Filters) -> None:
    expression, params = index_filter(filters)

    values = params[1::2]
    assert values == [*filters.types, *filters.tags]
    assert not any(value in expression for value in values)
    assert all(f"${name}" in expression for name in params[::2])
