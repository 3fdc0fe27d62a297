"""Rows of a search's answer."""

from collections.abc import Mapping
from uuid import UUID

from schemas.queries import Found
from services.readside.documents import Document
from services.retrieval.search.explaining import explanation_of, reasons_of
from services.retrieval.search.ranking import Ranking


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
        created_at=document.created_ms,
        last_accessed=max(last_ms, plan.now_ms) if plan.recording else last_ms,
        access_count=int(state["access_count"]) + plan.recording,
        status=ranking.status(i),
        tags=document.tags,
        session=document.session,
        speaker=document.speaker,
        superseded_by=UUID(superseded) if superseded else None,
        explanation=explanation_of(ranking.parts, i) if plan.query.explain else None,
        reasons=reasons_of(ranking, i, document.concepts) if plan.query.explain else None,
    )
