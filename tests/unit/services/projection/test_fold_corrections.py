"""Corrections in the fold: another text, the same memory, and the way back."""

import base64

import orjson
import pytest
from hypothesis import given

from schemas.errors import Rejected
from schemas.events import MemoryEvent
from services.projection.digest import digest_of_view
from services.projection.fold.fold import fold
from services.projection.fold.names import renamed
from services.projection.fold.view import Memory, Ref, View
from services.readside import corrections
from services.readside.collections import COUNTS, LINKS, TERMS
from services.readside.corrections import unpack_corrections
from services.readside.layout import Parts, hash64
from tests.builders import (
    NAMESPACE,
    TIME_MS,
    accessed_event,
    corrected_event,
    embedding,
    forgotten_event,
    stored_event,
)
from tests.sequences import at_offsets, logs
from tests.unit.services.projection.folds import ANN, BOB, at, folded, kinds, only, term_rows

STORED = stored_event(
    ANN, "Tea is at four.", envelope=at(0), tags=["a"], metadata={"n": 1}, concepts=["tea"],
    speaker="Ann Lee", indexed_text="Ann Lee: Tea is at four.",
)  # fmt: skip
USED = accessed_event(ANN, envelope=at(1))
CORRECTED = corrected_event(
    ANN, "x x", envelope=at(2), concepts=["cup"], indexed_text="Ann Lee: x x", reason="misheard"
)
BACK = corrected_event(ANN, envelope=at(3), reversed=True)


def said(view: View) -> tuple[bytes, bytes, dict[str, object]]:
    """Content, tags and the rest of the one memory."""
    document = only(view).document
    assert document is not None
    return document["content"], document["tags"], orjson.loads(document["more"])


def test_corrected_memory_says_something_else_and_keeps_its_uses() -> None:
    view = folded(STORED, USED, CORRECTED)

    memory = only(view)
    content, tags, more = said(view)
    assert (content, tags, more["metadata"], more["concepts"]) == (b"x x", b"a", {"n": 1}, ["cup"])
    assert memory.document is not None
    assert memory.document["vector"] == memory.parts.vector
    assert memory.parts.vector == base64.b64decode(embedding([0.5, 1.0]).data)
    assert term_rows(memory) == {"ann": (1, True), "lee": (1, True), "x": (2, False)}
    assert memory.state.length == 4
    assert kinds(memory) == ["creation", "recall"]
    assert memory.state.created_ms == TIME_MS
    assert [change.what for change in memory.state.changes] == ["corrected"]


def test_counts_of_a_namespace_are_of_what_its_memories_say_now() -> None:
    namespace = folded(STORED, CORRECTED).namespaces[NAMESPACE]

    assert namespace[COUNTS]["length"] == 4
    assert namespace[LINKS] == {hash64("tea"): 0, hash64("cup"): 1}
    assert namespace[TERMS][hash64("four")] == 0
    assert namespace[TERMS][hash64("x")] == 1


def test_tags_and_metadata_are_corrected_alone() -> None:
    view = folded(STORED, corrected_event(ANN, envelope=at(1), tags=[], metadata={"m": None}))

    content, tags, more = said(view)
    assert (content, tags, more["metadata"]) == (b"Tea is at four.", b"", {"m": None})
    assert only(view).parts == only(folded(STORED)).parts


def test_correction_taken_back_leaves_text_and_counts_as_if_it_had_never_been() -> None:
    view, expected = folded(STORED, USED, CORRECTED, BACK), folded(STORED, USED)

    assert only(view).document == only(expected).document
    assert only(view).parts == only(expected).parts
    held, known = view.namespaces[NAMESPACE], expected.namespaces[NAMESPACE]
    assert held[COUNTS] == known[COUNTS]
    assert {term: n for term, n in held[TERMS].items() if n} == known[TERMS]


def test_corrections_are_taken_back_one_by_one_the_latest_first() -> None:
    second = corrected_event(ANN, envelope=at(3), tags=["b"])
    log: list[MemoryEvent] = [STORED, CORRECTED, second]

    once = folded(*log, corrected_event(ANN, envelope=at(4), reversed=True))
    twice = folded(
        *log,
        corrected_event(ANN, envelope=at(4), reversed=True),
        corrected_event(ANN, envelope=at(5), reversed=True),
    )

    assert said(once)[:2] == (b"x x", b"a")
    assert said(twice)[:2] == (b"Tea is at four.", b"a")


