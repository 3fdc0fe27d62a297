"""Lasting statements: what of a text holds beyond the occasion it was said on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.lasting import lasting


@pytest.mark.parametrize(
    "text",
    [
        "I play the violin.",
        "Noemi flies her kite at noon",
        "The bakery sells rye bread after work.",
        "My dog is called Rex.",
        "I'm allergic to hazelnuts.",
        "The service listens on port 8080.",
        "green tea daily",
        "Ich trinke jeden Morgen Tee.",
        "每天早上喝茶",
    ],
)
def test_statement_that_holds_for_long_stays(text: str) -> None:
    assert lasting(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Thanks, that means a lot!",
        "Hey Ann! How are you?",
        "The lamp at the harbour was repaired, number 12.",
        "We went camping in July.",
        "People marched through the streets, holding signs and singing.",
        "Do you like tea?",
        "You've got this, keep going!",
        "I might learn the cello.",
        "I think so too.",
        "Maybe later then",
        "I'm so happy for all of them.",
        "app.run(debug=True) is in the file.",
    ],
)
def test_greeting_question_or_event_leaves_nothing(text: str) -> None:
    assert lasting(text) == ""


def test_of_a_turn_only_the_sentence_that_lasts_stays() -> None:
    assert lasting("Hi Ann! I work for Globex. What a day we had! Bye.") == "I work for Globex."


@given(st.text(max_size=200))
def test_what_stays_stands_in_the_text_and_stays_again(text: str) -> None:
    kept = lasting(text)

    assert set(kept) <= set(text) | {" "}
    assert lasting(kept) == kept
