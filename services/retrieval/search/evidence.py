"""Evidence of a cue for each candidate: meaning, words, speaker, length, time, its neighbours.

Match (P) is the memory's own; spreading (S) comes from its neighbours and the active concepts.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.context import (
    bm25_in_context,
    cosine_in_context,
    term_contributions_in_context,
    vector_share,
    word_shares,
)
from cognition.lexical import (
    Matches,
    bm25,
    bounded,
    inverse_document_frequency,
    length_evidence,
    relative_lengths,
    term_contributions,
)
from cognition.matching import evidence_match, time_evidence
from schemas.parameters import Parameters
from services.readside.columns import DELETED, Memories
from services.retrieval.search.association import association
from services.retrieval.search.candidates import Candidates
from services.retrieval.search.plan import SearchPlan


@dataclass(frozen=True)
class Evidence:
    """Evidence of a cue for some candidates.

    Shapes are (candidates,), and units nats, but for `cosines` (-1 to 1) and `bm25` (no unit).
    `match` is P, with the prior; `spreading`, S, the sum of `context` and of `associations` over
    the sources; `time` is none where the question names no time.
    """

    match: FloatArray
    spreading: FloatArray
    cosines: FloatArray
    bm25: FloatArray
    speaker: FloatArray
    length: FloatArray
    time: FloatArray | None
    context: FloatArray
    associations: FloatArray
    _terms: tuple[str, ...]
    _words: "_Words"
    _near: "_Nearby"
    _parameters: Parameters

    @classmethod
    def of(cls, candidates: Candidates, memories: Memories, plan: SearchPlan) -> Self:
        """The evidence of a search; `memories` are as of the moment asked about."""
        parameters, count = candidates.parameters, len(candidates.rows)
        near = _Nearby(candidates, plan)
        words = _Words.of(candidates, near, plan.terms)
        cosines, scores = near.cosines[:count], bm25(words.matches, words.contributions)[:count]
        said = bounded(scores)
        speaker = parameters.speaker_weight * near.spoken_by(plan.terms)
        length = parameters.length_weight * length_evidence(near.lengths[:count])
        own = evidence_match(
            cosines,
            said,
            cosine_weight=parameters.cosine_weight,
            lexical_weight=parameters.lexical_weight,
            neutral=parameters.cosine_neutral,
        )
        match, time = own + speaker + length + parameters.prior, None
        if plan.times.spans:
            created_ms = memories.states["created_ms"]
            time = parameters.time_weight * time_evidence(created_ms, plan.times.spans)
            match += time
        context = _context(near, words, said, parameters)
        associations = parameters.spreading_weight * association(
            memories, candidates.sources, parameters
        )
        return cls(
            match=match,
            spreading=context + associations.sum(axis=0),
            cosines=cosines,
            bm25=scores,
            speaker=speaker,
            length=length,
            time=time,
            context=context,
            associations=associations,
            _terms=plan.terms,
            _words=words,
            _near=near,
            _parameters=parameters,
        )

    def words(self, i: int) -> dict[str, float]:
        """Nats that each word of the query adds to a candidate, its neighbours' words included."""
        parts = term_contributions_in_context(
            self._words.matches,
            self._words.contributions,
            self._near.neighbours,
            row=i,
            shares=self._near.word_shares(self._parameters)[i],
        )
        together = parts.sum()
        if together == 0:
            return {}
        weighted = self._parameters.lexical_weight * float(bounded(together)) / together * parts
        return {
            term: float(nats) for term, nats in zip(self._terms, weighted, strict=True) if nats > 0
        }

    def neighbours(self, i: int) -> tuple[str | None, str | None]:
        """Ids of the memories before and after one candidate."""
        before, after = self._near.neighbours[i, :2]
        name = self._near.id_of
        return name(before) if before >= 0 else None, name(after) if after >= 0 else None


@dataclass(frozen=True)
class _Words:
    """Words of a query in the candidates and near them, and the BM25 that each adds."""

    matches: Matches
    contributions: FloatArray

    @classmethod
    def of(cls, candidates: Candidates, near: "_Nearby", terms: tuple[str, ...]) -> Self:
        statistics = candidates.statistics
        lengths = relative_lengths(near.lengths, statistics.length / max(1, statistics.memories))
        # The counts of a namespace that is being written are not read at one instant.
        frequencies = np.minimum(statistics.frequencies, statistics.memories)
        idf = inverse_document_frequency(frequencies, statistics.memories)
        matches = candidates.columns.matches(terms, near.rows)
        return cls(matches, term_contributions(matches, lengths, idf))