def test_last_of_two_corrections_on_the_log_wins_whenever_it_is_dated() -> None:
    earlier = corrected_event(ANN, "four", envelope=at(1, "late"))

    assert said(folded(STORED, CORRECTED, earlier))[0] == b"four"


@pytest.mark.parametrize(
    "log",
    [
        [STORED, forgotten_event(ANN, envelope=at(1)), CORRECTED],
        [STORED, BACK],
        [STORED, corrected_event(ANN, envelope=at(1), tags=["a"])],
    ],
    ids=["forgotten", "nothing to take back", "as it is"],
)
def test_correction_of_nothing_changes_nothing(log: list[MemoryEvent]) -> None:
    view = folded(*log)

    assert view.ignored == {"no_effect": 1}
    assert said(view)[0] == b"Tea is at four."
    assert all(change.what != "corrected" for change in only(view).state.changes)


def test_vector_of_no_use_is_refused_and_changes_nothing() -> None:
    view = folded(STORED)
    bad = corrected_event(ANN, "x", envelope=at(1), embedding=embedding([0.0]))

    with pytest.raises(Rejected, match="embedding"):
        fold(view, bad, 1)

    assert digest_of_view(view) == digest_of_view(folded(STORED))


def test_document_keeps_the_latest_corrections_only() -> None:
    many = [
        corrected_event(ANN, envelope=at(i, "many"), metadata={"n": -i})
        for i in range(1, corrections.KEPT_MAX + 3)
    ]

    document = only(folded(STORED, *many)).document

    assert document is not None
    kept = unpack_corrections(document[corrections.FIELD])
    assert len(kept) == corrections.KEPT_MAX
    assert kept[0].event_id == many[2].id


# As many corrections as a document keeps, at most: older ones can't be taken back.
@given(
    logs(
        kinds=("stored", "corrected", "forgotten", "restored", "accessed"),
        size_max=corrections.KEPT_MAX,
    )
)
def test_taking_back_every_correction_gives_what_was_stored(events: list[MemoryEvent]) -> None:
    log = at_offsets(events)
    view, bare = View(), View()
    for offset, event in log:
        fold(view, event, offset)
        if event.type != "memory.corrected.v1":
            fold(bare, event, offset)
    offset = len(log)
    for ref, memory in view.memories.items():
        assert memory.document is not None
        while corrections.FIELD in memory.document:
            envelope = at(offset, "back") | {"namespace": ref[0]}
            fold(view, corrected_event(ref[1], envelope=envelope, reversed=True), offset)
            offset += 1
            if memory.state.status == "deleted":
                break

    for ref, memory in view.memories.items():
        if memory.state.status != "deleted":
            document, parts = as_called(view, ref, bare.memories[ref])
            assert memory.document == document
            assert memory.parts == parts
            assert memory.state.length == bare.memories[ref].state.length


def as_called(view: View, ref: Ref, memory: Memory) -> tuple[dict[str, bytes], Parts]:
    """Document and parts of a memory with the names that a view has for its concepts.

    A concept is called by the first spelling in the log, which may be that of a correction.
    """
    assert memory.document is not None
    more = renamed(view, ref[0], memory.document["more"])
    old = memory.parts
    concepts = b"".join(corrections.linked_by(more))
    return memory.document | {"more": more}, Parts(old.vector, old.terms, concepts, old.traces)


def test_concept_that_a_correction_named_first_keeps_its_spelling_when_that_is_taken_back() -> None:
    corrected = corrected_event(ANN, "cup", envelope=at(1), concepts=["TEA"])
    later = stored_event(BOB, "tea", envelope=at(4), concepts=["tea"])

    view = folded(stored_event(ANN, envelope=at(0)), corrected, BACK, later)

    document = view.memories[NAMESPACE, BOB].document
    assert document is not None
    assert orjson.loads(document["more"])["concepts"] == ["TEA"]
