"""Candidates chosen in the cache: the same that comparing every memory gives."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import MemoryEvent
from schemas.parameters import ParameterOverrides
from schemas.queries import Search
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.columns import ACTIVE
from services.retrieval.search import scan
from services.retrieval.search.candidates import Candidates
from services.retrieval.search.plan import SearchPlan
from tests.builders import TIME_MS, search
from tests.sequences import at_offsets, logs
from tests.unit.services.retrieval.asking import NAMESPACE, candidates_of, evidence_of, planned

EXAMPLES = settings(max_examples=30)
TEA = search(
    namespace=NAMESPACE, query="Who drinks tea at four, Ann or Bob?", include_decayed=False
)


def held(events: list[MemoryEvent], query: Search = TEA) -> tuple[View, Candidates, SearchPlan]:
    view = fold_log(at_offsets(events))
    view.namespace(NAMESPACE)
    plan = planned(query)
    return view, candidates_of(view, plan), plan


def nearest(candidates: Candidates, plan: SearchPlan, count: int) -> np.ndarray:
    columns = candidates.columns
    cosines = columns.cosines(plan.unit, np.arange(len(columns)))
    return scan.nearest(columns, plan, cosines, count)


def statuses(candidates: Candidates, rows: np.ndarray, moment_ms: int) -> set[int]:
    return set(candidates.columns.statuses(rows, moment_ms).tolist())


@EXAMPLES
@given(logs(), st.integers(1, 5))
def test_nearest_are_the_active_ones_with_the_highest_cosines_and_of_equals_the_first_ids(
    events: list[MemoryEvent], count: int
) -> None:
    view, candidates, plan = held(events)

    found = nearest(candidates, plan, count)

    ids, evidence = evidence_of(view, plan)
    cosine = dict(zip(ids, evidence.cosines.tolist(), strict=True))
    columns = candidates.columns
    codes = columns.statuses(slice(0, len(columns)), plan.moment_ms)
    active = np.flatnonzero(codes == ACTIVE).tolist()
    best = sorted((-cosine[columns.ids[row]], columns.ids[row]) for row in active)[:count]
    assert sorted(columns.names(found)) == sorted(name for _, name in best)
    assert statuses(candidates, found, plan.moment_ms) <= {ACTIVE}


@EXAMPLES
@given(logs(), st.integers(1, 5))
def test_matching_are_those_with_the_best_words_the_best_first_and_of_equals_the_first_ids(
    events: list[MemoryEvent], count: int
) -> None:
    view, candidates, plan = held(events)

    found = scan.matching(candidates.columns, plan, candidates.statistics, count)

    ids, evidence = evidence_of(view, plan)
    score = dict(zip(ids, evidence.bm25.tolist(), strict=True))
    columns = candidates.columns
    codes = columns.statuses(slice(0, len(columns)), plan.moment_ms)
    active = np.flatnonzero(codes == ACTIVE).tolist()
    best = sorted((-score[columns.ids[row]], columns.ids[row]) for row in active)
    assert columns.names(found) == [name for each, name in best if each < 0][:count]


@EXAMPLES
@given(logs())
def test_words_that_do_not_count_choose_nobody(events: list[MemoryEvent]) -> None:
    silent = TEA.model_copy(update={"parameters": ParameterOverrides(lexical_weight=0)})
    _, candidates, plan = held(events, silent)

    assert len(scan.matching(candidates.columns, plan, candidates.statistics, 5)) == 0


@EXAMPLES
@given(logs())
def test_past_moment_sees_only_what_was_there(events: list[MemoryEvent]) -> None:
    _, candidates, plan = held(events, TEA.model_copy(update={"as_of": TIME_MS}))

    found = nearest(candidates, plan, 5)

    assert (candidates.columns.column("created_ms", found) <= TIME_MS).all()
