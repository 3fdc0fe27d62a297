"""Small folds, and what they made of a memory."""

import numpy as np

from schemas.events import MemoryEvent
from schemas.ids import derive
from services.projection.fold.fold import fold_log
from services.projection.fold.view import Memory, Ref, View
from services.readside.columns import Memories
from services.readside.layout import TERM, TRACE, hash64, kind_of, pack_record
from services.retrieval.search.column_cache import ColumnCache
from tests.builders import TIME_MS, memory_id
from tests.sequences import DIMENSION, at_offsets

ANN, BOB, CID = memory_id("ann"), memory_id("bob"), memory_id("cid")
HOUR_MS = 3_600_000
WORDS = {hash64(word): word for word in ("ann", "bob", "cup", "four", "lee", "tea", "x", "ünïcödé")}


def at(hours: float, name: str = "event") -> dict[str, object]:
    """An envelope: when, and an id of its own."""
    return {"time": TIME_MS + round(hours * HOUR_MS), "id": derive(name, str(hours))}


def folded(*events: MemoryEvent) -> View:
    """The fold of some events, one after the other."""
    return fold_log(at_offsets(list(events)))


def only(view: View) -> Memory:
    """The one memory there is."""
    (memory,) = view.memories.values()
    return memory


def traces_of(memory: Memory) -> np.ndarray:
    """Its presentations."""
    return np.frombuffer(memory.parts.traces, TRACE)


def kinds(memory: Memory) -> list[str]:
    """What its presentations were."""
    return [kind_of(int(identity)) for identity in traces_of(memory)["id"]]


def term_rows(memory: Memory) -> dict[str, tuple[int, bool]]:
    """How often each of its terms occurs, and whether it is of the speaker's name."""
    return {
        WORDS[row["term"].tobytes()]: (int(row["count"]), bool(row["speaker"]))
        for row in np.frombuffer(memory.parts.terms, TERM)
    }


def record_of(memory: Memory) -> bytes:
    """What Redis holds of it."""
    return pack_record(memory.state, memory.parts)


def memories_of(memories: dict[Ref, Memory]) -> Memories:
    """Their columns, by id alone: of one namespace."""
    return Memories.of(
        [str(name) for _, name in memories], [record_of(m) for m in memories.values()]
    )


def columns_of(memories: dict[Ref, Memory], *, dimension: int = DIMENSION) -> ColumnCache:
    """A cache that holds them, of one namespace, as they are."""
    columns = ColumnCache(dimension)
    records = {str(name): record_of(memory) for (_, name), memory in memories.items()}
    columns.put(records, at=1, fresh=True)
    return columns
