"""Words and terms: what is stored and what is asked must be cut alike."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cognition.language.text import terms, terms_by_word, words
from cognition.language.tongues import ENGLISH, STOP_WORDS, language_of


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
        ("$1,500", "1500"),
        ("the 8th of March", "March 8"),
        ("March 8th", "8 March"),
        ("8 March 2026", "2026-03-08"),
        ("May 08", "8th May"),
        ("well-known", "well known"),
        ("snake_case", "snake case"),
        ("１２", "12"),  # the wide digits are the point
        ("٠٣", "3"),
        ("ta\u200bble", "table"),  # a space of no width
        ("İstanbul", "istanbul"),
        ("हिन्दी", "हिन्\u200dदी"),
        ("ﾊﾞｲｵﾘﾝ", "バイオリン"),
        ("ёлки", "елка"),
        ("كِتَابٌ", "كتاب"),
        ("الكمان", "كمان"),
        ("서울은", "서울"),
        ("किताबें", "किताब"),
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


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("我用iPhone打电话", ["我用", "iphone", "打电话"]),
        ("42nd バスで、駅へ", ["42", "バスで", "駅へ"]),
        ("l'eau d’été", ["l'eau", "d'été"]),
    ],
)
def test_words_are_cut_where_their_scripts_cut_them(text: str, cut: list[str]) -> None:
    assert words(text) == cut


def test_what_has_no_spaces_is_found_by_pairs_of_characters_and_by_ideographs() -> None:
    assert terms_by_word("北京市 りんご 狗") == [
        ("北", "京", "市", "北京", "京市"),
        ("りん", "んご"),
        ("狗",),
    ]


def test_word_of_another_language_is_found_as_it_is_asked_for_alone() -> None:
    assert terms_by_word("Ich habe mir zwei Fahrräder gekauft.") == [
        ("zwei",),
        ("fahrräder", "fahrrad"),
        ("gekauft",),
    ]
    assert terms("Fahrräder") == ["fahrräder"]


def test_day_is_found_as_memories_are_dated_and_a_larger_number_is_another() -> None:
    assert set(terms("[08 Mar 2026]")) <= set(terms("on March 8th, 2026"))
    assert terms("It cost $15,000.") == ["cost", "15000"]
    assert terms("1,2,3 or 1,5000") == ["1", "2", "3", "1", "5000"]


def test_word_of_no_subject_is_one_in_its_own_language_only() -> None:
    assert terms("car die film") == ["car", "die", "film"]
    assert terms("Что это было на столе?") == ["стол"]


def test_zero_stays_a_number() -> None:
    assert words("0 000 007 0x1f 1.50") == ["0", "0", "7", "0x1f", "1", "50"]


def test_terms_keep_the_order_and_the_repeats_of_their_words() -> None:
    assert terms("the dog saw a dog") == ["dog", "saw", "dog"]


@given(st.text())
def test_no_text_is_refused_and_none_gives_an_empty_word_or_a_stop_word(text: str) -> None:
    found = words(text)

    assert all(found)
    assert all(terms(text))
    assert len(terms_by_word(text)) <= len(found)
    assert all(len(terms(word)) <= 2 * len(word) for word in found)
    assert terms(" ".join(word for word in found if word in STOP_WORDS)) == []


@given(st.lists(st.text(st.characters(max_codepoint=0x7F)), max_size=4))
def test_terms_of_joined_texts_are_the_terms_of_each(texts: list[str]) -> None:
    assume(language_of(words("\n".join(texts))) == ENGLISH)

    assert terms("\n".join(texts)) == [term for text in texts for term in terms(text)]


def test_threads_that_share_the_stemmer_get_what_one_gets() -> None:
    texts = [f"{word}{number}ings running ponies" for number in range(200) for word in ("a", "b")]
    expected = [terms(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        again = list(pool.map(terms, texts * 5))

    assert again == expected * 5
