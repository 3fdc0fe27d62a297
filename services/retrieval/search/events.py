"""The events that a search leads to: uses, restorations, successions."""

from collections.abc import Mapping
from uuid import UUID

from schemas.events import (
    AccessedData,
    AccessedMemory,
    MemoryAccessed,
    MemoryEvent,
    MemoryRestored,
    MemorySuperseded,
    ReasonData,
    SupersededData,
)
from schemas.ids import derive, event_id
from services.retrieval.search.ranking import Ranking

SOURCE = "/human-memory/retrieval"


def accesses_of(ranking: Ranking) -> list[MemoryEvent]:
    """One access of all that was found, and a restoration of each that was decayed."""
    plan = ranking.plan
    query, ids = plan.query, [ranking.id(i) for i in ranking.order]
    accessed = MemoryAccessed(
        id=event_id(plan.cause, "memory.accessed.v1"),
        source=SOURCE,
        subject=str(query.query_id or plan.cause),
        time=plan.now_ms,
        namespace=query.namespace,
        data=AccessedData(
            accesses=[AccessedMemory(memory_id=each, kind="search") for each in ids],
            context=query.context or None,
        ),
    )
    # A cue strong enough to bring back a decayed memory brings it back for good.
    restored = [
        MemoryRestored(
            id=event_id(plan.cause, "memory.restored.v1", number),
            source=SOURCE,
            subject=str(ids[number]),
            time=plan.now_ms,
            namespace=query.namespace,
            data=ReasonData(reason="search"),
        )
        for number, i in enumerate(ranking.order)
        if ranking.revives(i)
    ]
    return [accessed, *restored]


def successions_of(ranking: Ranking, successors: Mapping[int, int]) -> list[MemoryEvent]:
    """Events for successions, newer by older, each as of when the newer one was said."""
    created_ms = ranking.memories.states["created_ms"]
    return [
        _superseded(
            ranking.plan.namespace,
            ranking.id(older),
            ranking.id(newer),
            time_ms=int(created_ms[newer]),
        )
        for older, newer in successors.items()
    ]


def _superseded(namespace: str, older: UUID, newer: UUID, *, time_ms: int) -> MemorySuperseded:
    # The same pair always gives the same event, so finding it twice changes nothing.
    cause = derive(namespace, "superseded", str(older), str(newer))
    return MemorySuperseded(
        id=event_id(cause, "memory.superseded.v1"),
        source=SOURCE,
        subject=str(older),
        time=time_ms,
        namespace=namespace,
        data=SupersededData(superseded_by=newer),
    )
