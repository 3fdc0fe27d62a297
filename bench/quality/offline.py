"""Evidence of every question for every memory, out of the services' own functions, without them.

What is fitted here is what is served: texts go through ingest's event, the fold and the cache of a
search, and the evidence is `services.retrieval.search.evidence`, with each weight at 1 in its turn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.quality.material import Asked, Loaded, asked, loaded
from bench.quality.vectors import Vectors
from cognition.base_level import FloatArray
from cognition.language.emoji import named
from cognition.lexical import bounded
from cognition.matching import time_evidence
from human_memory.conversation import read
from schemas.ids import derive
from schemas.inbox import Store
from schemas.parameters import ParameterOverrides, Parameters
from schemas.queries import Search
from services.ingest.domain import Received, WorkedOut, embedding_of, event_of, indexed_text
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.activation import activations
from services.readside.collections import COUNTS, TERMS
from services.readside.layout import hash64, pack_record
from services.retrieval.search.candidates import Candidates, Sources, Statistics
from services.retrieval.search.column_cache import ColumnCache
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.plan import SearchPlan, plan_of

CAUSE = derive("bench.quality.offline")
_OFF = {
    "prior": 0.0,
    "cosine_neutral": 0.0,
    "cosine_weight": 0.0,
    "lexical_weight": 0.0,
    "speaker_weight": 0.0,
    "length_weight": 0.0,
    "time_weight": 0.0,
}
# One weight scales the words, another the rest: two passes tell all kinds of evidence apart.
_MEANING = ParameterOverrides.model_validate(
    _OFF | {"cosine_weight": 1.0, "speaker_weight": 1.0, "length_weight": 1.0}
)
_WORDS = ParameterOverrides.model_validate(_OFF | {"lexical_weight": 1.0})


@dataclass(frozen=True)
class Features:
    """Statements of each kind of evidence about the memories a question sees at one moment.

    Arrays have shape (memories,). `cosine` and `words` are a memory's own, `meaning` and `told`
    the same in its context.
    """

    kind: str
    question: Asked
    moment: int
    cosine: FloatArray
    words: FloatArray
    meaning: FloatArray
    told: FloatArray
    speaker: FloatArray
    length: FloatArray
    time: FloatArray
    base: FloatArray
    needed: NDArray[np.bool_]

    def activation(self, parameters: Parameters) -> FloatArray:
        """A of each memory, as a search of these parameters has it."""
        own = parameters.neighbour_weight == 0
        return (
            parameters.prior
            + parameters.base_level_weight * self.base
            + parameters.cosine_weight
            * ((self.cosine if own else self.meaning) - parameters.cosine_neutral)
            + parameters.lexical_weight * (self.words if own else self.told)
            + parameters.speaker_weight * self.speaker
            + parameters.length_weight * self.length
            + parameters.time_weight * self.time
        )


class Namespace:
    """Memories of one namespace, folded, and asked without a service."""

    def __init__(self, stores: Sequence[Store], vectors: NDArray[np.float16]) -> None:
        self._view = _folded(stores, vectors)
        (self._name,) = {name for name, _ in self._view.memories}
        records = {
            str(memory_id): pack_record(memory.state, memory.parts)
            for (_, memory_id), memory in self._view.memories.items()
        }
        self._columns = ColumnCache(vectors.shape[1])
        self._columns.put(records, at=1, fresh=True)

    @property
    def ids(self) -> list[str]:
        """Ids of the memories, in the order stored."""
        return self._columns.ids

    def plan(self, text: str, vector: NDArray[np.float16], at_ms: int) -> SearchPlan:
        """The plan of a question as of a moment."""
        query = Search(namespace=self._name, query=text, as_of=at_ms)
        return plan_of(query, CAUSE, vector, at_ms)

    def candidates(self, plan: SearchPlan, overrides: ParameterOverrides) -> Candidates:
        """All that had been said by then."""
        known = self._view.namespaces[self._name]
        created = self._columns.column("created_ms", slice(0, len(self._columns)))
        frequencies = [known[TERMS].get(hash64(term), 0) for term in plan.terms]
        return Candidates(
            columns=self._columns,
            rows=np.flatnonzero(created <= plan.moment_ms),
            statistics=Statistics(
                len(self._columns), known[COUNTS]["length"], np.array(frequencies, np.float64)
            ),
            sources=Sources(),
            parameters=overrides.applied_to(Parameters()),
        )

    def seen(self, plan: SearchPlan) -> Candidates:
        """As a search has them, with the default parameters."""
        return self.candidates(plan, ParameterOverrides())


def _folded(stores: Sequence[Store], vectors: NDArray[np.float16]) -> View:
    events = []
    for offset, (store, vector) in enumerate(zip(stores, vectors, strict=True)):
        assert store.occurred_at is not None
        received = Received("memory.inbox", 0, offset, store.occurred_at)
        found = WorkedOut(embedding_of(vector, "offline"))
        events.append((offset, event_of(store, received, store.occurred_at, found)))
    return fold_log(events)


def features_of(files: Sequence[Path], vectors: Vectors) -> Iterator[Features]:
    """The evidence of all questions at all moments; a file is one kind of talk, by its name."""
    for file in files:
        conversation = read(file)
        dialogues, _ = loaded(conversation)
        questions, _ = asked(conversation)
        for number, dialogue in enumerate(dialogues):
            mine = [each for each in questions if each.dialogue == number]
            if mine:
                yield from _dialogue(file.stem, dialogue, mine, vectors)


def _dialogue(
    kind: str, dialogue: Loaded, questions: list[Asked], vectors: Vectors
) -> Iterator[Features]:
    texts = [indexed_text(store, store.occurred_at or 0) for store in dialogue.stores]
    namespace = Namespace(dialogue.stores, vectors.of(texts))
    asked_for = vectors.of([named(each.text) for each in questions], query=True)
    for question, vector in zip(questions, asked_for, strict=True):
        wanted = np.isin(dialogue.keys, sorted(question.evidence))
        seen: dict[int, dict[str, FloatArray]] = {}
        for moment, at_ms in enumerate(question.times_ms):
            plan = namespace.plan(question.text, vector, at_ms)
            candidates = namespace.seen(plan)
            count = len(candidates.rows)
            if count not in seen:
                seen[count] = _evidence(namespace, plan)
            memories = candidates.columns.memories(candidates.rows).at(at_ms)
            history = activations(memories, at_ms, candidates.parameters)
            yield Features(
                kind=kind,
                question=question,
                moment=moment,
                base=history.base + history.emotion,
                time=time_evidence(memories.states["created_ms"], plan.times.spans),
                needed=wanted[candidates.rows],
                **seen[count],
            )


def _evidence(namespace: Namespace, plan: SearchPlan) -> dict[str, FloatArray]:
    def of(overrides: ParameterOverrides) -> Evidence:
        candidates = namespace.candidates(plan, overrides)
        memories = candidates.columns.memories(candidates.rows).at(plan.moment_ms)
        return Evidence.of(candidates, memories, plan)

    meaning, words = of(_MEANING), of(_WORDS)
    return {
        "cosine": meaning.cosines,
        "meaning": meaning.cosines + meaning.context,
        "words": bounded(words.bm25),
        "told": bounded(words.bm25) + words.context,
        "speaker": meaning.speaker,
        "length": meaning.length,
    }
