"""Queries about a namespace as a whole: list, stats, working memory."""

import asyncio
from dataclasses import dataclass
from math import isfinite
from typing import Self
from uuid import UUID

import numpy as np

from schemas.errors import Rejected
from schemas.limits import TIME_MS_MAX, TIME_MS_MIN
from schemas.parameters import Parameters
from schemas.queries import (
    InFocus,
    Listed,
    ListMemories,
    ListResult,
    Stats,
    StatsResult,
    WorkingMemoryQuery,
    WorkingMemoryResult,
)
from schemas.replies import Reply
from schemas.selection import Select, Selected
from services.readside.activation import activations
from services.readside.columns import ACTIVE, DELETED, Memories, expires_at, status_name
from services.readside.documents import Document, DocumentKey
from services.readside.filters import NO_FILTERS, Filters, filters_of
from services.readside.layout import Status
from services.retrieval.ports import MemoryReader
from services.retrieval.working_memory import CHOSEN_FROM, focus_of

CONTENT_SHOWN_CHARACTERS = 200
MEAN_EXACT_MAX = 10_000
MEAN_CACHED_MS = 30_000


@dataclass(frozen=True)
class Cursor:
    """The place where a list goes on: after an activation and id, as of its first page's moment."""

    as_of_ms: int
    activation: float
    memory_id: str

    def __str__(self) -> str:
        return f"{self.as_of_ms}:{self.activation.hex()}:{self.memory_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read back a `next_cursor`.

        Raises:
            Rejected: it is none of ours.
        """
        refused = Rejected("cursor: not one that a list has returned; begin without it")
        try:
            as_of, activation, memory_id = text.split(":")
            cursor = cls(int(as_of), float.fromhex(activation), str(UUID(memory_id)))
        except (ValueError, OverflowError):
            raise refused from None
        ours = str(cursor) == text and isfinite(cursor.activation)
        if not ours or not TIME_MS_MIN <= cursor.as_of_ms <= TIME_MS_MAX:
            raise refused
        return cursor


class NamespaceQueries:
    """Answers `list`, `stats` and `working_memory`."""

    def __init__(self, reader: MemoryReader) -> None:
        self._reader = reader
        self._means: dict[str, tuple[int, float]] = {}

    async def list_page(self, query: ListMemories, now_ms: int) -> Reply:
        """A page of the memories by activation, then id."""
        cursor = Cursor.parse(query.cursor) if query.cursor else None
        moment_ms = now_ms if query.as_of is None else query.as_of
        if cursor:
            moment_ms = cursor.as_of_ms
        position, parameters, now = await self._reader.whole(query.namespace)
        memories = now.seen(query.as_of, moment_ms)
        total = await asyncio.to_thread(_levels, memories, moment_ms, parameters)
        stored = _statuses(now)
        wanted = await self._wanted(query, memories, stored)
        if query.as_of is not None:
            wanted &= memories.states["status"] != DELETED
        wanted &= memories.states["created_ms"] <= max(moment_ms, _latest(memories, cursor))
        rows = await asyncio.to_thread(_ordered, memories, total, wanted)
        start = _start(rows, memories.ids, total, cursor) if cursor else query.offset
        page = rows[start : start + query.limit]
        left = len(rows) > start + len(page)
        last = Cursor(moment_ms, float(total[page[-1]]), memories.ids[page[-1]]) if page else None
        result = ListResult(
            memories=await self._listed(
                query, memories, total, {i: (memories.ids[i], stored[i]) for i in page}
            ),
            offset=start,
            limit=query.limit,
            total=len(rows),
            next_cursor=str(last) if left and last else None,
        )
        left_out = None if query.include_metadata else {"memories": {"__all__": {"metadata"}}}
        return Reply(result=result.model_dump(mode="json", exclude=left_out), position=position)

    async def select(self, query: Select) -> Reply:
        """Ids of all that meet the conditions and are not forgotten."""
        filters = filters_of(query)
        position, _parameters, memories = await self._reader.whole(query.namespace)
        there = memories.states["status"] != DELETED
        keys = [
            key for key, is_there in zip(_keys(memories), there.tolist(), strict=True) if is_there
        ]
        if filters != NO_FILTERS:
            attributes = await self._reader.attributes(query.namespace, keys)
            keys = [
                key
                for key, each in zip(keys, attributes, strict=True)
                if each is not None and filters.admits(each)
            ]
        ids = [UUID(name) for name, _ in keys[: query.limit]]
        result = Selected(memory_ids=ids, total=len(keys))
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def stats(self, query: Stats, now_ms: int) -> Reply:
        """Counts by status, and the mean activation of the active ones."""
        position, counts = await self._reader.counts(query.namespace, now_ms)
        result = StatsResult(
            total=sum(counts.values()),
            **counts,
            avg_activation=await self._mean(query.namespace, counts["active"], now_ms),
        )
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def working_memory(self, query: WorkingMemoryQuery, now_ms: int) -> Reply:
        """Memories in focus, the strongest first; reading them changes nothing."""
        namespace = query.namespace
        position, parameters, memories = await self._reader.recent(namespace, CHOSEN_FROM)
        focus = focus_of(memories, now_ms, parameters)
        documents = await self._reader.documents(
            namespace, [(memories.ids[i], "active") for i in focus]
        )
        result = WorkingMemoryResult(
            memories=[
                InFocus(
                    memory_id=UUID(memories.ids[i]),
                    content=document.content,
                    memory_type=document.memory_type,
                    activation=activation,
                    last_accessed=int(memories.states["last_accessed_ms"][i]),
                    concepts=document.concepts,
                )
                for (i, activation), document in zip(focus.items(), documents, strict=True)
                if document is not None
            ],
            capacity=parameters.focus_capacity,
            window_seconds=parameters.focus_seconds,
        )
        return Reply(result=result.model_dump(mode="json"), position=position)

    async def _mean(self, namespace: str, active: int, now_ms: int) -> float:
        if active == 0:
            return 0.0
        at_ms, mean = self._means.get(namespace, (0, 0.0))
        if active > MEAN_EXACT_MAX and now_ms - at_ms < MEAN_CACHED_MS:
            return mean
        # Ids are hashes: the smallest ones are a sample that does not change.
        _, parameters, memories = await self._reader.whole(namespace, sample=MEAN_EXACT_MAX)
        levels = await asyncio.to_thread(_levels, memories, now_ms, parameters)
        levels = levels[memories.at_present(now_ms).states["status"] == ACTIVE]
        if len(levels) == 0:
            return 0.0  # the last one went between the two reads
        mean = float(np.mean(levels))
        if active > MEAN_EXACT_MAX:
            self._means[namespace] = (now_ms, mean)
        return mean

    async def _wanted(
        self, query: ListMemories, memories: Memories, stored: list[Status]
    ) -> np.ndarray:
        wanted = np.ones(len(memories), bool)
        if query.status is not None:
            wanted &= np.array([status == query.status for status in _statuses(memories)], bool)
        filters = Filters(
            types=() if query.memory_type is None else (query.memory_type,),
            tags=() if query.tag is None else (query.tag,),
            metadata=query.filter,
            session=query.session,
            speaker=query.speaker,
        )
        if filters != NO_FILTERS:
            keys = list(zip(memories.ids, stored, strict=True))
            attributes = await self._reader.attributes(query.namespace, keys)
            passed = [each is not None and filters.admits(each) for each in attributes]
            wanted &= np.array(passed, bool)  # also of none
        return wanted

    async def _listed(
        self,
        query: ListMemories,
        memories: Memories,
        total: np.ndarray,
        keys: dict[int, DocumentKey],
    ) -> list[Listed]:
        """Rows of the page; `keys`: where the document of each memory on it lies."""
        documents = await self._reader.documents(query.namespace, list(keys.values()))
        rows = [
            _row(memories, i, document, activation=float(total[i]))
            for i, document in zip(keys, documents, strict=True)
        ]
        if not query.include_metadata:
            return rows
        return [
            row.model_copy(update={"metadata": document.metadata if document else {}})
            for row, document in zip(rows, documents, strict=True)
        ]


def _keys(memories: Memories) -> list[DocumentKey]:
    return list(zip(memories.ids, _statuses(memories), strict=True))


def _row(memories: Memories, i: int, document: Document | None, *, activation: float) -> Listed:
    state = memories.states[i]
    return Listed(
        memory_id=UUID(memories.ids[i]),
        content=document.content[:CONTENT_SHOWN_CHARACTERS] if document else "",
        memory_type=document.memory_type if document else "unknown",  # just forgotten
        activation=activation,
        salience=float(state["salience"]),
        status=status_name(int(state["status"])),
        access_count=int(state["access_count"]),
        created_at=document.created_at if document else int(state["created_ms"]),
        last_accessed=int(state["last_accessed_ms"]),
        tags=document.tags if document else [],
        expires_at=expires_at(state),
    )


def _ordered(memories: Memories, total: np.ndarray, wanted: np.ndarray) -> list[int]:
    order = np.lexsort((np.array(memories.ids, dtype=str), -total))
    return [int(i) for i in order if wanted[i]]


def _levels(memories: Memories, moment_ms: int, parameters: Parameters) -> np.ndarray:
    return activations(memories, moment_ms, parameters).total


def _statuses(memories: Memories) -> list[Status]:
    return [status_name(int(code)) for code in memories.states["status"]]


def _latest(memories: Memories, cursor: Cursor | None) -> int:
    # Without a cursor even what is dated a little ahead of our clock is listed.
    if cursor is not None or len(memories) == 0:
        return 0
    return int(memories.states["created_ms"].max())


def _start(rows: list[int], ids: list[str], total: np.ndarray, cursor: Cursor) -> int:
    for at, i in enumerate(rows):
        if (-total[i], ids[i]) > (-cursor.activation, cursor.memory_id):
            return at
    return len(rows)
