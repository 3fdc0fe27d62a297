"""A search, from the query to its answer: plan, candidates, ranking, documents, rows."""

from dataclasses import replace
from uuid import UUID

import structlog

from cognition.language.emoji import named
from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from schemas.queries import Found, Search, SearchResult
from schemas.replies import Reply
from services.common.background import Background
from services.common.embedding.embedder import Embedder
from services.common.event_log import EventAppender
from services.readside.documents import Document
from services.retrieval.ports import Position
from services.retrieval.search.documents import DocumentCache
from services.retrieval.search.duplicates import collapsed
from services.retrieval.search.events import accesses_of, successions_of
from services.retrieval.search.finder import CandidateFinder
from services.retrieval.search.plan import plan_of
from services.retrieval.search.ranking import Ranking, rank
from services.retrieval.search.reconsolidation import successions
from services.retrieval.search.rows import rows_of

log = structlog.get_logger(__name__)
DRAIN_SECONDS_MAX = 5.0
# So many times as many are looked at where what was found says the same.
FURTHER = 4


class Searcher:
    """Answers `search`."""

    def __init__(
        self,
        finder: CandidateFinder,
        documents: DocumentCache,
        embedder: Embedder,
        log: EventAppender,
    ) -> None:
        self._finder = finder
        self._documents = documents
        self._embedder = embedder
        self._log = log
        self._background = Background()

    async def search(self, query: Search, cause: UUID, now_ms: int) -> Reply:
        """The ranked answer, its accesses counted and appended."""
        vector = (await self._embedder.embed([named(query.query)], query=True))[0]
        plan = await self._finder.meant(plan_of(query, cause, vector, now_ms))
        position, candidates = await self._finder.find(plan)
        if len(candidates.rows) == 0:
            return _reply([], position)
        ranking, said = await self._said(rank(candidates, plan))
        rows, superseded = _found(ranking, said)
        if not (plan.recording and ranking.order):
            return _reply(rows, position, best_below=ranking.best_below)
        recorded = await self._record(ranking)
        self._finder.expect(query.namespace, [str(row.memory_id) for row in rows], recorded)
        self._append_later(superseded)
        return _reply(rows, recorded)

    async def drain(self) -> None:
        """Wait for what is still being appended."""
        await self._background.drain(DRAIN_SECONDS_MAX)

    async def _said(self, ranking: Ranking) -> tuple[Ranking, dict[int, Document]]:
        """The best, each with what it says; further ones where some of them say the same."""
        query = ranking.plan.query
        count = query.top_k
        while True:
            said = await self._documents_of(ranking)
            if not query.collapse:
                return ranking, said
            copies = collapsed(ranking.order, said)
            # As many were asked for, or there are no more.
            if len(copies) >= query.top_k or len(ranking.order) < count:
                first = list(copies)[: query.top_k]
                return replace(ranking, order=first, copies=copies), {i: said[i] for i in first}
            count *= FURTHER
            ranking = ranking.best(count)

    async def _documents_of(self, ranking: Ranking) -> dict[int, Document]:
        plan = ranking.plan
        documents = await self._documents.of(
            plan.namespace, ranking.documents(), whole=plan.query.include_metadata
        )
        return {
            i: document
            for i, document in zip(ranking.order, documents, strict=True)
            if document is not None  # forgotten a moment ago
        }

    async def _record(self, ranking: Ranking) -> str:
        return (await self._log.append(accesses_of(ranking)))[-1]

    def _append_later(self, events: list[MemoryEvent]) -> None:
        # The answer shows it already; if this is lost, the next search with the pair appends it.
        if events:
            self._background.start(self._append(events))

    async def _append(self, events: list[MemoryEvent]) -> None:
        try:
            await self._log.append(events)
        except Unavailable as error:
            log.warning("succession not recorded", error=error.message)


def _found(ranking: Ranking, said: dict[int, Document]) -> tuple[list[Found], list[MemoryEvent]]:
    """Rows of the answer, and which memories they show to be out of date."""
    successors = successions(ranking, said)
    rows = rows_of(ranking.with_successions(successors), said)
    return rows, successions_of(ranking, successors)


def _reply(found: list[Found], position: Position, *, best_below: float | None = None) -> Reply:
    result = SearchResult(results=found, count=len(found), best_below=best_below)
    return Reply(result=result.model_dump(mode="json", exclude_none=True), position=position)
