"""Memories from when a question asks about: found by their words and times, with equal vectors.

`times.tsv`: when a memory was told, what it says, and a question that only its time tells from the
others of its kind, asked at NOW.
"""

from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognition.matching import TIME_NATS_MAX, time_evidence
from schemas.fields import milliseconds
from schemas.inbox import Store
from services.ingest.domain import indexed_text
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.retrieval.search.rows import reasons_of
from tests.builders import embedding, memory_id, search, stored_event
from tests.sequences import DIMENSION, at_offsets
from tests.unit.services.retrieval.asking import NAMESPACE, found, ranked

TABLE = Path(__file__).parents[3] / "data/times.tsv"
NOW = datetime.fromisoformat("2026-12-01T10:00:00+01:00")
NOW_MS = milliseconds(NOW)
AN_HOUR_AHEAD = 60
WITHOUT_TIMES = {"time_weight": 0.0}


@cache
def rows() -> list[list[str]]:
    return [line.split("\t") for line in TABLE.read_text("utf-8").splitlines()]


@cache
def told() -> View:
    """All memories of the table, dated as ingest dates them."""
    events = []
    for number, (when, said, _) in enumerate(rows()):
        store = Store.model_validate(
            {"namespace": NAMESPACE, "content": said, "occurred_at": when, "speaker": "Ann"}
        )
        assert store.occurred_at is not None
        events.append(
            stored_event(
                memory_id(str(number)),
                said,
                indexed_text=indexed_text(store, store.occurred_at),
                embedding=embedding([1.0], dimension=DIMENSION),
                envelope={"namespace": NAMESPACE, "time": int(store.occurred_at)},
            )
        )
    return fold_log(at_offsets(sorted(events, key=lambda event: event.time)))


def first(**asked: object) -> float:
    """The share of questions whose memory comes first."""
    right = 0
    for number, (_, _, question) in enumerate(rows()):
        query = search(question, namespace=NAMESPACE, utc_offset=AN_HOUR_AHEAD, **asked)
        right += found(ranked(told(), query, now_ms=NOW_MS))[:1] == [memory_id(str(number))]
    return right / len(rows())


def test_memory_from_when_a_question_asks_about_comes_first() -> None:
    assert first() >= 0.9
    assert first(parameters=WITHOUT_TIMES) <= 0.7


def test_question_that_names_no_time_is_ranked_as_if_there_were_no_such_evidence() -> None:
    query = search("Where may we have lunch in the sun?", namespace=NAMESPACE)

    with_times = ranked(told(), query, now_ms=NOW_MS)

    without = query.model_copy(
        update={"parameters": search("x", parameters=WITHOUT_TIMES).parameters}
    )
    assert with_times.total.tobytes() == ranked(told(), without, now_ms=NOW_MS).total.tobytes()
    assert with_times.evidence.time is None
    assert reasons_of(with_times, with_times.order[0], []).time is None


def test_reasons_tell_what_the_time_adds_to_the_match() -> None:
    query = search("Where did we have lunch yesterday?", namespace=NAMESPACE)
    ranking = ranked(told(), query, now_ms=NOW_MS)
    without = ranked(
        told(),
        search("Where did we have lunch yesterday?", namespace=NAMESPACE, parameters=WITHOUT_TIMES),
        now_ms=NOW_MS,
    )

    best = ranking.order[0]
    reasons = reasons_of(ranking, best, [])

    assert reasons.time is not None
    assert 0 < reasons.time <= ranking.candidates.parameters.time_weight * TIME_NATS_MAX
    gained = ranking.parts.match[best] - without.parts.match[best]
    assert gained == pytest.approx(reasons.time)


@pytest.mark.parametrize("utc_offset", [0, 120])
def test_today_is_the_day_of_who_asks(utc_offset: int) -> None:
    said = {"day before": "2026-11-30T21:30:00Z", "same day": "2026-11-30T22:30:00Z"}
    events = [
        stored_event(
            memory_id(name),
            "We had soup.",
            embedding=embedding([1.0], dimension=DIMENSION),
            envelope={"namespace": NAMESPACE, "time": milliseconds(datetime.fromisoformat(when))},
        )
        for name, when in said.items()
    ]
    others = [
        stored_event(
            memory_id(str(i)),
            "We had bread.",
            embedding=embedding([1.0], dimension=DIMENSION),
            envelope={"namespace": NAMESPACE, "time": events[0].time - 10**10 - i},
        )
        for i in range(8)
    ]
    asked_ms = milliseconds(datetime.fromisoformat("2026-11-30T23:00:00Z"))
    query = search("What did we have today?", namespace=NAMESPACE, utc_offset=utc_offset)

    ranking = ranked(fold_log(at_offsets([*others, *events])), query, now_ms=asked_ms)

    time = ranking.evidence.time
    assert time is not None
    from_then = {ranking.memories.ids[i] for i in np.flatnonzero(time > 0)}
    both = {str(memory_id(name)) for name in said}
    assert from_then == (both if utc_offset == 0 else {str(memory_id("same day"))})


@given(
    st.lists(st.integers(-(10**14), 10**14), min_size=1, max_size=20),
    st.lists(
        st.tuples(st.integers(-(10**14), 10**14), st.integers(1, 10**12)), min_size=1, max_size=3
    ),
)
def test_evidence_of_time_has_bounds_and_takes_nothing_away(
    times: list[int], told_of: list[tuple[int, int]]
) -> None:
    spans = [(begins, begins + length) for begins, length in told_of]

    evidence = time_evidence(np.array(times), spans)

    assert np.isfinite(evidence).all()
    assert (evidence >= 0).all()
    assert (evidence <= TIME_NATS_MAX).all()


def test_time_that_all_memories_are_from_says_nothing() -> None:
    assert not time_evidence(np.arange(50), [(0, 50)]).any()
