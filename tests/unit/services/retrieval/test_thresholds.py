"""Faded memories come back by a strong cue, or as the query says; an empty answer says why."""

from collections.abc import Mapping
from typing import Any

import pytest

from services.projection.fold.view import View
from tests.builders import TIME_MS, decayed_event, embedding, memory_id, search
from tests.sequences import DIMENSION, around, small_stored
from tests.unit.services.projection.folds import folded
from tests.unit.services.retrieval.asking import found, ranked

KEPT, FADED = memory_id("kept"), memory_id("faded")
NEAR, FAR = [1.0, 0.0], [0.0, 1.0]
# Of a memory that fits the cue, and of one that does not, in their small namespace.
WEAK = {"faded_threshold": 0.0}
STRONG = {"faded_threshold": -4.0}


@pytest.fixture
def view() -> View:
    """Two memories that fit the cue alike, of which one has faded, and one that does not."""
    vectors = {"kept": NEAR, "faded": NEAR, "other": FAR}
    told = [
        small_stored(
            memory_id(name),
            envelope=around(TIME_MS, name),
            content="Tea.",
            embedding=embedding(vector, dimension=DIMENSION),
        )
        for name, vector in vectors.items()
    ]
    return folded(*told, decayed_event(FADED, envelope=around(TIME_MS + 10, "gone")))


def said(view: View, parameters: Mapping[str, float], **asked: Any) -> set[object]:
    return set(found(ranked(view, search("x", parameters=parameters, **asked))))


def test_a_strong_cue_finds_what_has_faded_and_a_weak_one_does_not(view: View) -> None:
    assert said(view, STRONG, min_activation=-5) == {KEPT, FADED}
    assert said(view, WEAK, min_activation=-5) == {KEPT}


def test_a_query_may_have_all_that_faded_or_none_of_it(view: View) -> None:
    assert said(view, WEAK, min_activation=-5, include_decayed=True) == {KEPT, FADED}
    assert said(view, STRONG, min_activation=-5, include_decayed=False) == {KEPT}


def test_a_lower_threshold_does_not_make_a_weak_cue_strong(view: View) -> None:
    assert FADED not in said(view, WEAK, min_activation=-1000)


def test_an_empty_answer_names_the_best_below_the_threshold(view: View) -> None:
    ranking = ranked(view, search("x", min_activation=1000))

    assert ranking.order == []
    assert ranking.best_below == pytest.approx(float(ranking.total.max()))


def test_an_answer_that_found_something_names_none_below(view: View) -> None:
    assert ranked(view, search("x", min_activation=-1000)).best_below is None
