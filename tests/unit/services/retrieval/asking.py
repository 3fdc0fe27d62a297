"""Searches over a fold, without Redis: what the reader of candidates would hand to the ranking."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import numpy as np

from schemas.ids import derive
from schemas.queries import Search
from services.projection.fold.view import Memory, Namespace, Ref, View
from services.readside.collections import COUNTS, LINKS, RELATIONS, TERMS
from services.readside.layout import INDEXED, hash64
from services.retrieval.search.candidates import Candidates, Fan, Sources, Statistics
from services.retrieval.search.evidence import Evidence
from services.retrieval.search.plan import SearchPlan, plan_of
from services.retrieval.search.ranking import Ranking, rank
from tests.builders import TIME_MS, search
from tests.sequences import NAMESPACES
from tests.unit.services.projection.folds import columns_of

NAMESPACE = NAMESPACES[0]
CAUSE = derive("cause")
CUE = np.array([1, 0, 0, 0], np.float16)


def of_namespace(view: View, name: str = NAMESPACE) -> dict[Ref, Memory]:
    """The memories of one namespace."""
    return {ref: memory for ref, memory in view.memories.items() if ref[0] == name}


def planned(
    query: Search | None = None, *, now_ms: int = TIME_MS, cause: UUID = CAUSE
) -> SearchPlan:
    """The plan of a search, with one vector for all texts."""
    return plan_of(query or search(namespace=NAMESPACE), cause, CUE, now_ms)


def sources_of(view: View, concepts: Iterable[str], name: str = NAMESPACE) -> Sources:
    """Active concepts with what they and those related to them are connected to."""
    known = view.namespaces[name]
    relations: dict[bytes, dict[bytes, float]] = {}
    for (concept, field), weight in known[RELATIONS].items():
        others = relations.setdefault(hash64(concept), {})
        other = hash64(field.split(b"\x1f", 2)[2].decode())
        others[other] = others.get(other, 0.0) + weight
    active = tuple(dict.fromkeys(hash64(concept) for concept in concepts))
    near = [other for concept in active for other in relations.get(concept, {})]
    fans = {
        concept: Fan(known[LINKS].get(concept, 0), relations.get(concept, {}))
        for concept in (*active, *near)
    }
    return Sources(active, fans, memory_count(known))


def memory_count(known: Namespace) -> int:
    """The number of memories that searches may find."""
    return sum(known[COUNTS].get(status, 0) for status in INDEXED)


def candidates_of(
    view: View, plan: SearchPlan, *, names: Sequence[UUID] | None = None, name: str = NAMESPACE
) -> Candidates:
    """Some memories of a namespace, or all; their neighbours are cached whatever they are."""
    memories, known = of_namespace(view, name), view.namespaces[name]
    columns = columns_of(memories)
    wanted = list(memories) if names is None else [(name, each) for each in names]
    return Candidates(
        columns=columns,
        rows=np.array([columns.row_of[str(each)] for _, each in wanted], np.intp),
        statistics=Statistics(
            memory_count(known),
            known[COUNTS].get("length", 0),
            np.array(
                [known[TERMS].get(hash64(term), 0) for term in plan.terms],
                np.float64,
            ),
        ),
        sources=sources_of(view, plan.concepts, name),
        parameters=plan.query.parameters.applied_to(known.parameters),
    )


def evidence_of(
    view: View, plan: SearchPlan, *, names: Sequence[UUID] | None = None
) -> tuple[list[str], Evidence]:
    """Ids of some memories, and the evidence of a cue for them."""
    candidates = candidates_of(view, plan, names=names)
    memories = candidates.columns.memories(candidates.rows)
    if plan.query.as_of is not None:
        memories = memories.at(plan.query.as_of)
    return memories.ids, Evidence.of(candidates, memories, plan)


def ranked(
    view: View, query: Search | None = None, *, now_ms: int = TIME_MS, cause: UUID = CAUSE
) -> Ranking:
    """The ranking of all memories."""
    plan = planned(query or search(), now_ms=now_ms, cause=cause)
    return rank(candidates_of(view, plan), plan)


def found(ranking: Ranking) -> list[UUID]:
    """Ids of what a search returns, best first."""
    return [UUID(ranking.memories.ids[i]) for i in ranking.order]
