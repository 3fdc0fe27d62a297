"""Candidates chosen in the table: the same that comparing every memory gives."""

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
from services.retrieval.search.plan import Candidates, Question
from tests.builders import TIME_MS, search
from tests.sequences import at_offsets, logs
from tests.unit.services.retrieval.asking import NAMESPACE, candidates_of, evidence_of, question

EXAMPLES = settings(max_examples=30)
TEA = search(namespace=NAMESPACE, query="Who drinks tea at four, Ann or Bob?")


def held(events: list[MemoryEvent], query: Search = TEA) -> tuple[View, Candidates, Question]:
    view = fold_log(at_offsets(events))
    view.namespace(NAMESPACE)
    asked = question(query)
    return view, candidates_of(view, asked), asked


def nearest(candidates: Candidates, asked: Question, count: int) -> np.ndarray:
    table = candidates.table
    cosines = table.cosines(asked.unit, np.arange(len(table)))
    return scan.nearest(table, asked, cosines, count)


def statuses(candidates: Candidates, rows: np.ndarray) -> set[int]:
    return set(candidates.table.column("status", rows).tolist())


@EXAMPLES
@given(logs(), st.integers(1, 5))
def test_nearest_are_the_active_ones_with_the_highest_cosines(
    events: list[MemoryEvent], count: int
) -> None:
    view, candidates, asked = held(events)

    found = nearest(candidates, asked, count)

    ids, evidence = evidence_of(view, asked)
    cosine = dict(zip(ids, evidence.cosines.tolist(), strict=True))
    table = candidates.table
    active = np.flatnonzero(table.column("status", np.arange(len(table))) == ACTIVE).tolist()
    best = sorted((cosine[table.ids[row]] for row in active), reverse=True)[:count]
    assert sorted((cosine[name] for name in table.names(found)), reverse=True) == best
    assert statuses(candidates, found) <= {ACTIVE}


@EXAMPLES
@given(logs(), st.integers(1, 5))
def test_matching_are_those_with_the_best_words_the_best_first(
    events: list[MemoryEvent], count: int
) -> None:
    view, candidates, asked = held(events)

    found = scan.matching(candidates.table, asked, candidates.statistics, count)

    ids, evidence = evidence_of(view, asked)
    score = dict(zip(ids, evidence.bm25.tolist(), strict=True))
    table = candidates.table
    active = np.flatnonzero(table.column("status", np.arange(len(table))) == ACTIVE).tolist()
    scores = (score[table.ids[row]] for row in active)
    best = sorted((each for each in scores if each > 0), reverse=True)[:count]
    assert [score[name] for name in table.names(found)] == best


@EXAMPLES
@given(logs())
def test_words_that_do_not_count_choose_nobody(events: list[MemoryEvent]) -> None:
    silent = TEA.model_copy(update={"parameters": ParameterOverrides(lexical_weight=0)})
    _, candidates, asked = held(events, silent)

    assert len(scan.matching(candidates.table, asked, candidates.statistics, 5)) == 0


@EXAMPLES
@given(logs())
def test_past_moment_sees_only_what_was_there(events: list[MemoryEvent]) -> None:
    _, candidates, asked = held(events, TEA.model_copy(update={"as_of": TIME_MS}))

    found = nearest(candidates, asked, 5)

    assert (candidates.table.column("created_ms", found) <= TIME_MS).all()
