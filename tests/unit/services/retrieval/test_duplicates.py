"""Duplicates in an answer."""

from hypothesis import given
from hypothesis import strategies as st

from services.readside.documents import Document
from services.retrieval.search.duplicates import collapsed
from tests.builders import TIME_MS

TEXTS = st.sampled_from(["Tea is at four.", "tea is at FOUR", "Tea is at five.", "❤️", "🇩🇪", "!"])


def document(
    content: str, *, speaker: str | None = None, memory_type: str = "episodic"
) -> Document:
    return Document(
        content=content,
        memory_type=memory_type,
        created_ms=TIME_MS,
        tags=[],
        session=None,
        speaker=speaker,
        concepts=[],
        derived_from=[],
        context=None,
        metadata={},
        corrections=[],
    )


def test_same_words_count_as_one_whatever_their_case_and_punctuation() -> None:
    said = {4: document("Tea is at four."), 2: document("tea, is at FOUR!"), 7: document("Coffee.")}

    assert collapsed([4, 2, 7], said) == {4: 2, 7: 1}


def test_what_another_person_says_is_its_own_and_a_fact_is_not_shown_beside_its_episode() -> None:
    said = {
        0: document("Yes.", speaker="Ada"),
        1: document("Yes.", speaker="Bob"),
        2: document("Yes.", speaker="Ada", memory_type="semantic"),
    }

    assert collapsed([0, 1, 2], said) == {0: 2, 1: 1}


def test_signs_without_words_are_told_apart() -> None:
    said = dict(enumerate(map(document, ["❤️", "🇩🇪", "❤️"])))

    assert collapsed([0, 1, 2], said) == {0: 2, 1: 1}


@given(st.lists(TEXTS, max_size=8))
def test_first_of_each_stays_in_order_and_all_are_counted(texts: list[str]) -> None:
    said = dict(enumerate(map(document, texts)))
    order = [*said]

    copies = collapsed(order, said)

    assert list(copies) == sorted(copies)
    assert sum(copies.values()) == len(texts)
    assert all(copies[i] > 0 for i in copies)
