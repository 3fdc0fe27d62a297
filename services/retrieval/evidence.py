"""What a cue says about each candidate: meaning, words, speaker, length, and what stands beside it.

Match (P) is the memory's own; spreading (S) comes from its neighbours and the active concepts.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import FloatArray, IntArray
from cognition.context import (
    VECTOR_SHARES,
    WORD_SHARES,
    bm25_in_context,
    cosines_in_context,
    term_contributions_in_context,
)
from cognition.lexical import (
    Matches,
    bm25,
    inverse_document_frequency,
    length_evidence,
    relative_lengths,
    term_contributions,
)
from cognition.matching import cosine_similarity, evidence_match
from schemas.parameters import Parameters
from services.retrieval.association import association
from services.retrieval.memories import DELETED, Memories
from services.retrieval.question import Candidates
from services.retrieval.terms import hashes_of


@dataclass(frozen=True)
class Cue:
    """What is asked with: the query's vector and its distinct terms."""

    vector: NDArray[np.float16]
    terms: tuple[str, ...]


class Evidence:
    """What a cue says about some candidates; every array is in nats but `cosines` and `bm25`.

    Shapes are (candidates,), unless another is given.
    """

    def __init__(self, candidates: Candidates, cue: Cue) -> None:
        self._candidates = candidates
        self._cue = cue
        self._parameters: Parameters = candidates.parameters
        self._memories: Memories = candidates.memories

    @cached_property
    def cosines(self) -> FloatArray:
        """Similarity of meaning, -1 to 1."""
        vectors = self._vectors[: self._candidates.count]
        return cosine_similarity(self._cue.vector, vectors)

    @cached_property
    def bm25(self) -> FloatArray:
        """Similarity of words."""
        return bm25(self._matches, self._contributions)[: self._candidates.count]

    @cached_property
    def speaker(self) -> FloatArray:
        """What it says that the query names who said it."""
        named = np.zeros(len(self._memories))
        terms, memory_of_term = self._memories.terms()
        spoken = terms["speaker"].astype(bool)
        asked = np.isin(terms["term"][spoken], hashes_of(self._cue.terms))
        named[memory_of_term[spoken][asked]] = 1.0
        return self._parameters.speaker_weight * named[: self._candidates.count]

    @cached_property
    def length(self) -> FloatArray:
        """What its length alone says."""
        weight = self._parameters.length_weight
        return weight * length_evidence(self._lengths[: self._candidates.count])

    @cached_property
    def match(self) -> FloatArray:
        """P."""
        own = evidence_match(
            self.cosines,
            self.bm25,
            cosine_weight=self._parameters.cosine_weight,
            lexical_weight=self._parameters.lexical_weight,
            neutral=self._parameters.cosine_neutral,
        )
        return own + self.speaker + self.length

    @cached_property
    def context(self) -> FloatArray:
        """What its neighbours add."""
        parameters, count = self._parameters, self._candidates.count
        if parameters.neighbour_weight == 0:
            return np.zeros(count)
        words = bm25_in_context(
            self._matches,
            self._contributions,
            self._neighbours,
            shares=parameters.neighbour_weight * WORD_SHARES,
        )[:count]
        meaning = cosines_in_context(
            self._cue.vector,
            self._vectors,
            self._neighbours,
            shares=parameters.neighbour_weight * VECTOR_SHARES,
        )[:count]
        lexical = parameters.lexical_weight * (words - self.bm25)
        return lexical + parameters.cosine_weight * (meaning - self.cosines)

    @cached_property
    def associations(self) -> FloatArray:
        """What each source adds, shape (sources, candidates)."""
        strengths = association(self._memories, self._candidates.sources, self._parameters)
        return self._parameters.spreading_weight * strengths[:, : self._candidates.count]

    @cached_property
    def spreading(self) -> FloatArray:
        """S."""
        total: FloatArray = self.context + self.associations.sum(axis=0)
        return total

    def words(self, i: int) -> dict[str, float]:
        """What each word of the query adds to one candidate, its neighbours' words included."""
        parts = term_contributions_in_context(
            self._matches,
            self._contributions,
            self._neighbours,
            row=i,
            shares=self._parameters.neighbour_weight * WORD_SHARES,
        )
        weighted = self._parameters.lexical_weight * parts
        return {
            term: float(nats)
            for term, nats in zip(self._cue.terms, weighted, strict=True)
            if nats > 0
        }

    def neighbours(self, i: int) -> tuple[str | None, str | None]:
        """Ids of the memories before and after one candidate."""
        before, after = self._neighbours[i, 0], self._neighbours[i, 1]
        ids = self._memories.ids
        return ids[before] if before >= 0 else None, ids[after] if after >= 0 else None

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return self._memories.vectors(len(self._cue.vector))

    @cached_property
    def _lengths(self) -> FloatArray:
        statistics = self._candidates.statistics
        mean = statistics.length / max(1, statistics.memories)
        return relative_lengths(self._memories.states["length"].astype(np.float64), mean)

    @cached_property
    def _matches(self) -> Matches:
        terms, memory_of_term = self._memories.terms()
        asked = hashes_of(self._cue.terms)
        order = np.argsort(asked)
        ordered = asked[order]
        at = np.searchsorted(ordered, terms["term"])
        at[at == len(ordered)] = 0
        hits = np.flatnonzero(ordered[at] == terms["term"]) if len(ordered) else at[:0]
        return Matches(
            memory=memory_of_term[hits],
            term=order[at[hits]],
            count=terms["count"][hits].astype(np.float64),
            memories=len(self._memories),
            terms=len(asked),
        )

    @cached_property
    def _contributions(self) -> FloatArray:
        statistics = self._candidates.statistics
        # The counts of a namespace that is being written are not read at one instant.
        frequencies = np.minimum(statistics.frequencies, statistics.memories)
        idf = inverse_document_frequency(frequencies, statistics.memories)
        return term_contributions(self._matches, self._lengths, idf)

    @cached_property
    def _neighbours(self) -> IntArray:
        """Rows of the memories one and two places before and after each, -1 where none is."""
        memories = self._memories
        row = {name: number for number, name in enumerate(memories.ids)}
        nobody = len(memories)  # an extra row, whose neighbours are nobody
        before = np.array([row.get(r.previous or "", nobody) for r in memories.rows] + [nobody])
        after = np.array([row.get(r.next or "", nobody) for r in memories.rows] + [nobody])
        beside = np.stack([before, after, before[before], after[after]], axis=1)[:-1]
        visible = np.append(memories.states["status"] != DELETED, False)
        rows: IntArray = np.where(visible[beside], beside, -1)
        return rows
