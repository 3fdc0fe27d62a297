"""What a cue says about memories: against plain loops over what was folded."""

from math import atanh, log, tanh
from uuid import UUID

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cognition.context import WORD_SHARES, cosines_in_context
from cognition.lexical import inverse_document_frequency
from schemas.events import MemoryEvent
from schemas.parameters import ParameterOverrides
from schemas.queries import Search
from services.projection.fold.fold import fold_log
from services.projection.fold.view import Memory, View
from services.readside.layout import TERM, hash64
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.plan import SearchPlan
from tests.builders import TIME_MS, embedding, forgotten_event, memory_id, search
from tests.sequences import CONCEPTS, DIMENSION, around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import folded
from tests.unit.services.retrieval.asking import (
    CUE,
    candidates_of,
    evidence_of,
    of_namespace,
    planned,
)

EXAMPLES = settings(max_examples=20)
WITHOUT_DELETION = ("stored", "stored", "stored", "accessed", "concept", "relation", "superseded")
LOGS = logs(kinds=(*WITHOUT_DELETION, "decayed", "forgotten"))
QUERIES = st.builds(
    search,
    st.sampled_from(["Is Ann's tea at four, Bob?", "cups", "🫖 ünïcödé", "the of"]),
    active_concepts=st.lists(st.sampled_from(CONCEPTS), max_size=2, unique=True),
    parameters=st.builds(ParameterOverrides, neighbour_weight=st.sampled_from([None, 0.0, 0.5])),
    as_of=st.none() | st.integers(TIME_MS, TIME_MS + 10**9),
)


class Expected:
    """The same evidence from plain loops, for all memories of a namespace."""

    def __init__(self, view: View, asked: SearchPlan) -> None:
        self._view = view
        self._asked = asked
        self._candidates = candidates_of(view, asked)
        self._memories = {ref[1]: memory for ref, memory in of_namespace(view).items()}
        statistics = self._candidates.statistics
        self._idf = inverse_document_frequency(statistics.frequencies, statistics.memories)

    def beside(self, name: UUID) -> list[UUID | None]:
        """One before, one after, two before, two after, where they can be seen."""
        for places in self._view.namespaces["acme/one"].sessions.values():
            order = [place[2] for place in sorted(places)]
            if name in order:
                at = order.index(name)
                near = [at - 1, at + 1, at - 2, at + 2]
                some = [order[k] if 0 <= k < len(order) else None for k in near]
                return [other if other and self._visible(other) else None for other in some]
        return [None] * 4

    def terms(self, name: UUID) -> list[float]:
        """What each term of the query adds to the memory's own BM25."""
        statistics, memory = self._candidates.statistics, self._memories[name]
        mean = statistics.length / max(1, statistics.memories)
        relative = max(memory.state.length, 0.5) / mean if mean else 1.0
        counts = {
            row["term"].tobytes(): int(row["count"])
            for row in np.frombuffer(memory.parts.terms, TERM)
        }
        occurrences = [counts.get(hash64(term), 0) for term in self._asked.terms]
        return [
            float(idf) * count * 2.5 / (count + 1.5 * (0.25 + 0.75 * relative))
            for idf, count in zip(self._idf, occurrences, strict=True)
        ]

    def words(self, name: UUID) -> list[float]:
        """The same with the neighbours' words, each where it counts most."""
        openness = min(1.0, 40 / max(1, self._memories[name].state.length))
        shares = self._candidates.parameters.neighbour_weight * openness * WORD_SHARES
        best = self.terms(name)
        for other, share in zip(self.beside(name), shares, strict=True):
            if other is not None:
                theirs = [share * nats for nats in self.terms(other)]
                best = [max(pair) for pair in zip(best, theirs, strict=True)]
        return best

    def cosine_in_context(self, name: UUID) -> float:
        """Cosine of the query and the memory's vector with those of its neighbours."""
        near = [name, *self.beside(name)[:2]]
        rows = [vector_of(self._memories[each]) for each in near if each is not None]
        beside = np.full((len(rows), 2), -1)
        beside[0, : len(rows) - 1] = np.arange(1, len(rows))
        length = self._memories[name].state.length
        share = 8 / (length + 10) * self._candidates.parameters.neighbour_weight
        found = cosines_in_context(CUE, np.stack(rows), beside, shares=np.full(2, share))
        return float(found[0])

    def length(self, name: UUID) -> float:
        length = min(self._memories[name].state.length, 30)
        return max(log(2 * length / (length + 10)), -1.0) if length else -1.0

    def spoken(self, name: UUID) -> bool:
        rows = np.frombuffer(self._memories[name].parts.terms, TERM)
        asked = {hash64(term) for term in self._asked.terms}
        return any(row["speaker"] and row["term"].tobytes() in asked for row in rows)

    def _visible(self, name: UUID) -> bool:
        state, moment_ms = self._memories[name].state, self._asked.query.as_of
        there = moment_ms is None or state.created_ms <= moment_ms
        return state.status != "deleted" and there


