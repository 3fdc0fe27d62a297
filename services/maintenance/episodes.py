"""What a consolidation looks at: the memories of a namespace as they were when it began."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from cognition.base_level import FloatArray, IntArray
from schemas.ids import effect_id
from schemas.parameters import Parameters
from services.common.levels import base_levels
from services.common.memories import DECAYED, DELETED, Memories, status_name
from services.common.read_model import STATE, trace_id
from services.maintenance.ports import ReadSide

# Those that changed last. More would not fit into the minutes and the memory a run may take.
LOOKED_AT_MAX = 20_000
RUN_METADATA = "maintenance_run"
FACT, SKILL = "semantic", "procedural"


@dataclass(frozen=True)
class Gathered:
    """Memories in columns, in the order of ids; what is deleted, or the run has made, is left out.

    Archived ones are evidence too: what comes back every ten days has faded in between. `vectors`
    have length 1. `faded`: which were archived when the run began.
    """

    ids: list[str]
    states: np.ndarray
    vectors: np.ndarray
    levels: FloatArray
    documents: list[dict[str, Any]]
    faded: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def of_type(self, *types: str, but: bool = False) -> IntArray:
        """Rows of these types, or of all others."""
        wanted = [(document["memory_type"] in types) != but for document in self.documents]
        return np.flatnonzero(np.array(wanted, bool))

    def recent(self, since_ms: int) -> np.ndarray:
        """Which happened or were recorded since."""
        recent: np.ndarray = (self.states["created_ms"] >= since_ms) | (
            self.states["recorded_ms"] >= since_ms
        )
        return recent


async def gather(
    side: ReadSide, namespace: str, *, run_id: UUID, now_ms: int, parameters: Parameters
) -> Gathered:
    """Read a namespace as it was when the run began: also when an earlier attempt got half-way."""
    ids: list[str] = []
    states, vectors, levels, faded = [], [], [], []
    async for page in side.pages(namespace, newest=LOOKED_AT_MAX):
        memories = _as_before(page.memories, run_id)
        there = (memories.states["status"] != DELETED) & (memories.states["created_ms"] <= now_ms)
        rows = np.flatnonzero(there)
        ids += [memories.ids[i] for i in rows.tolist()]
        states.append(memories.states[rows])
        vectors.append(page.vectors[rows].astype(np.float32))
        levels.append(base_levels(memories, now_ms, parameters)[rows])
        archived = (memories.states["status"] == DECAYED) | _revived(page.memories, run_id)
        faded.append(archived[rows])
    if not ids:
        nothing = np.zeros((0, 1), np.float32)
        return Gathered([], np.zeros(0, STATE), nothing, np.zeros(0), [], np.zeros(0, bool))
    all_states, all_vectors = np.concatenate(states), np.concatenate(vectors)
    statuses = [status_name(int(code)) for code in all_states["status"]]
    documents = await side.documents(namespace, ids, statuses)
    all_levels = np.concatenate(levels)
    kept = [
        i
        for i, document in enumerate(documents)
        if document["content"] and document.get("metadata", {}).get(RUN_METADATA) != str(run_id)
    ]
    kept.sort(key=lambda i: ids[i])
    return Gathered(
        [ids[i] for i in kept],
        all_states[kept],
        all_vectors[kept],
        all_levels[kept],
        [documents[i] for i in kept],
        np.concatenate(faded)[kept],
    )


def _revived(memories: Memories, run_id: UUID) -> np.ndarray:
    """Which the run has brought back itself, in an earlier attempt."""
    own = [
        trace_id("restore", effect_id(run_id, name, "memory.restored.v1")) for name in memories.ids
    ]
    revived = np.zeros(len(memories), bool)
    mine = memories.traces["id"] == np.array(own, np.uint64)[memories.memory_of_trace]
    revived[memories.memory_of_trace[mine]] = True
    return revived


def _as_before(memories: Memories, run_id: UUID) -> Memories:
    """Without what the run has rehearsed: a repeat must draw the same memories again."""
    own = np.array(
        [
            trace_id("rehearsal", effect_id(run_id, name, "memory.accessed.v1"))
            for name in memories.ids
        ],
        np.uint64,
    )
    kept = memories.traces["id"] != own[memories.memory_of_trace]
    if kept.all():
        return memories
    return Memories(
        memories.ids,
        memories.states,
        memories.traces[kept],
        memories.memory_of_trace[kept],
        memories.changes,
        memories.concepts,
    )
