"""Some memories in columns: what a ranking computes with, decoded once per record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from cognition.base_level import IntArray
from services.common.read_model import (
    CONCEPT,
    KINDS,
    NOBODY,
    NOT_COUNTED,
    STATE,
    STATUSES,
    TERM,
    TRACE,
    State,
    Status,
    fixed_state,
    split_record,
    unpack_record,
)

ACTIVE, DECAYED, DELETED = range(3)


@dataclass(frozen=True, slots=True)
class Row:
    """One memory's record, split into what columns are joined from.

    `vector` is widened to float32, which takes longer than the similarity itself. `past` is the
    record of a memory with changes, which only `as_of` needs.
    """

    state: bytes
    vector: bytes
    terms: bytes
    concepts: bytes
    traces: bytes
    previous: str | None
    next: str | None
    superseded_by: str | None
    past: bytes | None

    @classmethod
    def of(cls, record: bytes) -> "Row":
        """Decode a record."""
        parts, fixed = split_record(record), fixed_state(record)
        state = np.frombuffer(fixed, STATE)[0]
        return cls(
            state=fixed,
            vector=np.frombuffer(parts.vector, "<f2").astype(np.float32).tobytes(),
            terms=parts.terms,
            concepts=parts.concepts,
            traces=parts.traces,
            previous=_name(state["previous"].tobytes()),
            next=_name(state["next"].tobytes()),
            superseded_by=_name(state["superseded_by"].tobytes()),
            past=record if state["changes"] else None,
        )


@dataclass(frozen=True)
class Memories:
    """Columns of some memories: `states` shape (memories,), `traces` (traces,), and so on.

    `memory_of_trace` and its like say whose each flat entry is.
    """

    ids: list[str]
    rows: list[Row]
    states: np.ndarray
    traces: np.ndarray
    memory_of_trace: IntArray

    @classmethod
    def of(cls, ids: list[str], rows: list[Row]) -> "Memories":
        """Join rows into columns."""
        traces, memory_of_trace = _flat([row.traces for row in rows], TRACE)
        states = np.frombuffer(b"".join([row.state for row in rows]), STATE)
        return cls(ids, rows, states, traces, memory_of_trace)

    def __len__(self) -> int:
        return len(self.ids)

    def first(self, count: int) -> "Memories":
        """The first `count` of them."""
        own = self.memory_of_trace < count
        return Memories(
            self.ids[:count],
            self.rows[:count],
            self.states[:count],
            self.traces[own],
            self.memory_of_trace[own],
        )

    def vectors(self, dimension: int) -> NDArray[np.float32]:
        """Shape (memories, dimension). Another model's vectors say nothing here: zero."""
        nothing = bytes(4 * dimension)
        same = [row.vector if len(row.vector) == len(nothing) else nothing for row in self.rows]
        return np.frombuffer(b"".join(same), "<f4").reshape(len(same), dimension)

    def terms(self) -> tuple[np.ndarray, IntArray]:
        """All terms with their counts, and whose each is."""
        return _flat([row.terms for row in self.rows], TERM)

    def concepts(self) -> tuple[np.ndarray, IntArray]:
        """All linked concepts, and whose each is."""
        return _flat([row.concepts for row in self.rows], CONCEPT)

    def at(self, moment_ms: int) -> "Memories":
        """The same memories with statuses, accesses and penalties of a past moment.

        One not created by then, or deleted now, counts as deleted. Exact for traces that are not
        compacted.
        """
        states = self.states.copy()
        for i in np.flatnonzero(states["changes"]):
            past = self.rows[i].past
            assert past is not None
            if states["status"][i] != DELETED:
                state, _ = unpack_record(past)
                states["status"][i] = STATUSES.index(state.status_at(moment_ms))
                states["bias"][i] = state.bias_at(moment_ms)
        states["status"][states["created_ms"] > moment_ms] = DELETED
        uncounted = KINDS.index(NOT_COUNTED) + 1
        traces = self.traces
        counted = (traces["time_ms"] <= moment_ms) & (traces["id"] >> np.uint64(56) != uncounted)
        whose = self.memory_of_trace[counted]
        states["access_count"] = np.bincount(whose, minlength=len(self))
        states["last_accessed_ms"] = states["created_ms"]
        np.maximum.at(states["last_accessed_ms"], whose, traces["time_ms"][counted])
        not_yet = states["superseded_ms"] > moment_ms
        states["superseded_ms"][not_yet] = 0
        return replace(self, states=states)

    def state(self, i: int) -> State:
        """One memory's state, unpacked."""
        row = self.rows[i]
        record = row.past if row.past is not None else row.state
        return unpack_record(record)[0]


def status_name(code: int) -> Status:
    """The status that a state's byte stands for."""
    return STATUSES[code]


def _flat(parts: Sequence[bytes], dtype: np.dtype) -> tuple[np.ndarray, IntArray]:
    lengths = [len(part) // dtype.itemsize for part in parts]
    return np.frombuffer(b"".join(parts), dtype), np.repeat(np.arange(len(parts)), lengths)


def _name(memory_id: bytes) -> str | None:
    return None if memory_id == NOBODY else str(UUID(bytes=memory_id))
