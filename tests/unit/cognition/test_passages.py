"""Passages are the text, in its order, and by its estimate none is longer than a model takes."""

from hypothesis import given
from hypothesis import strategies as st

from cognition.language.passages import PIECES, Passage, passages, pieces

TEXTS = st.text(alphabet=st.sampled_from("aé中ह 。.,\n7"), max_size=3_000) | st.text(max_size=600)


def held(text: str, passage: Passage) -> float:
    return sum(pieces(text, place) for place in range(passage.start, passage.end))


@given(text=TEXTS)
def test_passages_are_the_whole_text_in_its_order(text: str) -> None:
    found = passages(text)

    assert "".join(text[each.start : each.end] for each in found) == text
    assert [each.start for each in found[1:]] == [each.end for each in found[:-1]]


@given(text=TEXTS)
def test_no_passage_holds_more_than_a_model_takes(text: str) -> None:
    found = passages(text)

    assert all(held(text, each) <= PIECES for each in found)
    assert all(each.end > each.start for each in found)


@given(text=TEXTS)
def test_a_text_that_a_model_takes_whole_is_one_passage(text: str) -> None:
    found = passages(text)

    assert (len(found) <= 1) == (held(text, Passage(0, len(text))) <= PIECES)


def test_a_passage_ends_with_a_sentence_where_it_can() -> None:
    text = "The garden needs water in the evening. " * 60

    found = passages(text)

    assert len(found) > 1
    assert all(text[each.start : each.end].endswith(". ") for each in found)


def test_a_chinese_text_without_spaces_is_split_at_its_sentences() -> None:
    text = "我们昨天在公园里散步。" * 60

    found = passages(text)

    assert len(found) > 1
    assert all(text[each.start : each.end].endswith("。") for each in found)
