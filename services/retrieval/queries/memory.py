"""Queries about one memory: recall, inspect."""

from dataclasses import replace
from uuid import UUID

import numpy as np
import orjson

from schemas.corrections import CorrectionRecord
from schemas.courses import Course
from schemas.errors import NotFound
from schemas.events import AccessedData, AccessedMemory, MemoryAccessed
from schemas.fields import NEVER, Expiry
from schemas.ids import event_id
from schemas.limits import ACCESS_HISTORY_MAX
from schemas.parameters import Parameters
from schemas.queries import (
    AccessRecord,
    Inspect,
    InspectResult,
    Recall,
    RecallResult,
)
from schemas.replies import Reply
from services.common.event_log import EventAppender
from services.readside.activation import activations, kernel_of, next_decay
from services.readside.columns import ACTIVE, Memories, status_name
from services.readside.corrections import EXPIRES_AT
from services.readside.documents import Document, tags_of
from services.readside.layout import NOT_COUNTED, TRACE, kind_of
from services.retrieval.ports import Entry, MemoryReader
from services.retrieval.queries.course import course_of
from services.retrieval.search.events import SOURCE
from services.retrieval.search.rows import explanation_of

# What an access is called whose caller gave no context.
_CONTEXTS = {
    "creation": "initial_store",
    "search": "search_retrieval",
    "recall": "direct_recall",
}


class MemoryQueries:
    """Answers `recall` and `inspect`."""

    def __init__(self, reader: MemoryReader, log: EventAppender) -> None:
        self._reader = reader
        self._log = log

    async def recall(self, query: Recall, cause: UUID, now_ms: int) -> Reply:
        """The memory, stronger by this access.

        Raises:
            NotFound: unknown, decayed or deleted.
        """
        position, entry = await self._reader.entry(query.namespace, query.memory_id)
        moment_ms = now_ms if query.as_of is None else query.as_of
        if entry is None or entry.memories.seen(query.as_of, now_ms).states["status"][0] != ACTIVE:
            raise NotFound(
                f"memory {query.memory_id}: not in {query.namespace}, or not active there; "
                "inspect shows it in any status"
            )
        recording = query.record_access and query.as_of is None
        memories = entry.memories.seen(query.as_of, now_ms)
        state = memories.states[0]
        if recording:
            memories = with_access(memories, now_ms, entry.parameters)
            position = await self._record(query, cause, now_ms)
        parts = activations(memories, moment_ms, entry.parameters)
        last_ms = int(state["last_accessed_ms"])
        result = RecallResult(
            memory_id=query.memory_id,
            content=entry.document.content,
            activation=float(parts.total[0]),
            memory_type=entry.document.memory_type,
            created_at=entry.document.created_at,
            last_accessed=max(last_ms, now_ms) if recording else last_ms,
            access_count=int(state["access_count"]) + recording,
            explanation=explanation_of(parts, 0) if query.explain else None,
        )
        return Reply(result=result.model_dump(mode="json", exclude_none=True), position=position)

    async def inspect(self, query: Inspect, now_ms: int) -> Reply:
        """Everything about a memory, in any status, without touching it.

        Raises:
            NotFound: unknown, or with `as_of` not there then.
        """
        position, entry = await self._reader.entry(query.namespace, query.memory_id)
        if entry is None:
            raise NotFound(f"memory {query.memory_id}: not in namespace {query.namespace}")
        memories = entry.memories.seen(query.as_of, now_ms)
        state, document, parameters = entry.state, entry.document, entry.parameters
        status = status_name(int(memories.states["status"][0]))
        if query.as_of is not None and status == "deleted":
            raise NotFound(
                f"memory {query.memory_id}: not in namespace {query.namespace} at that moment"
            )
        moment_ms = now_ms if query.as_of is None else query.as_of
        result = InspectResult(
            memory_id=query.memory_id,
            content=document.content,
            activation=float(activations(memories, moment_ms, parameters).total[0]),
            memory_type=document.memory_type,
            created_at=document.created_at,
            last_accessed=int(memories.states["last_accessed_ms"][0]),
            access_count=int(memories.states["access_count"][0]),
            status=status,
            salience=state.salience,
            emotion_valence=state.valence,
            emotion_arousal=state.arousal,
            decay_rate=parameters.decay_rate,
            effective_decay_rate=_effective_decay_rate(entry, moment_ms),
            access_history=_history(entry, moment_ms if query.as_of is not None else None),
            context=document.context,
            tags=document.tags,
            metadata=document.metadata,
            concepts=document.concepts,
            session=document.session,
            speaker=document.speaker,
            pinned=state.pinned,
            recorded_at=state.recorded_ms,
            expires_at=state.expires_ms if state.expires_ms > 0 else None,
            superseded_by=_superseded_by(memories),
            derived_from=document.derived_from,
            derivatives=await self._reader.derivatives(
                query.namespace, query.memory_id, until_ms=query.as_of
            ),
            corrections=_corrections(document),
            course=_course(replace(entry, memories=memories), query, moment_ms)
            if query.course
            else None,
        )
        left_out = None if query.course else {"course"}
        return Reply(result=result.model_dump(mode="json", exclude=left_out), position=position)

    async def _record(self, query: Recall, cause: UUID, now_ms: int) -> str:
        event = MemoryAccessed(
            id=event_id(cause, "memory.accessed.v1"),
            source=SOURCE,
            subject=str(query.query_id or cause),
            time=now_ms,
            namespace=query.namespace,
            data=AccessedData(
                accesses=[AccessedMemory(memory_id=query.memory_id, kind="recall")],
                context=query.context or None,
            ),
        )
        return (await self._log.append([event]))[0]


