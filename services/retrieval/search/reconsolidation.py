"""What a search brings up together is compared: a newer statement may put an older one out of date.

Recalled memories are open to revision (Nader, 2003, Trends in Neurosciences 26:65); here it is also
the moment when both statements are at hand, and only those that matter are looked at.
"""

from collections.abc import Sequence
from uuid import UUID

import numpy as np

from cognition.language.supersession import COSINE_MIN, Statement, supersedes
from schemas.events import MemorySuperseded, SupersededData
from schemas.ids import derive, event_id
from schemas.queries import Found
from services.readside.columns import Memories
from services.readside.layout import NOBODY, unpack_changes

SOURCE = "/human-memory/retrieval"
# Of one search; what comes behind it hardly matters, and pairs grow with the square.
COMPARED_MAX = 20


def successions(
    memories: Memories, found: Sequence[tuple[int, Found]], cosines: np.ndarray
) -> dict[int, int]:
    """Which of the found memories put which others out of date: newer by older.

    Args:
        memories: those that `found` counts in.
        found: numbers of memories, and what was found there.
        cosines: of the found ones with each other, shape (found, found).
    """
    said = [
        Statement(each.content, each.speaker, each.created_at) for _, each in found[:COMPARED_MAX]
    ]
    newest_first = sorted(range(len(said)), key=lambda at: -said[at].time_ms)
    successors: dict[int, int] = {}
    for older in range(len(said)):
        i = found[older][0]
        if memories.states["superseded_ms"][i] or _taken_back(memories, i):
            continue
        for newer in newest_first:
            cosine = float(cosines[older, newer])
            if cosine >= COSINE_MIN and supersedes(said[older], said[newer], cosine=cosine):
                successors[i] = found[newer][0]
                break
    return successors


def _taken_back(memories: Memories, i: int) -> bool:
    """Whether somebody has said that a memory is not out of date: that is not judged again."""
    changes = unpack_changes(memories.changes[i])
    return any(change.what == "superseded" and change.other == NOBODY for change in changes)


def superseded_event(namespace: str, older: UUID, newer: UUID, *, time_ms: int) -> MemorySuperseded:
    """The event, as of `time_ms`, when the newer one was said.

    The same pair always gives the same event, so finding it twice changes nothing.
    """
    cause = derive(namespace, "superseded", str(older), str(newer))
    return MemorySuperseded(
        id=event_id(cause, "memory.superseded.v1"),
        source=SOURCE,
        subject=str(older),
        time=time_ms,
        namespace=namespace,
        data=SupersededData(superseded_by=newer),
    )
