"""The snapshot of a consolidation: the memories of a namespace as they were when it began."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np

from cognition.base_level import FloatArray, IntArray
from cognition.clustering import occasions
from schemas.ids import effect_id
from schemas.parameters import Parameters
from services.maintenance.ports import ReadSide
from services.readside.activation import base_levels
from services.readside.columns import DECAYED, DELETED, Memories, status_name
from services.readside.documents import Document
from services.readside.layout import STATE, STATUSES, of_kinds, trace_id, unpack_changes
from services.readside.runs import RUN_METADATA

# The memories that changed last. More would not fit into the minutes and the memory a run may take.
LOOKED_AT_MAX = 20_000
FACT, SKILL = "semantic", "procedural"


@dataclass(frozen=True)
class Gathered:
    """Memories in columns, in the order of ids; what is deleted, or the run has made, is left out.

    Archived ones are evidence too: what comes back every ten days has faded in between. `vectors`
    have length 1. `faded`: which were archived when the run began. `learnt_ms`: when each was last
    made, rehearsed or brought back; evidence that is older has had its effect. `now_ms`: the moment
    of the run. `active_less`: so many fewer are active by what an earlier attempt has done.
    """

    ids: list[str]
    states: np.ndarray
    vectors: np.ndarray
    levels: FloatArray
    documents: list[Document]
    faded: np.ndarray
    learnt_ms: np.ndarray
    now_ms: int
    active_less: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    def of_type(self, *types: str, but: bool = False) -> IntArray:
        """Rows of these types, or of all others."""
        wanted = [(document.memory_type in types) != but for document in self.documents]
        return np.flatnonzero(np.array(wanted, bool))

    def recent(self, since_ms: int) -> np.ndarray:
        """A mask of the memories that happened or were recorded since."""
        recent: np.ndarray = (self.states["created_ms"] >= since_ms) | (
            self.states["recorded_ms"] >= since_ms
        )
        return recent

    @cached_property
    def occasion(self) -> IntArray:
        """The occasion of each: what is independent evidence."""
        sessions = [document.session for document in self.documents]
        return occasions(self.states["created_ms"] / 1000.0, sessions)

    def is_new_to(self, row: int, known: int) -> bool:
        """True where an episode came after the known fact was last learnt.

        One recorded after the moment of the run is left to the next, or it would count in both.
        """
        recorded_ms = self.states["recorded_ms"][row]
        came_ms = max(self.states["created_ms"][row], recorded_ms)
        return bool(recorded_ms <= self.now_ms and came_ms > self.learnt_ms[known])


async def gather(
    side: ReadSide, namespace: str, *, run_id: UUID, now_ms: int, parameters: Parameters
) -> Gathered:
    """Read a namespace as it was when the run began: also when an earlier attempt got half-way."""
    ids: list[str] = []
    states, vectors, levels, faded, learnt = [], [], [], [], []
    archived_itself = 0
    async for page in side.pages(namespace, newest=LOOKED_AT_MAX):
        memories = _without(page.memories, own := _own_traces(page.memories, run_id))
        there = (memories.states["status"] != DELETED) & (memories.states["created_ms"] <= now_ms)
        # What is learnt from a memory outlives it: nothing is from one that expires.
        there &= memories.states["expires_ms"] <= 0
        rows = np.flatnonzero(there)
        ids += [memories.ids[i] for i in rows.tolist()]
        states.append(memories.states[rows])
        vectors.append(page.vectors[rows].astype(np.float32))
        levels.append(base_levels(memories, now_ms, parameters)[rows])
        archived = _archived_by(memories, run_id)
        archived_itself += int(archived.sum()) - int(own.revived.sum())
        was_faded = ((memories.states["status"] == DECAYED) & ~archived) | own.revived
        faded.append(was_faded[rows])
        learnt.append(_learnt_ms(memories)[rows])
    if not ids:
        nothing = np.zeros((0, 1), np.float32)
        return Gathered(
            [], np.zeros(0, STATE), nothing, np.zeros(0), [], np.zeros(0, bool), np.zeros(0), now_ms
        )
    all_states = np.concatenate(states)
    statuses = [status_name(int(code)) for code in all_states["status"]]
    documents = {
        i: document
        for i, document in enumerate(await side.documents(namespace, ids, statuses))
        if document is not None and document.metadata.get(RUN_METADATA) != str(run_id)
    }
    kept = sorted(documents, key=lambda i: ids[i])
    return Gathered(
        [ids[i] for i in kept],
        all_states[kept],
        np.concatenate(vectors)[kept],
        np.concatenate(levels)[kept],
        [documents[i] for i in kept],
        np.concatenate(faded)[kept],
        np.concatenate(learnt)[kept],
        now_ms,
        active_less=archived_itself - (len(ids) - len(kept)),
    )


@dataclass(frozen=True)
class _Own:
    """Traces that an earlier attempt of the run has left, and memories that it brought back."""

    traces: np.ndarray
    revived: np.ndarray


def _own_traces(memories: Memories, run_id: UUID) -> _Own:
    def laid(kind: str, event_type: str) -> np.ndarray:
        ids = [trace_id(kind, effect_id(run_id, name, event_type)) for name in memories.ids]
        mine: np.ndarray = (
            memories.traces["id"] == np.array(ids, np.uint64)[memories.memory_of_trace]
        )
        return mine

    restored = laid("revival", "memory.restored.v1")
    revived = np.zeros(len(memories), bool)
    revived[memories.memory_of_trace[restored]] = True
    return _Own(laid("rehearsal", "memory.accessed.v1") | restored, revived)


def _without(memories: Memories, own: _Own) -> Memories:
    """Without what the run has done: a repeat must draw the same memories again."""
    if not own.traces.any():
        return memories
    return Memories(
        memories.ids,
        memories.states,
        memories.traces[~own.traces],
        memories.memory_of_trace[~own.traces],
        memories.changes,
        memories.concepts,
    )


def _archived_by(memories: Memories, run_id: UUID) -> np.ndarray:
    """A mask of the memories that the run has archived itself."""
    archived = np.zeros(len(memories), bool)
    for i in np.flatnonzero(memories.states["status"] == DECAYED).tolist():
        changes = [c for c in unpack_changes(memories.changes[i]) if c.what in STATUSES]
        archived[i] = changes[-1].other == run_id.bytes
    return archived


def _learnt_ms(memories: Memories) -> np.ndarray:
    taught = of_kinds(memories.traces["id"], "creation", "rehearsal", "restore", "revival")
    learnt = np.full(len(memories), np.iinfo(np.int64).min)
    np.maximum.at(learnt, memories.memory_of_trace[taught], memories.traces["time_ms"][taught])
    return learnt
