"""Some memories in columns: what a ranking computes with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from uuid import UUID

import numpy as np

from cognition.base_level import IntArray
from services.readside.layout import (
    CONCEPT,
    NOBODY,
    STATE,
    STATUSES,
    TRACE,
    Status,
    bias_at,
    counted,
    split_head,
    split_record,
    status_at,
    superseded_at,
    unpack_changes,
)

ACTIVE, DECAYED, DELETED = range(3)


@dataclass(frozen=True)
class Memories:
    """Columns of some memories: `states` shape (memories,), `traces` (traces,).

    `memory_of_trace` says whose each trace is. `changes` and `concepts` are packed.
    """

    ids: list[str]
    states: np.ndarray
    traces: np.ndarray
    memory_of_trace: IntArray
    changes: list[bytes]
    concepts: list[bytes]

    @classmethod
    def of(cls, ids: list[str], records: Sequence[bytes]) -> "Memories":
        """Decode records."""
        heads = [split_head(record) for record in records]
        parts = [split_record(record) for record in records]
        return cls.joined(
            ids,
            np.frombuffer(b"".join([state for state, _ in heads]), STATE),
            [part.traces for part in parts],
            ([changes for _, changes in heads], [part.concepts for part in parts]),
        )

    @classmethod
    def joined(
        cls,
        ids: list[str],
        states: np.ndarray,
        traces: Sequence[bytes],
        packed: tuple[list[bytes], list[bytes]],
    ) -> "Memories":
        """Columns from traces by memory, and packed changes and concepts."""
        flat, memory_of_trace = flattened(traces, TRACE)
        return cls(ids, states, flat, memory_of_trace, *packed)

    def __len__(self) -> int:
        return len(self.ids)

    def only(self, which: np.ndarray) -> "Memories":
        """Some of them, by a mask of shape (memories,)."""
        mine = which[self.memory_of_trace]
        return Memories(
            list(compress(self.ids, which)),
            self.states[which],
            self.traces[mine],
            (np.cumsum(which) - 1)[self.memory_of_trace[mine]],
            list(compress(self.changes, which)),
            list(compress(self.concepts, which)),
        )

    def links(self) -> tuple[np.ndarray, IntArray]:
        """All concepts linked to these memories, and to which each is."""
        return flattened(self.concepts, CONCEPT)

    def successor(self, i: int) -> str | None:
        """The successor of a memory."""
        by = self.states["superseded_by"][i].tobytes()
        return str(UUID(bytes=by)) if self.states["superseded_ms"][i] and by != NOBODY else None

    def at_present(self, now_ms: int) -> "Memories":
        """The same memories; what has expired counts as decayed."""
        statuses = statuses_at(self.states, now_ms)
        if np.array_equal(statuses, self.states["status"]):
            return self
        states = self.states.copy()
        states["status"] = statuses
        return replace(self, states=states)

    def seen(self, as_of_ms: int | None, now_ms: int) -> "Memories":
        """The memories as of a past moment, or as they are now."""
        return self.at_present(now_ms) if as_of_ms is None else self.at(as_of_ms)

    def at(self, moment_ms: int) -> "Memories":
        """The same memories with statuses, accesses and penalties of a past moment.

        One not created by then, or deleted now, counts as deleted. Exact for traces that are not
        compacted.
        """
        states = self.states.copy()
        for i in np.flatnonzero(states["changes"]).tolist():
            changes = unpack_changes(self.changes[i])
            states["bias"][i] = bias_at(changes, moment_ms)
            if states["status"][i] != DELETED:
                states["status"][i] = STATUSES.index(status_at(changes, moment_ms))
            since_ms, by = superseded_at(changes, moment_ms)
            states["superseded_ms"][i], states["superseded_by"][i] = since_ms, np.void(by)
        states["status"] = statuses_at(states, moment_ms)
        states["status"][states["created_ms"] > moment_ms] = DELETED
        traces = self.traces
        then = (traces["time_ms"] <= moment_ms) & counted(traces["id"])
        whose = self.memory_of_trace[then]
        states["access_count"] = np.bincount(whose, minlength=len(self))
        states["last_accessed_ms"] = states["created_ms"]
        np.maximum.at(states["last_accessed_ms"], whose, traces["time_ms"][then])
        return replace(self, states=states)


def expired(states: np.ndarray, moment_ms: int) -> np.ndarray:
    """A mask of the states whose memory has expired by a moment."""
    mask: np.ndarray = (states["expires_ms"] > 0) & (states["expires_ms"] <= moment_ms)
    return mask


def expires_at(state: np.ndarray) -> int | None:
    """The moment when one memory expires, or has expired; None for never."""
    return int(state["expires_ms"]) if state["expires_ms"] > 0 else None


def statuses_at(states: np.ndarray, moment_ms: int) -> np.ndarray:
    """The statuses; of what is active, and has expired by then, that it is decayed."""
    gone = (states["status"] == ACTIVE) & expired(states, moment_ms)
    codes: np.ndarray = np.where(gone, np.uint8(DECAYED), states["status"])
    return codes


def status_name(code: int) -> Status:
    """The status that a state's byte stands for."""
    return STATUSES[code]


def flattened(parts: Sequence[bytes], dtype: np.dtype) -> tuple[np.ndarray, IntArray]:
    """Packed rows of all memories in one array, and whose each is."""
    lengths = [len(part) // dtype.itemsize for part in parts]
    return np.frombuffer(b"".join(parts), dtype), np.repeat(np.arange(len(parts)), lengths)
