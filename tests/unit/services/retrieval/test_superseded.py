"""Superseded memories: behind what replaced them, which matches at least as well."""

from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.parameters import ParameterOverrides
from services.projection.fold.view import View
from services.retrieval.search.ranking import Ranking
from tests.builders import (
    TIME_MS,
    accessed_event,
    embedding,
    forgotten_event,
    memory_id,
    search,
    superseded_event,
)
from tests.sequences import DIMENSION, around, small_stored
from tests.unit.services.projection.folds import HOUR_MS, folded
from tests.unit.services.retrieval.asking import found, ranked

NEAR, FAR = (1.0, 0.0), (0.0, 1.0)
NAMES = "abcde"
EVERYTHING = search(min_activation=-1000, top_k=100)


def stored(name: str, *, hours: float = 0.0, vector: tuple[float, float] = NEAR) -> MemoryEvent:
    envelope = around(TIME_MS + round(hours * HOUR_MS), name)
    return small_stored(
        memory_id(name), envelope=envelope, embedding=embedding(vector, dimension=DIMENSION)
    )


def superseded(older: str, newer: str, **data: bool) -> MemoryEvent:
    envelope = around(TIME_MS + 2 * HOUR_MS, f"{older} {newer} {data}")
    return superseded_event(memory_id(older), memory_id(newer), envelope=envelope, **data)


def used(name: str, times: int) -> list[MemoryEvent]:
    return [
        accessed_event(memory_id(name), kind="used", envelope=around(TIME_MS + HOUR_MS + i, name))
        for i in range(times)
    ]


def asked(view: View, *, hours: float = 24.0, **query: object) -> Ranking:
    now_ms = TIME_MS + round(hours * HOUR_MS)
    return ranked(view, EVERYTHING.model_copy(update=query), now_ms=now_ms)


def names(ranking: Ranking) -> str:
    by_id = {memory_id(name): name for name in NAMES}
    return "".join(by_id[each] for each in found(ranking))


def of(ranking: Ranking, column: np.ndarray, name: str) -> float:
    return float(column[[UUID(each) for each in ranking.memories.ids].index(memory_id(name))])


def test_better_matching_older_fact_comes_after_its_successor() -> None:
    events = [stored("a"), *used("a", 9), stored("b", hours=1, vector=FAR)]
    view = folded(*events, superseded("a", "b"))

    before, after = asked(folded(*events)), asked(view)
    unpenalised = asked(view, parameters=ParameterOverrides(superseded_nats=0.0))

    assert (names(before), names(after), names(unpenalised)) == ("ab", "ba", "ba")
    lead = of(unpenalised, unpenalised.total, "b") - of(unpenalised, unpenalised.total, "a")
    assert lead == pytest.approx(0.1)


def test_successor_matches_at_least_as_well_as_what_it_replaced() -> None:
    view = folded(stored("a"), stored("b", hours=1, vector=FAR), superseded("a", "b"))

    ranking = asked(view)

    match = ranking.parts.match + ranking.parts.spreading
    assert of(ranking, match, "b") == pytest.approx(of(ranking, match, "a"))


def test_successor_that_leads_anyway_gains_nothing() -> None:
    events = [stored("a", vector=FAR), stored("b", hours=1)]

    before, after = asked(folded(*events)), asked(folded(*events, superseded("a", "b")))

    assert of(after, after.total, "b") == of(before, before.total, "b")
    assert of(after, after.total, "a") == pytest.approx(of(before, before.total, "a") - 2.0)


@pytest.mark.parametrize("nats", [-3.0, 0.0])
def test_penalty_is_a_parameter(nats: float) -> None:
    events = [stored("a", vector=FAR), stored("b", hours=1)]
    parameters = ParameterOverrides(superseded_nats=nats)

    after = asked(folded(*events, superseded("a", "b")), parameters=parameters)

    assert of(after, after.parts.adjustment, "a") == nats


def test_reversal_takes_it_back() -> None:
    events = [stored("a"), *used("a", 9), stored("b", hours=1, vector=FAR)]

    reversed_ = superseded("a", "b", reversed=True)
    after = asked(folded(*events, superseded("a", "b"), reversed_))

    before = asked(folded(*events))
    assert after.total.tolist() == before.total.tolist()
    assert names(after) == "ab"


def test_successor_that_is_not_known_changes_nothing() -> None:
    view = folded(stored("a"), superseded("a", "b"))

    assert view.ignored == {"no_effect": 1}
    assert asked(view).parts.adjustment.tolist() == [0.0]


def test_fact_whose_successor_was_forgotten_holds_again() -> None:
    gone = forgotten_event(memory_id("b"), envelope=around(TIME_MS + 9, "gone"))

    view = folded(stored("a"), stored("b"), superseded("a", "b"), gone)

    assert of(asked(view), asked(view).parts.adjustment, "a") == 0.0


@settings(max_examples=30)
@given(st.data())
def test_chain_is_ranked_from_the_newest_down_whatever_the_times_and_matches(
    data: st.DataObject,
) -> None:
    # Each replaces the one before; when they happened and how well they fit is another matter.
    length = data.draw(st.integers(2, len(NAMES)))
    chain = NAMES[:length]
    hours = data.draw(st.lists(st.integers(0, 3), min_size=length, max_size=length))
    vectors = data.draw(
        st.lists(st.sampled_from([NEAR, FAR, (1.0, 1.0)]), min_size=length, max_size=length)
    )
    uses = data.draw(st.lists(st.integers(0, 5), min_size=length, max_size=length))
    events = [
        stored(name, hours=at, vector=vector)
        for name, at, vector in zip(chain, hours, vectors, strict=True)
    ]
    events += [use for name, times in zip(chain, uses, strict=True) for use in used(name, times)]
    links = [superseded(a, b) for a, b in pairwise(chain)]

    ranking = asked(folded(*events, *data.draw(st.permutations(links))))

    assert names(ranking) == chain[::-1]
    match = ranking.parts.match + ranking.parts.spreading
    fits = [of(ranking, match, name) for name in chain]
    assert fits == pytest.approx(sorted(fits))


def test_two_older_facts_of_one_successor_both_come_after_it() -> None:
    events = [stored("a"), stored("b"), *used("a", 5), stored("c", vector=FAR)]

    ranking = asked(folded(*events, superseded("a", "c"), superseded("b", "c")))

    assert names(ranking)[0] == "c"


def test_facts_that_supersede_each_other_are_still_ranked() -> None:
    view = folded(stored("a"), stored("b"), superseded("a", "b"), superseded("b", "a"))

    ranking = asked(view)

    assert sorted(names(ranking)) == ["a", "b"]
    assert np.isfinite(ranking.total).all()
