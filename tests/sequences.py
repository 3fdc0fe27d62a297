"""Logs as Hypothesis makes them: few memories, many events, in any order and at any time."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from schemas.events import AccessKind, MemoryEvent, MemoryStored
from schemas.ids import derive, effect_id
from tests.builders import (
    TIME_MS,
    accessed_event,
    adjusted_event,
    completed_event,
    concept_deleted_event,
    concept_event,
    concept_merged_event,
    concept_removed_event,
    concept_renamed_event,
    corrected_event,
    decayed_event,
    embedding,
    forgotten_event,
    memory_id,
    namespace_deleted_event,
    parameters_event,
    progressed_event,
    relation_event,
    relation_removed_event,
    restored_event,
    stored_event,
    superseded_event,
    undone_event,
)

DIMENSION = 4
NAMES = ("ann", "bob", "cid", "dan", "eve")
NAMESPACES = ("acme/one", "acme/two")
DAY_MS = 86_400_000
# From a day before to three weeks after: an event may be older than what was folded before it.
# Some share a moment.
TIMES = st.integers(-DAY_MS, 21 * DAY_MS).map(lambda offset: TIME_MS + offset) | st.integers(
    TIME_MS, TIME_MS + 2
)
MEMORIES = st.sampled_from(NAMES).map(memory_id)
CONTEXTS = st.none() | st.sampled_from(["at the office", "on the train", ""])
KINDS: st.SearchStrategy[AccessKind] = st.sampled_from(["search", "recall", "used", "rehearsal"])
FRACTIONS = st.floats(0, 1)
EXPIRIES = st.none() | TIMES
CONCEPTS = ("tea", "cup", "Ünïcödé 🫖", "TEA")
CONTENTS = ("Tea is at four.", "Ünïcödé 🫖", "Four cups of tea for Ann: four.", "x" * 300, "of")
SESSIONS = st.none() | st.sampled_from(["monday", "tuesday: late"])
SPEAKERS = st.none() | st.sampled_from(["Ann", "Bob Tea"])
STATUS_CHANGES = ("forgotten", "restored", "decayed")
USES = ("stored", "accessed")
NAMING = ("concept renamed", "concept merged", "concept deleted")
GRAPH = ("concept", "relation", "concept removed", "relation removed", *NAMING)
# What a run of maintenance says of itself, does to memories, and has taken back.
EFFECTS = ("run decays", "run adjusts", "run rehearses", "run revives")
RUNS = ("progressed", "completed", "undone", *EFFECTS, "undo")
ALL = (
    *USES, *USES, *USES, *USES, *STATUS_CHANGES, *GRAPH, *RUNS, "derived", "adjusted",
    "superseded", "corrected", "corrected", "parameters", "again",
)  # fmt: skip
# Not among `ALL`: most of what holds of a log does not where all of it may be gone.
WITH_DELETIONS = (*ALL, "namespace deleted")
RUN_IDS = st.sampled_from([derive("run", 1), derive("run", 2)])
ADDED_BY = st.none() | RUN_IDS
# In range, of those that shape traces and of others.
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "weight_search": st.sampled_from([0.02, 0.5, 1.0]),
        "spacing_scale": st.sampled_from([0.0, 0.4]),
        "onset_seconds": st.sampled_from([60.0, 86_400.0]),
        "arousal_effect": FRACTIONS,
        "horizon_seconds": st.just(3_600.0),
        "hops_max": st.just(1.0),
    },
)

# Vectors are fixed, since what they hold makes no difference to the fold.
_VECTORS = [embedding([1.0, 0.5 * i], dimension=DIMENSION) for i in range(len(NAMES))]


def small_stored(memory: UUID, *, envelope: dict[str, Any], **data: Any) -> MemoryStored:
    """A `memory.stored.v1` with a vector of `DIMENSION` numbers."""
    return stored_event(memory, envelope=envelope, **({"embedding": _VECTORS[0]} | data))


@st.composite
def logs(
    draw: st.DrawFn,
    *,
    kinds: tuple[str, ...] = ALL,
    ordered: bool = False,
    size_max: int = 20,
) -> list[MemoryEvent]:
    """Events in the order of the log, with ids of their own or those of an earlier one.

    Args:
        draw: Hypothesis's.
        kinds: which events there may be; `again` repeats an earlier one.
        ordered: whether they were recorded in the order in which they happened.
        size_max: at most so many.
    """
    # Of a list that may be short, Hypothesis mostly makes short ones.
    size = draw(st.integers(1, size_max))
    wanted = draw(st.lists(st.sampled_from(kinds), min_size=size, max_size=size))
    wanted[: draw(st.integers(0, min(3, size)))] = []
    wanted = ["stored"] * (size - len(wanted)) + wanted  # little happens before there is a memory
    times = draw(st.lists(TIMES, min_size=size, max_size=size))
    if ordered:
        times.sort()
    events: list[MemoryEvent] = []
    for number, (kind, time_ms) in enumerate(zip(wanted, times, strict=True)):
        if kind == "again":
            if events:
                events.append(draw(st.sampled_from(events)))
            continue
        envelope = {
            "id": derive("event", number),
            "time": time_ms,
            "namespace": draw(st.sampled_from((*NAMESPACES, NAMESPACES[0]))),
        }
        events.append(_event(draw, kind, envelope))
    return events


@st.composite
def effects(draw: st.DrawFn, run: UUID) -> list[MemoryEvent]:
    """What a run does to memories of the first namespace."""
    kinds = draw(st.lists(st.sampled_from(EFFECTS), min_size=1, max_size=8))
    return [
        _event_of_run(
            draw,
            kind,
            run,
            {"id": derive("effect", i), "time": draw(TIMES), "namespace": NAMESPACES[0]},
        )
        for i, kind in enumerate(kinds)
    ]


def _event(draw: st.DrawFn, kind: str, envelope: dict[str, Any]) -> MemoryEvent:
    if kind in RUNS:
        return _event_of_run(draw, kind, draw(RUN_IDS), envelope)
    match kind:
        case "concept":
            name, aliases = draw(st.sampled_from(CONCEPTS)), draw(st.sampled_from([[], ["chai"]]))
            return concept_event(
                name,
                envelope=envelope,
                activation=draw(FRACTIONS),
                aliases=aliases,
                run_id=draw(ADDED_BY),
            )
        case "relation":
            # Often of a concept that nobody has heard of.
            ends = draw(st.tuples(st.sampled_from(CONCEPTS), st.sampled_from(CONCEPTS)))
            kind = draw(st.sampled_from(["served_in", "like"]))
            return relation_event(
                *ends,
                envelope=envelope,
                relation_type=kind,
                weight=draw(FRACTIONS),
                run_id=draw(ADDED_BY),
            )
        case "concept renamed":
            name, new = draw(st.sampled_from(CONCEPTS)), draw(st.sampled_from((*CONCEPTS, "Chai")))
            return concept_renamed_event(name, new, envelope=envelope)
        case "concept merged":
            ends = draw(st.tuples(st.sampled_from(CONCEPTS), st.sampled_from(CONCEPTS)))
            return concept_merged_event(*ends, envelope=envelope)
        case "concept deleted":
            return concept_deleted_event(draw(st.sampled_from(CONCEPTS)), envelope=envelope)
        case "namespace deleted":
            return namespace_deleted_event(envelope=envelope)
        case "concept removed":
            name = draw(st.sampled_from(CONCEPTS))
            return concept_removed_event(name, draw(RUN_IDS), envelope=envelope)
        case "relation removed":
            ends = draw(st.tuples(st.sampled_from(CONCEPTS), st.sampled_from(CONCEPTS)))
            kind = draw(st.sampled_from(["served_in", "like"]))
            return relation_removed_event(
                *ends, envelope=envelope, relation_type=kind, run_id=draw(RUN_IDS)
            )
        case "parameters":
            return parameters_event(envelope=envelope, **draw(PARAMETERS))
        case "accessed":
            several = draw(st.lists(MEMORIES, min_size=1, max_size=3))
            return accessed_event(
                *several, kind=draw(KINDS), envelope=envelope, context=draw(CONTEXTS)
            )
        case _:
            return _event_of_one(draw, kind, draw(MEMORIES), envelope)


def _event_of_run(draw: st.DrawFn, kind: str, run: UUID, envelope: dict[str, Any]) -> MemoryEvent:
    memory = draw(MEMORIES)
    match kind:
        case "progressed":
            return progressed_event(run, envelope=envelope, done=draw(st.integers(0, 3)), total=3)
        case "completed":
            nats = draw(st.none() | st.just(-0.105))
            return completed_event(run, envelope=envelope, downscaling_nats=nats, report={"n": 1})
        case "undone":
            return undone_event(run, envelope=envelope)
        case "run decays":
            seen = draw(st.integers(1, 2))
            return decayed_event(memory, envelope=envelope, accesses_seen=seen, run_id=run)
        case "run adjusts":
            return adjusted_event(memory, draw(st.floats(-1, 0)), envelope=envelope, run_id=run)
        case "run rehearses":
            # Its id is what undoing knows it by.
            own = {
                "id": effect_id(run, memory, "memory.accessed.v1"),
                "source": "/human-memory/maintenance",
                "subject": str(run),
            }
            return accessed_event(memory, kind="rehearsal", envelope=envelope | own)
        case "run revives":
            own = {
                "id": effect_id(run, memory, "memory.restored.v1"),
                "source": "/human-memory/maintenance",
            }
            return restored_event(memory, envelope=envelope | own)
        case _:
            assert kind == "undo"
            return adjusted_event(memory, 0.0, envelope=envelope, cause="undo", run_id=run)


def _event_of_one(
    draw: st.DrawFn, kind: str, memory: UUID, envelope: dict[str, Any]
) -> MemoryEvent:
    match kind:
        case "stored":
            return small_stored(memory, envelope=envelope, **_stored_data(draw))
        case "derived":
            # Also of itself, of what nobody knows, and of what was forgotten.
            sources = draw(st.lists(st.tuples(MEMORIES, FRACTIONS), min_size=1, max_size=3))
            made_of = [{"memory_id": each, "weight": weight} for each, weight in sources]
            data = _stored_data(draw) | {"derived_from": made_of}
            return small_stored(memory, envelope=envelope, **data)
        case "forgotten":
            return forgotten_event(memory, envelope=envelope)
        case "restored":
            return restored_event(memory, envelope=envelope)
        case "decayed":
            return decayed_event(memory, envelope=envelope, accesses_seen=draw(st.integers(1, 3)))
        case "corrected":
            return corrected_event(memory, envelope=envelope, **_corrected_data(draw))
        case "superseded":
            newer = draw(MEMORIES)
            return superseded_event(memory, newer, envelope=envelope, reversed=draw(st.booleans()))
        case _:
            assert kind == "adjusted"
            return adjusted_event(memory, draw(st.floats(-2, 1)), envelope=envelope)


def _corrected_data(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 3)) == 0:
        return {"reversed": True}
    stored = _stored_data(draw)
    parts = ["text", "tags", "metadata", "expires_at"]
    names = [*draw(st.sets(st.sampled_from(parts), min_size=1))]
    given = {"tags": stored["tags"]} if "tags" in names else {}
    if "metadata" in names:
        given["metadata"] = draw(st.sampled_from([{}, {"room": 4}]))
    if "expires_at" in names:
        given["expires_at"] = stored["expires_at"] or "never"
    if "text" in names:
        given |= {name: stored[name] for name in ("content", "concepts", "embedding")}
    return given


def _stored_data(draw: st.DrawFn) -> dict[str, Any]:
    emotion = st.fixed_dictionaries(
        {}, optional={"arousal": FRACTIONS, "salience": FRACTIONS, "valence": FRACTIONS}
    )
    return {
        "content": draw(st.sampled_from(CONTENTS)),
        "embedding": draw(st.sampled_from(_VECTORS)),
        "emotion": draw(emotion),
        "context": draw(CONTEXTS),
        "tags": draw(st.sampled_from([[], ["one"], ["one", "two words"]])),
        "concepts": draw(st.lists(st.sampled_from(CONCEPTS), max_size=2, unique=True)),
        "session": draw(SESSIONS),
        "speaker": draw(SPEAKERS),
        "pinned": draw(st.booleans()),
        "expires_at": draw(EXPIRIES),
    }


def around(time_ms: int, name: object = "event") -> dict[str, Any]:
    """An envelope in the first of the namespaces, with an id that `name` and the time give."""
    return {"id": derive("id", str(name), time_ms), "time": time_ms, "namespace": NAMESPACES[0]}


def at_offsets(events: Sequence[MemoryEvent], start: int = 0) -> list[tuple[int, MemoryEvent]]:
    """Events with consecutive offsets."""
    return list(enumerate(events, start))


@st.composite
def cuts(draw: st.DrawFn, size: int) -> list[slice]:
    """Batches: `size` records cut anywhere."""
    places = draw(st.sets(st.integers(1, max(1, size - 1)), max_size=8))
    edges = [0, *sorted(place for place in places if place < size), size]
    return [slice(a, b) for a, b in pairwise(edges) if a < b]
