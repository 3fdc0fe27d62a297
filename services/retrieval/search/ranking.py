"""The ranking of a search: activation of all candidates, the threshold, the order."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from uuid import UUID

import numpy as np

from cognition.base_level import IntArray
from cognition.noise import logistic_noise
from schemas.ids import derive
from services.readside.activation import Activations, activations
from services.readside.columns import ACTIVE, DECAYED, Memories, expired, status_name
from services.readside.documents import DocumentKey
from services.readside.layout import Status, corrections_in
from services.retrieval.search.candidates import Candidates
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.plan import SearchPlan
from services.retrieval.search.supersession import without_stale_facts


@dataclass(frozen=True)
class Ranking:
    """The memories of a search that passed, best first: `order` are indices into the candidates.

    `memories` are as of the moment asked about, `stored` the statuses they have now; `unrevised`
    the parts without successions, which `parts` has. `copies`: how many say the same as one that
    stands for them.
    """

    order: list[int]
    plan: SearchPlan
    candidates: Candidates
    stored: np.ndarray
    memories: Memories
    evidence: Evidence
    unrevised: Activations
    parts: Activations
    copies: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def total(self) -> np.ndarray:
        """Activation of all candidates."""
        return self.parts.total

    def id(self, i: int) -> UUID:
        """Id of a memory."""
        return UUID(self.memories.ids[i])

    def status(self, i: int) -> Status:
        """Status of a memory at the moment that was asked about."""
        return status_name(int(self.memories.states["status"][i]))

    def documents(self) -> list[tuple[DocumentKey, int]]:
        """Keys of the documents of those in order, and how often each was corrected."""
        memories = self.memories
        return [
            (
                (memories.ids[i], status_name(int(self.stored[i]))),
                corrections_in(memories.changes[i]),
            )
            for i in self.order
        ]

    @property
    def best_below(self) -> float | None:
        """Activation of the best that may be found, where none is above the threshold."""
        found = self.total[self._findable()]
        return None if self.order or not len(found) else float(found.max())

    def best(self, count: int) -> "Ranking":
        """The best `count` of all that passed."""
        return _ordered(self, np.flatnonzero(self._passed()), count)

    def _passed(self) -> np.ndarray:
        """Mask of those above the threshold that their status asks for.

        What has faded does not come to mind by itself, but a strong cue finds it, unless the query
        says otherwise.
        """
        query, parameters = self.plan.query, self.candidates.parameters
        least = query.min_activation
        if least is None:
            least = parameters.retrieval_threshold
        faded = least if query.include_decayed else max(least, parameters.faded_threshold)
        codes = self.memories.states["status"]
        above = self.total > np.where(codes == DECAYED, faded, least)
        passed: np.ndarray = above & self._findable()
        return passed

    def _findable(self) -> np.ndarray:
        codes = self.memories.states["status"]
        found: np.ndarray = codes == ACTIVE
        if self.plan.query.include_decayed is not False:
            found |= codes == DECAYED
        return found if self.plan.query.include_decayed else found & ~self._expired

    @property
    def _expired(self) -> np.ndarray:
        """Mask of those that had expired at the moment asked about: no cue brings them to mind."""
        return expired(self.memories.states, self.plan.moment_ms)

    def revives(self, i: int) -> bool:
        """True where a recorded search brings a memory back that it finds."""
        return self.status(i) == "decayed" and not self._expired[i]

    def with_successions(self, successors: Mapping[int, int]) -> "Ranking":
        """The same memories, where some turn out to supersede others: newer by older."""
        if not successors:
            return self
        states = self.memories.states.copy()
        for older, newer in successors.items():
            states["superseded_ms"][older] = states["created_ms"][newer]
            states["superseded_by"][older] = np.void(self.id(newer).bytes)
        memories = replace(self.memories, states=states)
        parts = without_stale_facts(memories, self.unrevised, self.candidates.parameters)
        ranking = replace(self, memories=memories, parts=parts)
        return _ordered(ranking, np.array(self.order, np.intp), len(self.order))


def rank(candidates: Candidates, plan: SearchPlan) -> Ranking:
    """Activation of all candidates at the moment asked about; those above the threshold, best
    first."""
    parameters, query = candidates.parameters, plan.query
    now = candidates.columns.memories(candidates.rows)
    memories = now.seen(query.as_of, plan.now_ms)
    evidence = Evidence.of(candidates, memories, plan)
    parts = replace(
        activations(memories, plan.moment_ms, parameters),
        match=evidence.match,
        spreading=evidence.spreading,
    )
    weight = parameters.base_level_weight
    parts = replace(parts, base=weight * parts.base, emotion=weight * parts.emotion)
    if query.noise:
        parts = replace(parts, noise=_noise(plan, memories.ids, parameters.noise_scale))
    return Ranking(
        order=[],
        plan=plan,
        candidates=candidates,
        stored=now.states["status"],
        memories=memories,
        evidence=evidence,
        unrevised=parts,
        parts=without_stale_facts(memories, parts, parameters),
    ).best(query.top_k)


def _ordered(ranking: Ranking, rows: IntArray, count: int) -> Ranking:
    """With the best `count` of some rows."""
    total = ranking.total
    rows = _best(rows, total, count)
    ids = np.array([ranking.memories.ids[i] for i in rows], dtype=str)
    best = rows[np.lexsort((ids, -ranking.evidence.cosines[rows], -total[rows]))]
    return replace(ranking, order=best[:count].tolist())


def _best(rows: np.ndarray, total: np.ndarray, count: int) -> np.ndarray:
    """Rows that may be among the first `count`: also all that tie with the last of them."""
    if len(rows) <= count:
        return rows
    least = np.partition(total[rows], -count)[-count]
    best: np.ndarray = rows[total[rows] >= least]
    return best


def _noise(plan: SearchPlan, ids: list[str], scale: float) -> np.ndarray:
    # With a seed, the same question gets the same noise; without one, the same query id does.
    query = plan.query
    asked = query.seed is not None and query.query_id is None
    key = derive(query.namespace, query.query).bytes if asked else plan.cause.bytes
    return logistic_noise(query.seed or 0, key, [each.encode() for each in ids], scale=scale)
