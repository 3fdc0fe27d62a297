"""Evidence of what was said around a memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cognition.base_level import FloatArray, IntArray
from cognition.context import (
    BLOCK_TERMS,
    OFFSETS,
    WORD_SHARES,
    bm25_in_context,
    cosines_in_context,
    term_contributions_in_context,
    vector_share,
    word_shares,
)
from cognition.lexical import Matches, bm25
from cognition.matching import cosine_similarity

MEMORIES = 6


def in_a_row(memories: int) -> IntArray:
    """Neighbours of memories that all belong to one session, in the order of their rows."""
    rows = np.arange(memories)[:, np.newaxis] + np.array(OFFSETS)
    return np.where((rows >= 0) & (rows < memories), rows, -1)


def matches_of(table: FloatArray) -> tuple[Matches, FloatArray]:
    """Matches and contributions of a table (memories, terms) of contributions."""
    rows, terms = np.nonzero(table)
    matches = Matches(
        memory=rows,
        term=terms,
        count=np.ones(len(rows)),
        memories=table.shape[0],
        terms=table.shape[1],
    )
    return matches, table[rows, terms]


def written_out(table: FloatArray, neighbours: IntArray, shares: FloatArray) -> list[float]:
    """The equation, one memory and one term after the other."""
    return [
        sum(
            max(
                [
                    own[term],
                    *(s * table[n][term] for n, s in zip(near, shares, strict=True) if n >= 0),
                ]
            )
            for term in range(table.shape[1])
        )
        for own, near in zip(table, neighbours.tolist(), strict=True)
    ]


TABLES = st.integers(0, 5).flatmap(
    lambda terms: arrays(np.float64, (MEMORIES, terms), elements=st.sampled_from([0.0, 0.5, 1, 3]))
)


@given(TABLES)
def test_each_term_counts_once_where_it_is_best(table: FloatArray) -> None:
    matches, contributions = matches_of(table)
    neighbours = in_a_row(MEMORIES)

    scores = bm25_in_context(matches, contributions, neighbours)

    assert scores.tolist() == pytest.approx(written_out(table, neighbours, WORD_SHARES))
    assert np.all(scores >= bm25(matches, contributions))


@given(TABLES)
def test_parts_of_an_explanation_add_up_to_the_score(table: FloatArray) -> None:
    matches, contributions = matches_of(table)
    neighbours = in_a_row(MEMORIES)
    scores = bm25_in_context(matches, contributions, neighbours)

    parts = [
        term_contributions_in_context(matches, contributions, neighbours, row=row).sum()
        for row in range(MEMORIES)
    ]

    assert parts == pytest.approx(scores.tolist())


def test_query_of_more_terms_than_a_block_holds_is_scored_whole() -> None:
    table = np.ones((3, 2 * BLOCK_TERMS + 1))
    matches, contributions = matches_of(table)

    scores = bm25_in_context(matches, contributions, in_a_row(3))

    assert scores.tolist() == [table.shape[1]] * 3


def test_without_neighbours_words_and_vectors_stand_alone() -> None:
    random = np.random.default_rng(7)
    matches, contributions = matches_of(random.integers(0, 3, (MEMORIES, 4)).astype(np.float64))
    vectors = random.normal(size=(MEMORIES, 8)).astype(np.float16)
    nobody = np.full((MEMORIES, len(OFFSETS)), -1)

    words = bm25_in_context(matches, contributions, nobody)
    cosines = cosines_in_context(vectors[0], vectors, nobody, shares=np.full(4, 0.25))

    assert words.tolist() == pytest.approx(bm25(matches, contributions).tolist())
    assert cosines.tolist() == pytest.approx(
        cosine_similarity(vectors[0], vectors).tolist(), abs=1e-6
    )


def test_shares_of_nothing_switch_the_context_off() -> None:
    random = np.random.default_rng(8)
    matches, contributions = matches_of(random.integers(0, 3, (MEMORIES, 4)).astype(np.float64))
    vectors = random.normal(size=(MEMORIES, 8)).astype(np.float16)
    neighbours = in_a_row(MEMORIES)

    words = bm25_in_context(matches, contributions, neighbours, shares=0 * WORD_SHARES)
    cosines = cosines_in_context(vectors[0], vectors, neighbours, shares=np.zeros(4))

    assert words.tolist() == pytest.approx(bm25(matches, contributions).tolist())
    assert cosines.tolist() == pytest.approx(
        cosine_similarity(vectors[0], vectors).tolist(), abs=1e-6
    )


def test_answer_without_a_word_of_its_question_is_found_by_the_turn_before() -> None:
    # Rows: a question that holds all words asked for, its answer, a turn of another session.
    matches, contributions = matches_of(np.array([[2.0, 2.0], [0.0, 0.0], [0.0, 2.0]]))
    neighbours = np.full((3, len(OFFSETS)), -1)
    neighbours[1, OFFSETS.index(-1)] = 0

    scores = bm25_in_context(matches, contributions, neighbours)

    assert scores.tolist() == pytest.approx([4.0, 3.6, 2.0])


def test_what_was_said_before_counts_more_than_what_was_said_after() -> None:
    shares = dict(zip(OFFSETS, WORD_SHARES, strict=True))

    assert shares[-1] > shares[1]
    assert shares[-2] > shares[2]


def test_cosine_in_context_does_not_depend_on_the_other_rows() -> None:
    random = np.random.default_rng(9)
    vectors = random.normal(size=(40, 384)).astype(np.float16)
    few = np.array([[1, 2, -1, -1], [0, 2, -1, -1], [-1, -1, -1, -1]])
    many = np.vstack([few, np.full((37, 4), -1)])

    shares = np.array([0.25, 0.25, 0.0, 0.0])
    alone = cosines_in_context(vectors[5], vectors[:3], few, shares=shares)
    among_others = cosines_in_context(vectors[5], vectors, many, shares=shares)[:3]

    assert alone.tolist() == among_others.tolist()


def test_vector_of_nothing_has_the_cosine_of_its_neighbours() -> None:
    vectors = np.array([[0.0, 0.0], [3.0, 4.0]], np.float16)
    neighbours = np.array([[1, -1, -1, -1], [-1, -1, -1, -1]])

    cosines = cosines_in_context(vectors[1], vectors, neighbours, shares=np.full(4, 0.25))

    assert cosines.tolist() == pytest.approx([1.0, 1.0], abs=1e-6)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=5))
def test_a_longer_text_takes_less_from_its_neighbours(lengths: list[float]) -> None:
    ordered = np.array(sorted(lengths))

    words, vectors = word_shares(ordered), vector_share(ordered)

    assert np.all(np.diff(words, axis=0) <= 0)
    assert np.all(np.diff(vectors) <= 0)
    assert np.all((words > 0) & (words <= WORD_SHARES))
    assert np.all((vectors > 0) & (vectors <= 0.8))


def test_each_memory_may_have_shares_of_its_own() -> None:
    matches, contributions = matches_of(np.array([[2.0], [0.0], [0.0]]))
    neighbours = np.array([[-1] * 4, [0, -1, -1, -1], [0, -1, -1, -1]])
    shares = np.array([[0.9] * 4, [0.5] * 4, [0.0] * 4])

    scores = bm25_in_context(matches, contributions, neighbours, shares=shares)

    assert scores.tolist() == [2.0, 1.0, 0.0]