def bounded(bm25: float) -> float:
    return 25 * tanh(bm25 / 25)


def vector_of(memory: Memory) -> np.ndarray:
    return np.frombuffer(memory.parts.vector, "<f2")


def told(*texts: str, **data: object) -> list[MemoryEvent]:
    """Memories of one session, a second apart, named by their number."""
    return [
        small_stored(
            memory_id(str(number)),
            envelope=around(TIME_MS + 1000 * number, number),
            content=text,
            **({"session": "monday"} | data),
        )
        for number, text in enumerate(texts)
    ]


@EXAMPLES
@given(LOGS, QUERIES)
def test_evidence_is_that_of_plain_loops(events: list[MemoryEvent], query: Search) -> None:
    view = fold_log(at_offsets(events))
    assume(of_namespace(view))
    asked = planned(query)
    expected = Expected(view, asked)

    ids, evidence = evidence_of(view, asked)

    for i, name in enumerate(map(UUID, ids)):
        own, words = sum(expected.terms(name)), bounded(sum(expected.words(name)))
        cosine = float(evidence.cosines[i])
        assert evidence.bm25[i] == pytest.approx(own)
        assert evidence.speaker[i] == 1.2 * expected.spoken(name)
        assert evidence.length[i] == pytest.approx(1.2 * expected.length(name))
        assert evidence.match[i] == pytest.approx(
            8.0 * (cosine - 0.3)
            + 0.28 * bounded(own)
            + evidence.speaker[i]
            + evidence.length[i]
            - 8.0
        )
        context = 0.28 * (words - bounded(own)) + 8.0 * (expected.cosine_in_context(name) - cosine)
        assert evidence.context[i] == pytest.approx(context, abs=1e-4)
        before, after = (str(each) if each else None for each in expected.beside(name)[:2])
        assert evidence.neighbours(i) == (before, after)
        assert sum(evidence.words(i).values()) == pytest.approx(0.28 * words)


@EXAMPLES
@given(LOGS, QUERIES, st.data())
def test_evidence_of_a_memory_does_not_depend_on_the_other_candidates(
    events: list[MemoryEvent], query: Search, data: st.DataObject
) -> None:
    view = fold_log(at_offsets(events))
    names = [ref[1] for ref in of_namespace(view)]
    assume(names)
    some = data.draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    ids, together = evidence_of(view, planned(query))

    few_ids, alone = evidence_of(view, planned(query), names=some)

    def parts(evidence: Evidence, i: int) -> list[float]:
        columns = (evidence.cosines, evidence.bm25, evidence.speaker, evidence.length)
        rest = (evidence.match, evidence.context, evidence.spreading)
        return [float(column[i]) for column in (*columns, *rest)]

    for i, name in enumerate(few_ids):
        assert parts(alone, i) == parts(together, ids.index(name))
        assert alone.neighbours(i) == together.neighbours(ids.index(name))


