"""Words and terms: what is stored and what is asked must be cut alike."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.text import STOP_WORDS, terms, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Paintings", "painted"),
        ("Caroline's", "Caroline"),
        ("Caroline’s", "Caroline's"),  # the typographic apostrophe is the point
        ("CAFÉ", "cafe\u0301"),
        ("ﬁne", "fine"),
        ("Straße", "STRASSE"),
        ("08 May", "8 May"),
        ("well-known", "well known"),
        ("snake_case", "snake case"),
        ("１２", "12"),  # the wide digits are the point
    ],
)
def test_spellings_of_the_same_words_give_the_same_terms(one: str, other: str) -> None:
    assert terms(one) == terms(other) != []


@pytest.mark.parametrize(
    "text",
    ["", "  \t", "?!…", "'", "What is it that you’re doing?", "She's, I'm; don't"],
)
def test_text_without_a_word_that_says_something_has_no_terms(text: str) -> None:
    assert terms(text) == []


def test_the_month_of_may_is_kept_though_it_is_also_a_function_word() -> None:
    assert terms("[08 May 2023] It may rain") == ["8", "may", "2023", "may", "rain"]


def test_a_word_in_another_script_is_one_term() -> None:
    assert terms("Москва 北京 42nd") == ["москва", "北京", "42nd"]


def test_zero_stays_a_number() -> None:
    assert words("0 000 007 0x1f 1.50") == ["0", "0", "7", "0x1f", "1", "50"]


def test_terms_keep_the_order_and_the_repeats_of_their_words() -> None:
    assert terms("the dog saw a dog") == ["dog", "saw", "dog"]


@given(st.text())
def test_no_text_is_refused_and_none_gives_an_empty_word_or_a_stop_word(text: str) -> None:
    found = words(text)

    assert all(found)
    assert all(terms(text))
    assert len(terms(text)) <= len(found)
    assert terms(" ".join(word for word in found if word in STOP_WORDS)) == []


@given(st.lists(st.text(), max_size=4))
def test_terms_of_joined_texts_are_the_terms_of_each(texts: list[str]) -> None:
    assert terms("\n".join(texts)) == [term for text in texts for term in terms(text)]


def test_threads_that_share_the_stemmer_get_what_one_gets() -> None:
    texts = [f"{word}{number}ings running ponies" for number in range(200) for word in ("a", "b")]
    expected = [terms(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(terms, texts * 5))

    assert again == expected * 5
