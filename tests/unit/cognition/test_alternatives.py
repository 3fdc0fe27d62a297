"""Published equations kept for comparison: what holds of them besides their gold numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.errors import ParameterOutOfRange
from cognition.reference.alternatives import (
    core_affect,
    environment_odds,
    learnt_association,
    mood_decay_rate,
    predictive_performance,
    source_strength,
)


@pytest.mark.parametrize("arousal", [0.5, 0.9])
def test_published_form_of_emotion_is_refused_where_nothing_would_ever_fade(
    arousal: float,
) -> None:
    with pytest.raises(ParameterOutOfRange, match=f"below 0.5, got {arousal}"):
        mood_decay_rate(0.5, arousal=arousal)


@given(st.lists(st.floats(-1, 1), max_size=20), st.floats(0, 1))
def test_core_affect_stays_within_what_was_felt(rewards: list[float], rate: float) -> None:
    valuation, arousal = core_affect(np.array(rewards), learning_rate=rate)

    assert abs(valuation) <= arousal + 1e-12
    assert arousal <= max([0.0, *map(abs, rewards)]) + 1e-12


def test_wide_spacing_is_remembered_longer_by_both_rivals() -> None:
    week = 604_800.0

    massed, spaced = (
        predictive_performance(np.array([week + gap, week])) for gap in (10.0, 86_400.0)
    )
    massed_strength, spaced_strength = (
        source_strength(np.array([0.0, gap]), gap + week) for gap in (0.0, 86_400.0)
    )

    assert massed < spaced
    assert massed_strength < spaced_strength


@given(st.integers(1, 30), st.floats(0.01, 1))
def test_source_strength_never_exceeds_one(studies: int, increment: float) -> None:
    strength = source_strength(np.zeros(studies), 0.0, increment=increment)

    assert strength == pytest.approx(1 - (1 - increment) ** studies)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_odds_grow_with_frequency_and_fall_with_age(count: int, texts: int) -> None:
    assert environment_odds(count + 1, texts) > environment_odds(count, texts)
    assert environment_odds(count, texts + 1) < environment_odds(count, texts)


def test_a_cue_that_changes_nothing_has_no_association() -> None:
    assert learnt_association((5, 50), (10, 100)) == 0
    assert learnt_association((10, 50), (10, 100)) == pytest.approx(math.log(2))