def test_memory_that_stands_alone_gets_nothing_from_neighbours() -> None:

    words = [f"word{number}" for number in range(20)]
    texts = [" ".join(words[: number + 1]) for number in range(20)]

    _, evidence = evidence_of(folded(*told(*texts, session=None)), planned(search(" ".join(words))))

    assert evidence.spreading.tolist() == pytest.approx([0.0] * 20, abs=1e-12)


def test_word_of_a_neighbour_counts_by_its_distance() -> None:
    view = folded(*told("Nothing.", "Nothing.", "Tea!", "Nothing.", "Nothing.", "Nothing."))

    _, evidence = evidence_of(view, planned(search("tea")))

    own = float(evidence.bm25[2])
    nats = [evidence.words(i).get("tea", 0.0) for i in range(6)]
    shares = [25 * atanh(each / 0.28 / 25) / own for each in nats]
    assert shares == pytest.approx([0.4, 0.6, 1.0, 0.9, 0.6, 0.0])


def test_word_that_stands_in_several_turns_counts_once_where_it_is_best() -> None:
    view = folded(*told("Tea.", "Tea.", "Tea."))

    _, evidence = evidence_of(view, planned(search("tea")))

    assert evidence.words(1)["tea"] == pytest.approx(0.28 * bounded(float(evidence.bm25[1])))


@pytest.mark.parametrize("gone", [0, 2])
def test_forgotten_neighbour_is_not_seen(gone: int) -> None:
    events = told("Tea.", "Nothing.", "Tea.")
    forgotten = forgotten_event(memory_id(str(gone)), envelope=around(TIME_MS + 9000))

    _, evidence = evidence_of(folded(*events, forgotten), planned(search("tea")))

    here = memory_id(str(2 - gone))
    assert evidence.neighbours(1) == ((None, str(here)) if gone == 0 else (str(here), None))


def test_neighbour_said_later_than_the_moment_asked_about_is_not_seen() -> None:
    view = folded(*told("Nothing.", "Nothing.", "Tea."))

    ids, evidence = evidence_of(view, planned(search("tea", as_of=TIME_MS + 1500)))

    assert evidence.neighbours(1) == (ids[0], None)
    assert evidence.words(1) == evidence.words(0) == {}


def test_memories_of_other_sessions_are_no_neighbours() -> None:
    events = [*told("Tea."), *told("x", "Nothing.", session="tuesday")[1:]]

    _, evidence = evidence_of(folded(*events), planned(search("tea")))

    assert evidence.neighbours(0) == evidence.neighbours(1) == (None, None)


def test_query_that_names_the_speaker_speaks_for_what_they_said() -> None:
    view = folded(*told("Tea.", speaker="Ann Lee", indexed_text="Ann Lee: Tea."))

    def said(text: str) -> float:
        return float(evidence_of(view, planned(search(text)))[1].speaker[0])

    assert said("What did Ann drink?") == said("What did Lee drink?") == 1.2
    assert said("What did Bob drink?") == said("tea") == 0.0


def test_vector_of_another_model_says_nothing() -> None:
    other = embedding([1.0, 1.0], dimension=2 * DIMENSION)
    view = folded(*told("Tea.", embedding=other))

    _, evidence = evidence_of(view, planned(search("tea")))

    assert evidence.cosines.tolist() == [0.0]


def test_weights_of_a_search_take_parts_out() -> None:
    view = folded(*told("Tea.", "Cups.", speaker="Ann"))
    off = ParameterOverrides(
        cosine_weight=0.0, lexical_weight=0.0, speaker_weight=0.0, length_weight=0.0,
        neighbour_weight=0.0, spreading_weight=0.0, prior=0.0,
    )  # fmt: skip

    _, evidence = evidence_of(view, planned(search("Ann's tea", parameters=off)))

    assert evidence.match.tolist() == [0.0, 0.0]
    assert evidence.spreading.tolist() == [0.0, 0.0]
