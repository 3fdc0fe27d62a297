"""Rows of a search's answer, and explanations: the parts of an activation, what made each."""

from collections.abc import Mapping
from uuid import UUID

import numpy as np

from cognition.retrieval import retrieval_latency, retrieval_probability
from schemas.queries import Explanation, Found, Reasons, TraceReason
from services.readside.activation import Activations, kernel_of
from services.readside.columns import expires_at
from services.readside.documents import Document
from services.readside.layout import hash64, kind_of
from services.retrieval.search.ranking import Ranking
from services.retrieval.search.supersession import predecessors

TRACES_SHOWN = 10


def rows_of(ranking: Ranking, documents: Mapping[int, Document]) -> list[Found]:
    """Rows of the memories found, the best first; one without a document is left out."""
    return [_row(ranking, i, documents[i]) for i in ranking.order if i in documents]


def _row(ranking: Ranking, i: int, document: Document) -> Found:
    plan, state = ranking.plan, ranking.memories.states[i]
    superseded = ranking.memories.successor(i)
    last_ms = int(state["last_accessed_ms"])
    return Found(
        memory_id=ranking.id(i),
        content=document.content,
        memory_type=document.memory_type,
        activation=float(ranking.total[i]),
        similarity=float(ranking.evidence.cosines[i]),
        created_at=document.created_at,
        last_accessed=max(last_ms, plan.now_ms) if plan.recording else last_ms,
        access_count=int(state["access_count"]) + plan.recording,
        status=ranking.status(i),
        tags=document.tags,
        session=document.session,
        speaker=document.speaker,
        superseded_by=UUID(superseded) if superseded else None,
        expires_at=expires_at(state),
        copies=copies if (copies := ranking.copies.get(i, 1)) > 1 else None,
        metadata=document.metadata if plan.query.include_metadata else None,
        explanation=explanation_of(ranking.parts, i) if plan.query.explain else None,
        reasons=reasons_of(ranking, i, document.concepts) if plan.query.explain else None,
    )


def explanation_of(parts: Activations, i: int) -> Explanation:
    """The parts of one memory's activation; they add up to it."""
    return Explanation(
        base=float(parts.base[i]),
        spreading=float(parts.spreading[i]),
        match=float(parts.match[i]),
        emotion=float(parts.emotion[i]),
        adjustment=float(parts.adjustment[i]),
        noise=float(parts.noise[i]),
    )


def reasons_of(ranking: Ranking, i: int, linked: list[str]) -> Reasons:
    """Reasons for each part of one memory's activation; `linked`: names of the concepts it has."""
    parameters, evidence = ranking.candidates.parameters, ranking.evidence
    threshold, total = parameters.retrieval_threshold, float(ranking.total[i])
    previous, following = evidence.neighbours(i)
    return Reasons(
        retrieval_threshold=threshold,
        retrieval_probability=float(
            retrieval_probability(total, threshold=threshold, noise_scale=parameters.noise_scale)
        ),
        retrieval_latency_seconds=float(
            retrieval_latency(
                total,
                threshold=threshold,
                latency_factor=parameters.latency_factor,
                latency_exponent=parameters.latency_exponent,
            )
        ),
        cosine=float(evidence.cosines[i]),
        bm25=float(evidence.bm25[i]),
        words=evidence.words(i),
        speaker=float(evidence.speaker[i]),
        length=float(evidence.length[i]),
        time=None if evidence.time is None else float(evidence.time[i]),
        inherited=float(ranking.parts.match[i] - ranking.unrevised.match[i]),
        supersedes=[UUID(each) for each in predecessors(ranking.memories, i)],
        neighbours=float(evidence.context[i]),
        previous=UUID(previous) if previous else None,
        next=UUID(following) if following else None,
        concepts=_concepts(ranking, i, [*ranking.plan.concepts, *linked]),
        traces=_traces(ranking, i),
    )


def _concepts(ranking: Ranking, i: int, names: list[str]) -> dict[str, float]:
    name_of = {hash64(name): name for name in names}
    return {
        # A source two steps away is in working memory only, and known by its hash.
        name_of.get(source, source.hex()): float(nats)
        for source, nats in zip(
            ranking.candidates.sources.concepts, ranking.evidence.associations[:, i], strict=True
        )
        if nats > 0
    }


def _traces(ranking: Ranking, i: int) -> list[TraceReason]:
    memories = ranking.memories
    moment_ms = max(ranking.plan.moment_ms, int(memories.states["created_ms"][i]))
    traces = memories.traces[memories.memory_of_trace == i]
    traces = traces[traces["time_ms"] <= moment_ms]
    strengths = traces["weight"] * kernel_of(ranking.candidates.parameters).strength(
        (moment_ms - traces["time_ms"]) / 1000.0, traces["decay_rate"].astype(np.float64)
    )
    strongest = np.argsort(-strengths, kind="stable")[:TRACES_SHOWN]
    return [
        TraceReason(
            accessed_at=int(traces["time_ms"][at]),
            kind=kind_of(int(traces["id"][at])),
            strength=float(strengths[at]),
        )
        for at in strongest
    ]
