"""Search: candidates, activation, threshold, order, and the accesses it caused."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from cognition.noise import logistic_noise
from schemas.events import AccessedData, AccessedMemory, MemoryAccessed, MemoryRestored, ReasonData
from schemas.ids import event_id
from schemas.parameters import Parameters
from schemas.queries import Found, Search, SearchResult
from schemas.replies import Reply
from services.common.embedder import Embedder
from services.common.event_log import EventAppender
from services.common.read_model import TAG_SEPARATOR, Status
from services.retrieval.adapters.filters import Filters
from services.retrieval.adapters.redis_reader import Candidates, RedisReader
from services.retrieval.domain import PARAMETERS
from services.retrieval.ranking import (
    ACTIVE,
    DECAYED,
    Activations,
    accesses_at,
    activations,
    match_of,
    status_name,
    statuses_at,
    threshold_of,
)

SOURCE = "/human-memory/retrieval"
_FIELDS = ["content", "type", "tags", "created", "more"]


@dataclass(frozen=True)
class Ranking:
    """The memories of a search that passed, best first: indices into the candidates."""

    order: list[int]
    parts: Activations
    total: np.ndarray
    cosines: np.ndarray
    statuses: np.ndarray

    def status(self, i: int) -> Status:
        """Status of a memory at the moment that was asked about."""
        return status_name(int(self.statuses[i]))


class Searcher:
    """Answers `search`."""

    def __init__(self, reader: RedisReader, embedder: Embedder, log: EventAppender) -> None:
        self._reader = reader
        self._embedder = embedder
        self._log = log

    async def search(self, query: Search, cause: UUID, now_ms: int) -> Reply:
        """The ranked answer, its accesses counted and appended."""
        vector = (await self._embedder.embed([query.query], urgent=True))[0]
        moment_ms = now_ms if query.as_of is None else query.as_of
        position, candidates = await self._reader.candidates(
            query.namespace,
            vector,
            _filters(query),
            decayed=query.include_decayed or query.as_of is not None,
        )
        if len(candidates.histories) == 0:
            return _reply([], position)
        if query.as_of is not None:
            seen = accesses_at(candidates.histories, query.as_of)
            candidates = replace(candidates, histories=seen)
        ranking = rank(query, cause, candidates, (vector, moment_ms))
        if not query.record_access or query.as_of is not None or not ranking.order:
            return _reply(await self._found(query, candidates, ranking, None), position)
        found, recorded = await asyncio.gather(
            self._found(query, candidates, ranking, now_ms),
            self._record(query, cause, (candidates.histories.ids, ranking), now_ms),
        )
        return _reply(found, recorded)

    async def _found(
        self, query: Search, candidates: Candidates, ranking: Ranking, accessed_ms: int | None
    ) -> list[Found]:
        histories = candidates.histories
        ids = [histories.ids[i] for i in ranking.order]
        stored = [status_name(int(histories.states["status"][i])) for i in ranking.order]
        documents = await self._reader.documents(query.namespace, ids, stored, _FIELDS)
        found = []
        for i, document in zip(ranking.order, documents, strict=True):
            if document[0] is None:
                continue  # forgotten between the two reads
            found.append(_row(query, candidates, ranking, (i, document), accessed_ms=accessed_ms))
        return found

    async def _record(
        self, query: Search, cause: UUID, ranked: tuple[list[str], Ranking], now_ms: int
    ) -> str:
        ids, ranking = ranked
        accesses = [AccessedMemory(memory_id=UUID(ids[i]), kind="search") for i in ranking.order]
        accessed = MemoryAccessed(
            id=event_id(cause, "memory.accessed.v1"),
            source=SOURCE,
            subject=str(query.query_id or cause),
            time=now_ms,
            namespace=query.namespace,
            data=AccessedData(accesses=accesses, context=query.context or None),
        )
        # A cue strong enough to bring back a decayed memory brings it back for good.
        restored = [
            MemoryRestored(
                id=event_id(cause, "memory.restored.v1", number),
                source=SOURCE,
                subject=ids[i],
                time=now_ms,
                namespace=query.namespace,
                data=ReasonData(reason="search"),
            )
            for number, i in enumerate(ranking.order)
            if ranking.status(i) == "decayed"
        ]
        return (await self._log.append([accessed, *restored]))[-1]


def rank(
    query: Search, cause: UUID, candidates: Candidates, cue: tuple[np.ndarray, int]
) -> Ranking:
    """Activation of all candidates at the cue's moment; those above the threshold, best first."""
    vector, moment_ms = cue
    histories = candidates.histories
    parameters = query.parameters.applied_to(PARAMETERS)
    cosines, match = match_of(vector, candidates.vectors, parameters)
    parts = activations(
        histories, moment_ms, parameters, match=match,
        noise=_noise(query, cause, histories.ids, parameters),
    )  # fmt: skip
    total = parts.total
    codes = histories.states["status"]
    if query.as_of is not None:
        codes = statuses_at(histories, query.as_of)
    least = threshold_of(parameters) if query.min_activation is None else query.min_activation
    passed = (codes == ACTIVE) | ((codes == DECAYED) & query.include_decayed)
    passed &= total > least
    rows = np.flatnonzero(passed)
    ids = np.array([histories.ids[i] for i in rows], dtype=str)
    best = rows[np.lexsort((ids, -cosines[rows], -total[rows]))]
    return Ranking(best[: query.top_k].tolist(), parts, total, cosines, codes)


def _filters(query: Search) -> Filters:
    before = [at for at in (query.created_before,) if at is not None]
    if query.as_of is not None:
        before.append(query.as_of + 1)
    return Filters(
        types=tuple(query.types),
        tags=tuple(query.tags),
        created_from_ms=None if query.created_after is None else query.created_after + 1,
        created_before_ms=min(before, default=None),
    )


def _noise(query: Search, cause: UUID, ids: list[str], parameters: Parameters) -> np.ndarray | None:
    if not query.noise:
        return None
    # With a seed, the same question gets the same noise; without one, the same query id does.
    key = b"" if query.seed is not None else cause.bytes
    return logistic_noise(
        query.seed or 0, key, [each.encode() for each in ids], scale=parameters.noise_scale
    )


def _row(
    query: Search,
    candidates: Candidates,
    ranking: Ranking,
    at: tuple[int, list[bytes | None]],
    *,
    accessed_ms: int | None,
) -> Found:
    i, document = at
    content, memory_type, tags, created, more = (value or b"" for value in document)
    rest: dict[str, Any] = orjson.loads(more or b"{}")
    state = candidates.histories.states[i]
    last_ms = int(state["last_accessed_ms"])
    return Found(
        memory_id=UUID(candidates.histories.ids[i]),
        content=content.decode(),
        memory_type=memory_type.decode(),
        activation=float(ranking.total[i]),
        similarity=float(ranking.cosines[i]),
        created_at=int(created),
        last_accessed=last_ms if accessed_ms is None else max(last_ms, accessed_ms),
        access_count=int(state["access_count"]) + (accessed_ms is not None),
        status=ranking.status(i),
        tags=tags.decode().split(TAG_SEPARATOR) if tags else [],
        session=rest.get("session"),
        speaker=rest.get("speaker"),
        explanation=ranking.parts.explanation(i) if query.explain else None,
    )


def _reply(found: list[Found], position: str | None) -> Reply:
    result = SearchResult(results=found, count=len(found))
    return Reply(result=result.model_dump(mode="json", exclude_none=True), position=position)
