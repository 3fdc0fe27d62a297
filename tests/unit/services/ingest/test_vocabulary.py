"""Concepts found in texts by their names."""

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.vocabulary import Vocabulary

NAMES = st.text("abc ", min_size=1, max_size=6)


def vocabulary(**concepts: list[str]) -> Vocabulary:
    known = Vocabulary()
    for name, aliases in concepts.items():
        known.learn(name.replace("_", " "), aliases)
    return known


def test_names_and_aliases_are_found_whatever_their_case() -> None:
    known = vocabulary(Python=["CPython"], Kafka=[])

    assert known.find("kafka from PYTHON, or cpython") == ["Kafka", "Python"]


def test_parts_of_words_are_no_names() -> None:
    assert vocabulary(Art=[]).find("A party started, smart as it was.") == []


def test_longest_name_wins() -> None:
    known = vocabulary(York=[], New_York=["Big Apple"], New_York_Times=[])

    assert known.find("The New York Times on new york: York is not the big apple") == [
        "New York Times",
        "New York",
        "York",
    ]


def test_concept_is_called_what_was_said_last() -> None:
    known = vocabulary(JavaScript=["JS", "ECMAScript"])

    known.learn("JavaScript", ["JS"])

    assert known.find("ECMAScript") == []
    assert known.find("js") == ["JavaScript"]


def test_name_that_another_concept_has_taken_stays_its_own() -> None:
    known = vocabulary(Mercury_planet=["Mercury"], Mercury_metal=["Mercury"])

    known.learn("Mercury planet", [])

    assert known.find("mercury") == ["Mercury metal"]


@given(st.lists(NAMES, max_size=5), st.text("abc ,", max_size=30))
def test_every_concept_is_found_once_at_most(names: list[str], text: str) -> None:
    known = Vocabulary()
    for name in names:
        known.learn(name)

    found = known.find(text)

    assert len(set(found)) == len(found)
    assert set(found) <= set(names)