def _course(entry: Entry, query: Inspect, moment_ms: int) -> Course:
    memories = entry.memories
    if query.as_of is not None:
        then = memories.traces["time_ms"] <= moment_ms
        memories = replace(
            memories,
            traces=memories.traces[then],
            memory_of_trace=memories.memory_of_trace[then],
        )
    used = with_access(memories, moment_ms, entry.parameters)
    return course_of(replace(entry, memories=memories), used, moment_ms, query.course)


def _corrections(document: Document) -> list[CorrectionRecord]:
    """The values that each correction replaced, the newest first."""
    records, metadata, expires_at = [], document.metadata, document.expires_at
    for correction in reversed(document.corrections):
        was = correction.was
        more = orjson.loads(was.get("more", b"{}"))
        before = more.get("metadata", metadata)
        expired_at = more.get(EXPIRES_AT) if more else expires_at
        records.append(
            CorrectionRecord(
                corrected_at=correction.at_ms,
                reason=correction.reason,
                content=was["content"].decode() if "content" in was else None,
                tags=tags_of(was["tags"]) if "tags" in was else None,
                metadata=before if before != metadata else None,
                expires_at=_expiry(expired_at) if expired_at != expires_at else None,
            )
        )
        metadata, expires_at = before, expired_at
    return records


def _expiry(moment_ms: int | None) -> Expiry:
    return NEVER if moment_ms is None else moment_ms


def with_access(
    memories: Memories, now_ms: int, parameters: Parameters, *, weight: float = 1.0
) -> Memories:
    """One memory's history with a presentation at `now_ms` more, as the fold will lay it down."""
    state = memories.states[0]
    decay_rate = next_decay(
        memories.traces,
        now_ms,
        parameters,
        arousal=float(state["arousal"]),
        salience=float(state["salience"]),
    )
    trace = np.array([(now_ms, 0, weight, decay_rate)], TRACE)
    states = memories.states.copy()
    states["bias"] = 0.0  # use clears a penalty
    return replace(
        memories,
        states=states,
        traces=np.concatenate([memories.traces, trace]),
        memory_of_trace=np.zeros(len(memories.traces) + 1, np.intp),
    )


def _superseded_by(memories: Memories) -> UUID | None:
    successor = memories.successor(0)
    return UUID(successor) if successor else None


def _effective_decay_rate(entry: Entry, moment_ms: int) -> float:
    """Mean decay of the traces, each weighted by what it contributes at that moment."""
    moment_ms = max(moment_ms, int(entry.memories.states["created_ms"][0]))
    traces = entry.memories.traces
    traces = traces[traces["time_ms"] <= moment_ms]
    decays = traces["decay_rate"].astype(np.float64)
    ages = (moment_ms - traces["time_ms"]) / 1000.0
    strengths = traces["weight"] * kernel_of(entry.parameters).strength(ages, decays)
    # What was massed long ago has no strength left that a double could say.
    return float(np.average(decays, weights=strengths if strengths.any() else None))


def _history(entry: Entry, as_of_ms: int | None) -> list[AccessRecord]:
    traces = entry.memories.traces
    newest_first = np.lexsort((traces["id"], traces["time_ms"]))[::-1]
    history: list[AccessRecord] = []
    for trace in traces[newest_first]:
        kind = kind_of(int(trace["id"]))
        time_ms = int(trace["time_ms"])
        if kind in NOT_COUNTED or (as_of_ms is not None and time_ms > as_of_ms):
            continue
        given = entry.contexts.get(int(trace["id"]).to_bytes(8, "little"))
        context = given.decode() if given is not None else _CONTEXTS.get(kind, kind)
        history.append(AccessRecord(accessed_at=time_ms, kind=kind, context=context))
        if len(history) == ACCESS_HISTORY_MAX:
            break
    return history
