"""New texts are new, as long as real ones, and the same for the same seed."""

from collections import Counter

import pytest

from bench.texts import Recombiner, load_conversation

ORIGINALS = [
    "the kettle is on the stove again",
    "my sister moved to Lisbon last spring",
    "nobody told me about the meeting",
    "we should paint the hall before June",
]


def test_texts_are_all_different_and_none_is_an_original() -> None:
    texts = Recombiner(ORIGINALS, seed=1).take(40)

    assert len(set(texts)) == 40
    assert not set(texts) & set(ORIGINALS)


def test_texts_stay_different_from_one_call_to_the_next() -> None:
    recombiner = Recombiner(ORIGINALS, seed=1)
    first = recombiner.take(20)

    second = recombiner.take(20)

    assert not set(first) & set(second)


def test_same_seed_gives_the_same_texts() -> None:
    again = Recombiner(ORIGINALS, seed=7).take(10)

    assert Recombiner(ORIGINALS, seed=7).take(10) == again
    assert Recombiner(ORIGINALS, seed=8).take(10) != again


def test_every_text_has_the_length_of_an_original() -> None:
    lengths = {len(text.split()) for text in ORIGINALS}

    texts = Recombiner(ORIGINALS, seed=1).take(40)

    assert {len(text.split()) for text in texts} <= lengths


def test_text_of_one_word_cannot_be_changed_and_is_left_out() -> None:
    texts = Recombiner(["Yes.", "one two three", "four five six"], seed=1).take(4)

    assert Counter(len(text.split()) for text in texts) == {3: 4}


def test_originals_that_are_used_up_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="give more of them, or measure fewer rounds"):
        Recombiner(["one two", "three four"], seed=1).take(100)


def test_example_conversation_gives_enough_questions_for_many_rounds() -> None:
    questions = load_conversation().questions

    texts = Recombiner(questions, seed=1).take(15_000)

    assert len(set(texts)) == 15_000
