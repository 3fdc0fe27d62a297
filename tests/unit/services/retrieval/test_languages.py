"""Facts in ten languages, found by their words alone: every memory has the same vector.

`languages.tsv`: language, fact, a question, a word. Lines with even numbers were looked at when
words were cut and stemmed, those with odd ones were not.
"""

from functools import cache
from pathlib import Path

import pytest

from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from tests.builders import TIME_MS, embedding, memory_id, search, stored_event
from tests.sequences import DIMENSION, at_offsets
from tests.unit.services.retrieval.asking import NAMESPACE, found, ranked

TABLE = Path(__file__).parents[3] / "data/languages.tsv"
LANGUAGES = ["ar", "de", "en", "hi", "ja", "ko", "ru", "th", "tr", "zh"]
DATE = "[08 May 2023] "


@cache
def rows(language: str) -> list[list[str]]:
    lines = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]
    return [line[1:] for line in lines if line[0] == language]


@cache
def told(*languages: str) -> View:
    """The facts of some languages in one namespace, a minute apart."""
    facts = [
        (f"{language}{i}", row[0]) for language in languages for i, row in enumerate(rows(language))
    ]
    vector = embedding([1.0], dimension=DIMENSION)
    return fold_log(
        at_offsets(
            [
                stored_event(
                    memory_id(name),
                    fact,
                    indexed_text=DATE + fact,
                    embedding=vector,
                    envelope={"namespace": NAMESPACE, "time": TIME_MS - 60_000 * number},
                )
                for number, (name, fact) in enumerate(facts)
            ]
        )
    )


def ranks(view: View, language: str, column: int) -> list[int]:
    """The rank of the fact that each question of a language asks for; 99: it is not found."""
    result = []
    for i, row in enumerate(rows(language)):
        answer = found(ranked(view, search(row[column], namespace=NAMESPACE, top_k=20)))
        wanted = memory_id(f"{language}{i}")
        result.append(answer.index(wanted) if wanted in answer else 99)
    return result


def share(ranks: list[int], best: int) -> float:
    return sum(rank < best for rank in ranks) / len(ranks)


@pytest.mark.parametrize("language", LANGUAGES)
def test_question_finds_its_fact_in_each_language(language: str) -> None:
    found_at = ranks(told(language), language, 1)

    assert share(found_at[::2], 5) >= 0.9
    assert share(found_at[1::2], 5) >= 0.9


@pytest.mark.parametrize("language", LANGUAGES)
def test_bare_word_finds_its_fact_first_in_each_language(language: str) -> None:
    assert share(ranks(told(language), language, 2), 1) >= 0.9


@pytest.mark.parametrize("language", LANGUAGES)
def test_question_finds_its_fact_among_all_languages(language: str) -> None:
    assert share(ranks(told(*LANGUAGES), language, 1), 5) >= 0.9
