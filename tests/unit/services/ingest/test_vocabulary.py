"""Concepts found in texts by their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.vocabulary import Vocabulary

NAMES = st.text("abc ", min_size=1, max_size=6)


def vocabulary(**concepts: list[str]) -> Vocabulary:
    known = Vocabulary()
    for name, aliases in concepts.items():
        known.learn(name.replace("_", " "), aliases)
    return known


def test_names_and_aliases_are_found_as_they_are_written_or_in_capitals() -> None:
    known = vocabulary(Python=["CPython", "py"], Kafka=[])

    assert known.find("Kafka from PYTHON, or PY") == ["Kafka", "Python"]


@pytest.mark.parametrize(
    ("name", "named", "not_named"),
    [
        ("C", ["I write C.", "C, then Rust", "(C)"], ["C++ is fun", "C# too", "a c minor", "Cs"]),
        ("C#", ["Write C#.", "c# and F#"], ["Vitamin C is good.", "C++", "A sharp C"]),
        ("C++", ["Ravi writes C++ every day.", "c++!", "C++17"], ["C", "C# is fun", "C+"]),
        (".NET", ["on .NET", ".net core"], ["the net", "NET", "a.net", "...net"]),
        ("Go", ["We use Go.", "Go’s channels"], ["go home", "to go", "GO!"]),
        ("R", ["Plots in R."], ["r u there", "R2", "Rs"]),
        ("Node.js", ["on node.js", "Node.js.", "Node JS"], ["a node", "js"]),
        ("IT", ["She works in IT."], ["it rains", "It rains"]),
        ("US", ["in the US"], ["between us", "Us too"]),
        ("May", ["in May", "May 4th"], ["it may be", "mayor"]),
        ("Apple", ["at Apple", "Apple's phone", "APPLE"], ["an apple a day", "Apples"]),
        ("jazz", ["Jazz nights", "JAZZ", "jazz"], ["jazzy"]),
        ("New York", ["in new york", "NEW YORK", "New-York"], ["York, new"]),
        ("北京", ["我住在北京市", "北京。"], ["北方", "京都"]),
        ("茶", ["茶", "喝 茶 吧"], ["茶叶", "喝茶"]),
        ("アイス", ["アイスを食べた"], ["アイスランドへ"]),
        ("हिन्दी", ["मैं हिन्दी पढ़ता हूँ"], ["हिन्द", "ह"]),
        ("서울", ["서울에서 살아요", "서울"], ["서울역"]),
        ("Straße", ["eine STRASSE", "Straße 5"], ["strasse"]),
        ("Zoë", ["with Zoe\u0308"], ["Zoes"]),
        ("İzmir", ["İzmir'de"], ["izmirli"]),
    ],
)
def test_name_is_found_with_its_signs_and_capitals_where_its_script_lets_it_end(
    name: str, named: list[str], not_named: list[str]
) -> None:
    known = Vocabulary()
    known.learn(name)

    assert [text for text in [*named, *not_named] if known.find(text)] == named


def test_of_names_that_differ_in_case_the_one_that_is_written_is_meant() -> None:
    known = vocabulary(Polish=[], polish=[])

    assert [known.find(text) for text in ("Polish it", "polish it", "POLISH")] == [
        ["Polish"],
        ["polish"],
        ["polish"],
    ]


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
    assert known.find("JS") == ["JavaScript"]


def test_name_that_another_concept_has_taken_stays_its_own() -> None:
    known = vocabulary(Mercury_planet=["Mercury"], Mercury_metal=["Mercury"])

    known.learn("Mercury planet", [])

    assert known.find("Mercury") == ["Mercury metal"]


@given(st.lists(NAMES, max_size=5), st.text("abc ,", max_size=30))
def test_every_concept_is_found_once_at_most(names: list[str], text: str) -> None:
    known = Vocabulary()
    for name in names:
        known.learn(name)

    found = known.find(text)

    assert len(set(found)) == len(found)
    assert set(found) <= set(names)
