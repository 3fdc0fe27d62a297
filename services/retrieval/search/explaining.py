"""Explanations of an activation: its parts, and what made each."""

from uuid import UUID

import numpy as np

from cognition.retrieval import retrieval_latency, retrieval_probability
from schemas.queries import Explanation, Reasons, TraceReason
from services.readside.activation import Activations, kernel_of, threshold_of
from services.readside.layout import hash64, kind_of
from services.retrieval.search.ranking import Ranking
from services.retrieval.search.supersession import predecessors

TRACES_SHOWN = 10


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
    threshold, total = threshold_of(parameters), float(ranking.total[i])
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
