"""A search, from the query to its answer: plan, candidates, ranking, documents, rows."""

import asyncio
from uuid import UUID

import structlog

from schemas.errors import Unavailable
from schemas.events import MemoryEvent
from schemas.queries import Found, Search, SearchResult
from schemas.replies import Reply
from services.common.background import Background
from services.common.embedding.embedder import Embedder
from services.common.event_log import EventAppender
from services.retrieval.ports import Position
from services.retrieval.search.documents import DocumentCache
from services.retrieval.search.events import accesses_of, successions_of
from services.retrieval.search.finder import CandidateFinder
from services.retrieval.search.plan import plan_of
from services.retrieval.search.ranking import Ranking, rank
from services.retrieval.search.reconsolidation import successions
from services.retrieval.search.rows import rows_of

log = structlog.get_logger(__name__)
DRAIN_SECONDS_MAX = 5.0


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
        vector = (await self._embedder.embed([query.query], urgent=True))[0]
        plan = plan_of(query, cause, vector, now_ms)
        position, candidates = await self._finder.find(plan)
        if len(candidates.rows) == 0:
            return _reply([], position)
        ranking = rank(candidates, plan)
        if not (plan.recording and ranking.order):
            rows, _ = await self._found(ranking)
            return _reply(rows, position)
        (rows, superseded), recorded = await asyncio.gather(
            self._found(ranking), self._record(ranking)
        )
        self._finder.expect(query.namespace, [str(row.memory_id) for row in rows], recorded)
        self._append_later(superseded)
        return _reply(rows, recorded)

    async def drain(self) -> None:
        """Wait for what is still being appended."""
        await self._background.drain(DRAIN_SECONDS_MAX)

    async def _found(self, ranking: Ranking) -> tuple[list[Found], list[MemoryEvent]]:
        """Rows of the answer, and which memories they show to be out of date."""
        plan = ranking.plan
        documents = await self._documents.of(
            plan.namespace, ranking.documents(), whole=plan.query.include_metadata
        )
        said = {
            i: document
            for i, document in zip(ranking.order, documents, strict=True)
            if document is not None  # forgotten a moment ago
        }
        successors = successions(ranking, said)
        rows = rows_of(ranking.with_successions(successors), said)
        return rows, successions_of(ranking, successors)

    async def _record(self, ranking: Ranking) -> str:
        return (await self._log.append(accesses_of(ranking)))[-1]

    def _append_later(self, events: list[MemoryEvent]) -> None:
        # The answer knows already; who finds the pair again if this is lost, appends it.
        if events:
            self._background.start(self._append(events))

    async def _append(self, events: list[MemoryEvent]) -> None:
        try:
            await self._log.append(events)
        except Unavailable as error:
            log.warning("succession not recorded", error=error.message)


def _reply(found: list[Found], position: Position) -> Reply:
    result = SearchResult(results=found, count=len(found))
    return Reply(result=result.model_dump(mode="json", exclude_none=True), position=position)
