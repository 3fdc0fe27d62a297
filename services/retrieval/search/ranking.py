"""Scoring: the activation of all candidates of a search, the threshold, the order."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from cognition.base_level import IntArray
from cognition.noise import logistic_noise
from schemas.ids import derive
from schemas.parameters import Parameters
from schemas.queries import Search
from services.readside.activation import Activations, activations, threshold_of
from services.readside.columns import ACTIVE, DECAYED, Memories, status_name
from services.readside.layout import Status
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.plan import Candidates, Question
from services.retrieval.search.supersession import without_stale_facts


@dataclass(frozen=True)
class Ranking:
    """The memories of a search that passed, best first: indices into the candidates.

    `memories` are as of the moment asked about, `stored` the statuses they have now; `unrevised`
    the parts without successions, which `parts` has.
    """

    order: list[int]
    stored: np.ndarray
    memories: Memories
    unrevised: Activations
    parts: Activations
    evidence: Evidence
    least: float

    @property
    def total(self) -> np.ndarray:
        return self.parts.total

    def status(self, i: int) -> Status:
        """Status of a memory at the moment that was asked about."""
        return status_name(int(self.memories.states["status"][i]))


def rank(query: Search, cause: UUID, candidates: Candidates, question: Question) -> Ranking:
    """Activation of all candidates at the moment asked about; those above the threshold, best
    first."""
    parameters = candidates.parameters
    now = memories = candidates.table.memories(candidates.rows)
    moment_ms = question.now_ms
    if question.as_of_ms is not None:
        moment_ms = question.as_of_ms
        memories = memories.at(moment_ms)
    evidence = Evidence(candidates, memories, question)
    parts = replace(
        activations(memories, moment_ms, parameters),
        match=evidence.match,
        spreading=evidence.spreading,
    )
    if query.noise:
        parts = replace(parts, noise=_noise(query, cause, memories.ids, parameters.noise_scale))
    codes = memories.states["status"]
    passed = (codes == ACTIVE) | ((codes == DECAYED) & query.include_decayed)
    least = threshold_of(parameters) if query.min_activation is None else query.min_activation
    ranking = Ranking(
        order=[],
        stored=now.states["status"],
        memories=memories,
        unrevised=parts,
        parts=without_stale_facts(memories, parts, parameters),
        evidence=evidence,
        least=least,
    )
    return _ordered(ranking, np.flatnonzero(passed), query.top_k)


def revised(ranking: Ranking, successors: Mapping[int, int], parameters: Parameters) -> Ranking:
    """The same memories in the order that they have if some supersede others: newer by older."""
    states = ranking.memories.states.copy()
    for older, newer in successors.items():
        states["superseded_ms"][older] = states["created_ms"][newer]
        states["superseded_by"][older] = np.void(UUID(ranking.memories.ids[newer]).bytes)
    memories = replace(ranking.memories, states=states)
    parts = without_stale_facts(memories, ranking.unrevised, parameters)
    ranking = replace(ranking, memories=memories, parts=parts)
    return _ordered(ranking, np.array(ranking.order, np.intp), len(ranking.order))


def _ordered(ranking: Ranking, rows: IntArray, count: int) -> Ranking:
    """With the best `count` of some rows that are above the threshold."""
    total = ranking.total
    rows = _best(rows[total[rows] > ranking.least], total, count)
    ids = np.array([ranking.memories.ids[i] for i in rows], dtype=str)
    best = rows[np.lexsort((ids, -ranking.evidence.cosines[rows], -total[rows]))]
    return replace(ranking, order=best[:count].tolist())


def _best(rows: np.ndarray, total: np.ndarray, count: int) -> np.ndarray:
    """Those of `rows` that may be among the first `count`: all that tie with the last of them."""
    if len(rows) <= count:
        return rows
    least = np.partition(total[rows], -count)[-count]
    best: np.ndarray = rows[total[rows] >= least]
    return best


def _noise(query: Search, cause: UUID, ids: list[str], scale: float) -> np.ndarray:
    # With a seed, the same question gets the same noise; without one, the same query id does.
    asked = query.seed is not None and query.query_id is None
    key = derive(query.namespace, query.query).bytes if asked else cause.bytes
    return logistic_noise(query.seed or 0, key, [each.encode() for each in ids], scale=scale)
