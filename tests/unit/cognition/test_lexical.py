"""BM25 with the statistics of one namespace, against its textbook form."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.errors import ParameterOutOfRange
from cognition.lexical import (
    BM25_MAX,
    Matches,
    bm25,
    bounded,
    inverse_document_frequency,
    length_evidence,
    relative_lengths,
    term_contributions,
)

DOCUMENTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=12), min_size=1, max_size=8)
QUERIES = st.lists(st.sampled_from("abcdez"), min_size=1, max_size=5, unique=True)


def matches_of(documents: list[list[str]], query: list[str]) -> Matches:
    """Where the terms of `query` stand in `documents`."""
    entries = [
        (row, at, count)
        for row, document in enumerate(documents)
        for at, term in enumerate(query)
        if (count := document.count(term))
    ]
    rows, terms, counts = (
        (np.array(column) for column in zip(*entries, strict=True))
        if entries
        else (np.zeros(0, np.intp),) * 3
    )
    return Matches(
        memory=rows.astype(np.intp),
        term=terms.astype(np.intp),
        count=counts.astype(np.float64),
        memories=len(documents),
        terms=len(query),
    )


def textbook(documents: list[list[str]], query: list[str], *, k1: float, b: float) -> list[float]:
    """BM25 written out, one memory and one term after the other."""
    total = len(documents)
    mean, others = sum(map(len, documents)) / total, total + 100
    scores = []
    for document in documents:
        counts, score = Counter(document), 0.0
        for term in query:
            df = sum(term in other for other in documents)
            odds = math.log((others - df + 0.5) / (df + 0.5))
            weight = max(odds, 0.25 * math.log(1 + others / 2.5))
            if counts[term]:
                norm = k1 * (1 - b + b * len(document) / mean)
                score += weight * counts[term] * (k1 + 1) / (counts[term] + norm)
        scores.append(score)
    return scores


def scores_of(documents: list[list[str]], query: list[str], *, k1: float, b: float) -> np.ndarray:
    matches = matches_of(documents, query)
    lengths = np.array([float(len(document)) for document in documents])
    frequencies = np.array([float(sum(term in each for each in documents)) for term in query])
    contributions = term_contributions(
        matches,
        relative_lengths(lengths, float(lengths.mean())),
        inverse_document_frequency(frequencies, len(documents)),
        saturation=k1,
        length_normalisation=b,
    )
    return bm25(matches, contributions)


@given(DOCUMENTS, QUERIES, st.floats(0.1, 3), st.floats(0, 1))
def test_scores_are_those_of_the_equation_written_out(
    documents: list[list[str]], query: list[str], k1: float, b: float
) -> None:
    scores = scores_of(documents, query, k1=k1, b=b)

    assert scores.tolist() == pytest.approx(textbook(documents, query, k1=k1, b=b), abs=1e-12)


@given(DOCUMENTS, QUERIES)
def test_no_memory_loses_by_holding_a_term_of_the_query(
    documents: list[list[str]], query: list[str]
) -> None:
    scores = scores_of(documents, query, k1=1.5, b=0.75)

    holds = np.array([bool(set(document) & set(query)) for document in documents])
    assert np.array_equal(scores > 0, holds)


def test_rarer_terms_weigh_more_down_to_a_floor_above_nothing() -> None:
    weights = inverse_document_frequency(np.arange(0.0, 101.0), 100)

    assert np.all(np.diff(weights) <= 0)
    assert weights[-1] == pytest.approx(0.25 * math.log(81))
    assert weights[0] == pytest.approx(math.log(200.5 / 0.5))


@pytest.mark.parametrize("memories", [1, 2, 3, 10])
def test_a_term_of_all_memories_still_weighs_something_in_the_smallest_namespace(
    memories: int,
) -> None:
    assert inverse_document_frequency(np.array([float(memories)]), memories)[0] > 0


@pytest.mark.parametrize("frequency", [-1.0, 11.0])
def test_impossible_frequency_is_refused(frequency: float) -> None:
    with pytest.raises(ParameterOutOfRange):
        inverse_document_frequency(np.array([frequency]), 10)


@pytest.mark.parametrize(("k1", "b"), [(0.0, 0.75), (1.5, -0.1), (1.5, 1.1)])
def test_impossible_parameters_are_refused(k1: float, b: float) -> None:
    with pytest.raises(ParameterOutOfRange):
        scores_of([["a"]], ["a"], k1=k1, b=b)


def test_query_that_nothing_matches_scores_nothing() -> None:
    scores = scores_of([["a"], []], ["z"], k1=1.5, b=0.75)

    assert scores.tolist() == [0.0, 0.0]
    assert scores.dtype == np.float64


def test_a_repeated_word_adds_less_each_time() -> None:
    documents = [["a"] * count + ["b"] * (4 - count) for count in range(5)]

    gains = np.diff(scores_of(documents, ["a"], k1=1.5, b=0.75))

    assert np.all(gains > 0)
    assert np.all(np.diff(gains) < 0)


def test_length_is_no_evidence_at_ten_terms_and_bounded_on_both_sides() -> None:
    evidence = length_evidence(np.array([0.0, 1.0, 5.0, 10.0, 30.0, 1e9]))

    assert np.all(np.diff(evidence) >= 0)
    assert evidence[[0, 1]].tolist() == [-1.0, -1.0]
    assert evidence[3] == 0
    assert evidence[4:].tolist() == pytest.approx([math.log(1.5)] * 2)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=5))
def test_bounded_words_keep_their_order_and_stay_below_the_bound(scores: list[int]) -> None:
    ordered = np.array(sorted(scores)) / 1000

    some = bounded(ordered)

    assert np.all(np.diff(some) >= 0)
    assert np.all((some >= 0) & (some <= np.minimum(ordered, BM25_MAX)))


def test_a_word_of_the_only_memory_weighs_about_what_a_rare_one_of_many_does() -> None:
    alone = inverse_document_frequency(np.array([1.0]), 1)[0]

    assert alone == pytest.approx(inverse_document_frequency(np.array([1.0]), 100)[0], abs=0.8)