def _context(
    near: "_Nearby", words: _Words, said: FloatArray, parameters: Parameters
) -> FloatArray:
    """Spreading from the neighbours of each candidate; `said` is the evidence of its own words."""
    count = len(said)
    if parameters.neighbour_weight == 0:
        return np.zeros(count)
    together = bm25_in_context(
        words.matches,
        words.contributions,
        near.neighbours,
        shares=near.word_shares(parameters),
    )
    meaning = near.cosines_in_context(parameters)
    # Two ways of summing differ in the last digit; neighbours never take words away.
    lexical = parameters.lexical_weight * np.maximum(0.0, bounded(together) - said)
    context: FloatArray = lexical + parameters.cosine_weight * (meaning - near.cosines[:count])
    return context


class _Nearby:
    """The candidates, behind them their neighbours, then the neighbours of those; numbered anew.

    `neighbours`: of each candidate, numbers of those one before, one after, two before, two after;
    -1 where there is none, or none that was visible at the moment asked about. Shape
    (candidates, 4). `cosines`: of the query with the candidates and their neighbours.
    """

    def __init__(self, candidates: Candidates, plan: SearchPlan) -> None:
        columns, rows = candidates.columns, candidates.rows
        self._columns = columns
        self._count = len(rows)
        self._number = number = np.full(len(columns) + 2, -1)  # NONE and NOT_HERE are nobody
        _numbered(number, rows, first=0)
        one = _numbered(number, columns.beside(rows), first=len(rows))
        two = _numbered(number, columns.beside(one), first=len(rows) + len(one))
        self.rows = np.concatenate([rows, one, two])
        self.lengths = columns.column("length", self.rows).astype(np.float64)
        before, after = columns.around(rows)
        steps = [
            before,
            after,
            _further(columns.around(before)[0], before),
            _further(columns.around(after)[1], after),
        ]
        visible = np.append(_statuses(candidates, self.rows, plan.query.as_of) != DELETED, False)
        beside = np.stack([number[step] for step in steps], axis=1)
        self.neighbours: IntArray = np.where(visible[beside], beside, -1)
        self.cosines = candidates.cosines_of(self.rows[: len(rows) + len(one)], plan.unit)

    def id_of(self, number: int) -> str:
        """Id of a memory."""
        return self._columns.ids[int(self.rows[number])]

    def spoken_by(self, terms: tuple[str, ...]) -> FloatArray:
        """1 where a term of the query is of the speaker's name, else 0; of the candidates."""
        named = np.zeros(len(self.rows))
        here = self._number[self._columns.spoken_by(terms)]
        named[here[here >= 0]] = 1.0
        return named[: self._count]

    def word_shares(self, parameters: Parameters) -> FloatArray:
        """The worth of a word in each neighbour of each candidate."""
        return parameters.neighbour_weight * word_shares(self.lengths[: self._count])

    def cosines_in_context(self, parameters: Parameters) -> FloatArray:
        """Cosine of the query with each candidate's vector in its context."""
        before, after = self.neighbours[:, 0], self.neighbours[:, 1]
        preceded, followed = before >= 0, after >= 0
        with_before = np.zeros(self._count)
        with_before[preceded] = self._columns.cosines_ahead(self.rows[before[preceded]])
        rows = self.rows[: self._count]
        cosines = np.append(self.cosines, np.nan)
        return cosine_in_context(
            self.cosines[: self._count],
            (cosines[before], cosines[after]),
            with_neighbours=(
                with_before,
                np.where(followed, self._columns.cosines_ahead(rows), 0.0),
            ),
            between=np.where(preceded & followed, self._columns.cosines_across(rows), 0.0),
            share=parameters.neighbour_weight * vector_share(self.lengths[: self._count]),
        )


def _numbered(number: IntArray, rows: IntArray, *, first: int) -> IntArray:
    """Number those of `rows` that have no number yet; return them."""
    new = rows[number[rows] < 0]
    number[new] = np.arange(first, first + len(new))
    return new


def _statuses(candidates: Candidates, rows: IntArray, as_of_ms: int | None) -> np.ndarray:
    if as_of_ms is None:
        return candidates.columns.column("status", rows)
    return candidates.columns.memories(rows).at(as_of_ms).states["status"]


def _further(rows: IntArray, through: IntArray) -> IntArray:
    """One step further than `through`, where there is a memory."""
    further: IntArray = np.where(through >= 0, rows, -1)
    return further
