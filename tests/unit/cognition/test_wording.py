"""Texts that say the same in nearly the same words, and texts that only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.wording import wording


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("I love pizza.", "I love pizza!!"),
        ("I love pizza.", "i really LOVE the pizza"),
        ("Oh well, I've moved to Leeds", "I have moved to Leeds."),
        ("I can't swim", "I cannot swim."),
        ("It is \u201cquite\u201d late \u2013 we left.", "It is late, we left"),
        ("寿司が好きです。", "寿司が好きです"),
    ],
)
def test_texts_that_differ_in_nothing_that_matters_are_equal(text: str, other: str) -> None:
    assert wording(text) == wording(other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("The meeting is at 3", "The meeting is at 4"),
        ("I like tea", "I don't like tea"),
        ("I like tea", "I liked tea"),
        ("I don't really like tea", "I don't like tea"),
        ("Ann told Bob", "Bob told Ann"),
        ("I write C++", "I write C#"),
        ("It was -5 degrees", "It was 5 degrees"),
        ("It costs $5", "It costs €5"),
        ("I ate an \U0001f34e", "I ate an \U0001f34c"),
        ("I flew to Rome", "I flew from Rome"),
        ("He plays well", "He plays"),
        ("1.5 litres", "15 litres"),
        ("...", "!"),
    ],
)
def test_texts_that_say_something_else_are_not_equal(text: str, other: str) -> None:
    assert wording(text) != wording(other)


@given(st.text())
def test_every_text_has_a_wording_that_case_around_it_does_not_change(text: str) -> None:
    assert wording(text) == wording(f" {text}\n")
