"""Passages are the text, in its order, and by its estimate none is longer than a model takes."""

from hypothesis import given
from hypothesis import strategies as st

from cognition.language.passages import PIECES, WHOLE_PIECES, Passage, passages, pieces

MANY = 1_000
TEXTS = st.text(alphabet=st.sampled_from("aé中ह 。.,\n7"), max_size=3_000) | st.text(max_size=600)


def held(text: str, found: list[Passage]) -> list[float]:
    each = pieces(text)
    return [sum(each[passage.start : passage.end]) for passage in found]


@given(text=TEXTS)
def test_passages_are_the_whole_text_in_its_order(text: str) -> None:
    found = passages(text, MANY)

    assert "".join(text[each.start : each.end] for each in found) == text
    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]


@given(text=TEXTS)
def test_no_passage_holds_more_than_a_model_takes(text: str) -> None:
    found = passages(text, MANY)

    assert (
        max(held(text, found), default=0.0) <= (WHOLE_PIECES if len(found) == 1 else PIECES) + 1e-6
    )
    assert all(each.end > each.start for each in found)


@given(text=TEXTS)
def test_a_text_that_a_model_takes_whole_is_one_passage(text: str) -> None:
    found = passages(text, MANY)

    assert (len(found) <= 1) == (sum(pieces(text)) <= WHOLE_PIECES + 1e-6)


def test_a_passage_ends_with_a_sentence_where_it_can() -> None:
    text = "The garden needs water in the evening. " * 60

    found = passages(text, MANY)

    assert len(found) > 1
    assert all(text[each.start : each.end].endswith(". ") for each in found)


def test_a_chinese_text_without_spaces_is_split_at_its_sentences() -> None:
    text = "我们昨天在公园里散步。" * 60

    found = passages(text, MANY)

    assert len(found) > 1
    assert all(text[each.start : each.end].endswith("。") for each in found)


@given(text=TEXTS, most=st.integers(1, 5))
def test_a_text_has_no_more_passages_than_it_may(text: str, most: int) -> None:
    found = passages(text, most)

    assert len(found) <= most
    assert "".join(text[each.start : each.end] for each in found) == text


@given(text=st.text(alphabet="ab c.\n", min_size=1_500, max_size=6_000))
def test_passages_are_of_like_length(text: str) -> None:
    found = held(text, passages(text, MANY))

    assert min(found) > 0.25 * max(found)
