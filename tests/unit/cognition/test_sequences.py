"""Frequent sequences, against a search that tries everything."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.errors import ParameterOutOfRange
from cognition.sequences import frequent_sequences

SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=6), max_size=5)


def occurs(steps: tuple[int, ...], sequence: list[int], gap_max: int) -> bool:
    for places in combinations(range(len(sequence)), len(steps)):
        gaps = [after - before - 1 for before, after in pairwise(places)]
        if tuple(sequence[place] for place in places) == steps and max(gaps, default=0) <= gap_max:
            return True
    return False


def tried(sequences: list[list[int]], support_min: int, gap_max: int) -> dict[tuple[int, ...], int]:
    """All frequent patterns by trying every subsequence."""
    candidates = {
        tuple(sequence[place] for place in places)
        for sequence in sequences
        for length in range(2, len(sequence) + 1)
        for places in combinations(range(len(sequence)), length)
    }
    supports = {
        steps: sum(occurs(steps, sequence, gap_max) for sequence in sequences)
        for steps in candidates
    }
    return {steps: support for steps, support in supports.items() if support >= support_min}


def inside(shorter: tuple[int, ...], longer: tuple[int, ...]) -> bool:
    rest = iter(longer)
    return all(step in rest for step in shorter)


@given(sequences=SEQUENCES, gap_max=st.integers(0, 2))
def test_finds_exactly_the_closed_patterns(sequences: list[list[int]], gap_max: int) -> None:
    found = frequent_sequences(sequences, support_min=2, gap_max=gap_max)

    frequent = tried(sequences, 2, gap_max)
    closed = {
        steps: support
        for steps, support in frequent.items()
        if not any(
            len(other) > len(steps) and same == support and inside(steps, other)
            for other, same in frequent.items()
        )
    }
    assert {pattern.steps: pattern.support for pattern in found} == closed


@given(sequences=SEQUENCES)
def test_places_show_the_pattern(sequences: list[list[int]]) -> None:
    for pattern in frequent_sequences(sequences, support_min=2):
        for number, places in pattern.places:
            assert tuple(sequences[number][place] for place in places) == pattern.steps


def test_long_and_frequent_comes_first() -> None:
    sequences = [[1, 2, 3, 4], [1, 2, 3, 4], [1, 2, 3, 4], [8, 9], [8, 9], [8, 9], [8, 9]]

    found = frequent_sequences(sequences)

    assert [pattern.steps for pattern in found] == [(1, 2, 3, 4), (8, 9)]
    assert [pattern.worth for pattern in found] == [5, 2]


def test_bounds_out_of_range_are_refused() -> None:
    for wrong in ({"support_min": 0}, {"length_max": 1}, {"gap_max": -1}):
        with pytest.raises(ParameterOutOfRange):
            frequent_sequences([[1, 2]], **wrong)
