"""Search: candidates, activation, threshold, order, and the accesses it caused."""

import asyncio
from uuid import UUID

import numpy as np
import structlog

from cognition.language.text import terms
from schemas.errors import Unavailable
from schemas.events import (
    AccessedData,
    AccessedMemory,
    MemoryAccessed,
    MemoryEvent,
    MemoryRestored,
    ReasonData,
)
from schemas.ids import event_id
from schemas.queries import Found, Search, SearchResult
from schemas.replies import Reply
from services.common.embedding.embedder import Embedder
from services.common.event_log import EventAppender
from services.readside.columns import status_name
from services.retrieval.adapters.candidates import CandidateReader
from services.retrieval.search.documents import Document, Documents
from services.retrieval.search.explaining import explanation_of, reasons_of
from services.retrieval.search.filters import Filters
from services.retrieval.search.plan import Candidates, Question
from services.retrieval.search.ranking import Ranking, rank, revised
from services.retrieval.search.reconsolidation import SOURCE, successions, superseded_event

log = structlog.get_logger(__name__)
DRAIN_SECONDS_MAX = 5.0


class Searcher:
    """Answers `search`."""

    def __init__(
        self,
        candidates: CandidateReader,
        documents: Documents,
        embedder: Embedder,
        log: EventAppender,
    ) -> None:
        self._candidates = candidates
        self._documents = documents
        self._embedder = embedder
        self._log = log
        self._background: set[asyncio.Task[None]] = set()

    async def search(self, query: Search, cause: UUID, now_ms: int) -> Reply:
        """The ranked answer, its accesses counted and appended."""
        vector = (await self._embedder.embed([query.query], urgent=True))[0]
        question = question_of(query, vector, now_ms)
        position, candidates = await self._candidates.candidates(question)
        if len(candidates.rows) == 0:
            return _reply([], position)
        ranking = rank(query, cause, candidates, question)
        recording = query.record_access and query.as_of is None and bool(ranking.order)
        if not recording:
            found, _ = await self._found(query, candidates, ranking, question)
            return _reply(found, position)
        (found, superseded), recorded = await asyncio.gather(
            self._found(query, candidates, ranking, question),
            self._record(query, cause, ranking, now_ms),
        )
        ids = [str(each.memory_id) for each in found]
        self._candidates.expect(query.namespace, ids, recorded)
        if superseded:
            # The answer knows already; who finds the pair again if this is lost, appends it.
            self._background.add(task := asyncio.create_task(self._note(superseded)))
            task.add_done_callback(self._background.discard)
        return _reply(found, recorded)

    async def drain(self) -> None:
        """Wait for what is still being appended."""
        if self._background:
            await asyncio.wait(self._background, timeout=DRAIN_SECONDS_MAX)

    async def _found(
        self, query: Search, candidates: Candidates, ranking: Ranking, question: Question
    ) -> tuple[list[Found], list[MemoryEvent]]:
        """The rows of the answer, and which memories they show to be out of date."""
        ids = [ranking.memories.ids[i] for i in ranking.order]
        stored = [status_name(int(ranking.stored[i])) for i in ranking.order]
        documents = await self._documents.of(query.namespace, ids, stored)
        there = {
            i: document
            for i, document in zip(ranking.order, documents, strict=True)
            if document is not None
        }
        rows = [
            (i, _row(query, candidates, ranking, (i, document), question=question))
            for i, document in there.items()
        ]
        cosines = candidates.table.cosines_between(candidates.rows[list(there)])
        successors = successions(ranking.memories, rows, cosines)
        if not successors:
            return [row for _, row in rows], []
        ranking = revised(ranking, successors, candidates.parameters)
        created_ms = ranking.memories.states["created_ms"]
        events: list[MemoryEvent] = [
            superseded_event(
                query.namespace,
                UUID(ranking.memories.ids[older]),
                UUID(ranking.memories.ids[newer]),
                time_ms=int(created_ms[newer]),
            )
            for older, newer in successors.items()
        ]
        return [
            _row(query, candidates, ranking, (i, there[i]), question=question)
            for i in ranking.order
            if i in there
        ], events

    async def _note(self, events: list[MemoryEvent]) -> None:
        try:
            await self._log.append(events)
        except Unavailable as error:
            log.warning("succession not recorded", error=error.message)

    async def _record(self, query: Search, cause: UUID, ranking: Ranking, now_ms: int) -> str:
        ids = [UUID(ranking.memories.ids[i]) for i in ranking.order]
        accessed = MemoryAccessed(
            id=event_id(cause, "memory.accessed.v1"),
            source=SOURCE,
            subject=str(query.query_id or cause),
            time=now_ms,
            namespace=query.namespace,
            data=AccessedData(
                accesses=[AccessedMemory(memory_id=each, kind="search") for each in ids],
                context=query.context or None,
            ),
        )
        # A cue strong enough to bring back a decayed memory brings it back for good.
        restored = [
            MemoryRestored(
                id=event_id(cause, "memory.restored.v1", number),
                source=SOURCE,
                subject=str(ids[number]),
                time=now_ms,
                namespace=query.namespace,
                data=ReasonData(reason="search"),
            )
            for number, i in enumerate(ranking.order)
            if ranking.status(i) == "decayed"
        ]
        return (await self._log.append([accessed, *restored]))[-1]


def question_of(query: Search, vector: np.ndarray, now_ms: int) -> Question:
    """What a search asks the read side for."""
    decayed = query.include_decayed or query.as_of is not None
    return Question(
        namespace=query.namespace,
        vector=vector,
        terms=tuple(dict.fromkeys(terms(query.query))),
        concepts=tuple(dict.fromkeys(query.active_concepts)),
        filters=Filters(
            types=tuple(query.types),
            tags=tuple(query.tags),
            created_from_ms=None if query.created_after is None else query.created_after + 1,
            created_before_ms=query.created_before,
        ),
        statuses=("active", "decayed") if decayed else ("active",),
        now_ms=now_ms,
        as_of_ms=query.as_of,
        overrides=query.parameters,
    )


def _row(
    query: Search,
    candidates: Candidates,
    ranking: Ranking,
    at: tuple[int, Document],
    *,
    question: Question,
) -> Found:
    i, document = at
    state = ranking.memories.states[i]
    recording = query.record_access and query.as_of is None
    last_ms = int(state["last_accessed_ms"])
    superseded = ranking.memories.successor(i)
    return Found(
        memory_id=UUID(ranking.memories.ids[i]),
        content=document.content,
        memory_type=document.memory_type,
        activation=float(ranking.total[i]),
        similarity=float(ranking.evidence.cosines[i]),
        created_at=document.created_ms,
        last_accessed=max(last_ms, question.now_ms) if recording else last_ms,
        access_count=int(state["access_count"]) + recording,
        status=ranking.status(i),
        tags=document.tags,
        session=document.session,
        speaker=document.speaker,
        superseded_by=UUID(superseded) if superseded else None,
        explanation=explanation_of(ranking.parts, i) if query.explain else None,
        reasons=(
            reasons_of(ranking, i, question, (candidates, document.concepts))
            if query.explain
            else None
        ),
    )


def _reply(found: list[Found], position: str | None) -> Reply:
    result = SearchResult(results=found, count=len(found))
    return Reply(result=result.model_dump(mode="json", exclude_none=True), position=position)
