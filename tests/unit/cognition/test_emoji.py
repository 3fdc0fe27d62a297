"""Emoji in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.language.emoji import EMOJI_MAX, named
from cognition.language.text import terms


@pytest.mark.parametrize(
    ("emoji", "name"),
    [
        ("❤️", "red heart"),
        ("❤", "red heart"),
        ("🇩🇪", "germany"),
        ("🎉", "party popper"),
        ("👍🏽", "thumbs up"),
        ("👨‍👩‍👧", "family man woman girl"),
        ("🫖", "teapot"),
    ],
)
def test_emoji_has_the_terms_of_its_name(emoji: str, name: str) -> None:
    assert terms(named(emoji)) == terms(name) != []
    assert terms(named(f"I{emoji}Bern")) == terms(f"I {name} Bern")


@pytest.mark.parametrize("text", ["", "plain", "Zażółć 日本語 — “x” → y ✓ 1️⃣ © ™ ½ ♪"])
def test_text_without_emoji_stays_as_it_is(text: str) -> None:
    assert named(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_words_of_a_text_stay_in_their_order(text: str) -> None:
    rest = iter(terms(named(text)))

    assert all(term in rest for term in terms(text))


def test_names_are_spelled_out_for_so_many_of_a_text_alone() -> None:
    text = "🇬🇸" * 16_000

    assert len(named(text)) < len(text) + 50 * EMOJI_MAX
