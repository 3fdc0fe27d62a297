"""Appraisal: neutral texts are neutral exactly; words, negations and capitals count."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.base_level import emotional_decay_rate
from cognition.language.emotion import Appraisal, appraise

SENTENCES = Path(__file__).parents[2] / "data" / "feelings.tsv"
NEUTRAL = Appraisal(valence=0.0, arousal=0.1, salience=0.5)
WORDS = ["good", "terrible", "not", "very", "VERY", "love", "HATE", "the", "urgent", "no", "!", "❤️"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "The meeting is on Tuesday at 5.",
        "Paris is the capital of France.",
        "We take the 8:15 train to Leeds!",
        "THE API RETURNS JSON",
        "Ich fahre morgen nach Köln.",
        "会议在星期二",
        "-- ... ?!",
    ],
)
def test_a_neutral_text_changes_no_decay(text: str) -> None:
    felt = appraise(text)

    assert felt == NEUTRAL
    rate = emotional_decay_rate(0.5, arousal=felt.arousal, salience=felt.salience)
    assert float(rate) == 0.5


def test_sixty_sentences_in_six_languages_feel_as_a_reader_says() -> None:
    with SENTENCES.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))

    felt = [(row, appraise(row["text"])) for row in rows]

    assert len({row["language"] for row in rows}) == 6
    assert [
        row["text"] for row, each in felt if (row["felt"] == "neutral") != (each == NEUTRAL)
    ] == []
    moved = [(row, each) for row, each in felt if row["felt"] != "neutral"]
    assert all(each.arousal > 0.3 for _, each in moved)
    assert all((each.valence > 0) == (row["felt"] == "pleasant") for row, each in moved)


@pytest.mark.parametrize(
    ("neutral", "felt"),
    [
        ("The process died", "My dog died"),
        ("Die Hand ist kalt", "I would rather die than go"),
        ("Das war gestern", "Ich habe Angst"),
        ("The test was negative", "I was terrified"),
    ],
)
def test_a_word_counts_where_somebody_feels_it(neutral: str, felt: str) -> None:
    assert appraise(neutral) == NEUTRAL
    assert appraise(felt).valence < 0


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS)).map(" ".join)))
def test_every_text_has_an_appraisal_within_bounds_and_always_the_same(text: str) -> None:
    felt = appraise(text)

    assert -1 <= felt.valence <= 1
    assert 0 <= felt.arousal <= 1
    assert 0.5 <= felt.salience <= 1
    assert appraise(text) == felt


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("What a wonderful day", 1),
        ("This is a terrible mistake", -1),
        ("I don't like it", -1),
        ("It isn’t bad", 1),
        ("I have no worries", 1),
        ("nothing", 0),
        ("I feel 😀", 1),
    ],
)
def test_valence_has_the_sign_a_reader_gives_it(text: str, sign: int) -> None:
    valence = appraise(text).valence

    assert (valence > 0) - (valence < 0) == sign


@pytest.mark.parametrize(
    ("calm", "excited"),
    [
        ("I am sad", "I am devastated"),
        ("It was bad", "It was very bad"),
        ("It was bad", "It was BAD"),
        ("It was bad", "It was bad!!"),
        ("It was somewhat bad", "It was bad"),
        ("I like coffee", "I was terrified"),
        ("That is wonderful", "That is horrific"),
    ],
)
def test_stronger_words_arouse_more(calm: str, excited: str) -> None:
    assert appraise(calm).arousal < appraise(excited).arousal


def test_mild_words_leave_the_decay_as_it_is() -> None:
    felt = appraise("Thanks, I like that, ok!")

    assert felt.valence > 0
    assert felt.arousal <= 0.3
    assert felt.salience == 0.5


def test_terror_slows_the_decay() -> None:
    felt = appraise("I was absolutely terrified!!!")

    assert felt.arousal > 0.8
    assert float(emotional_decay_rate(0.5, arousal=felt.arousal, salience=felt.salience)) < 0.35


@pytest.mark.parametrize(
    ("text", "salience"),
    [("That part is important", 0.6), ("Urgent: the deadline is Friday", 0.7)],
)
def test_words_of_importance_raise_salience_a_little_each(text: str, salience: float) -> None:
    assert appraise(text).salience == pytest.approx(salience, abs=0.02)


def test_a_text_all_in_capitals_shouts_no_word_above_the_others() -> None:
    assert appraise("IT WAS BAD").arousal == appraise("it was bad").arousal


def test_importing_loads_no_lexicon() -> None:
    program = "import sys, cognition.language.emotion; sys.exit('vader' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("word", ["good ", "GOOD ", "not ", "❤️", "!", "a"])
def test_longest_text_feels_no_more_than_anything_can(word: str) -> None:
    felt = appraise(word * 6_500)  # the most characters that a memory has

    assert -1 <= felt.valence <= 1
    assert 0 <= felt.arousal <= 1
    assert 0 <= felt.salience <= 1
