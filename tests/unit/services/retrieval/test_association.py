"""Spreading activation from concepts, against the functions that the gold numbers test."""

from math import log, log1p

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cognition.base_level import FloatArray
from cognition.spreading import Links, maximum_strength, spreading_activation
from schemas.events import MemoryEvent
from schemas.parameters import Parameters
from services.projection.fold.fold import fold_log
from services.projection.fold.view import View
from services.readside.columns import Memories
from services.readside.layout import hash64
from services.readside.terms import concepts_of
from services.retrieval.search.association import association
from services.retrieval.search.candidates import Fan, Sources
from tests.builders import TIME_MS, concept_event, forgotten_event, memory_id, relation_event
from tests.sequences import CONCEPTS, around, at_offsets, logs, small_stored
from tests.unit.services.projection.folds import folded, memories_of
from tests.unit.services.retrieval.asking import of_namespace, sources_of

EXAMPLES = settings(max_examples=20)
ONE_HOP = Parameters(hops_max=1)
LOGS = logs(kinds=("stored", "stored", "concept", "relation", "relation", "accessed", "decayed"))
SOURCES = st.lists(st.sampled_from(CONCEPTS), min_size=1, unique=True)


def linked(*concepts_by_memory: tuple[str, ...]) -> list[MemoryEvent]:
    """Memories linked to these concepts."""
    return [
        small_stored(memory_id(str(i)), envelope=around(TIME_MS + i, i), concepts=list(concepts))
        for i, concepts in enumerate(concepts_by_memory)
    ]


def related(source: str, target: str, weight: float, kind: str = "like") -> list[MemoryEvent]:
    """Two concepts and a relation."""
    return [
        concept_event(source, envelope=around(TIME_MS, source)),
        concept_event(target, envelope=around(TIME_MS, target)),
        relation_event(
            source,
            target,
            envelope=around(TIME_MS, f"{source} {kind} {target}"),
            weight=weight,
            relation_type=kind,
        ),
    ]


def spread(view: View, *concepts: str, parameters: Parameters = ONE_HOP) -> FloatArray:
    """What each concept adds to each memory."""
    return association(memories_of(of_namespace(view)), sources_of(view, concepts), parameters)


def links_to(memories: Memories, sources: Sources) -> Links:
    """Candidates' links to the sources, as the model takes them."""
    pairs = [
        (row, sources.concepts.index(concept))
        for row, packed in enumerate(memories.concepts)
        for concept in concepts_of(packed)
        if concept in sources.concepts
    ]
    rows = np.array([row for row, _ in pairs], np.intp)
    columns = np.array([column for _, column in pairs], np.intp)
    return Links(memory=rows, source=columns, count=np.ones(len(pairs)))


@EXAMPLES
@given(LOGS, SOURCES, st.floats(0, 10))
def test_one_hop_is_the_fan_of_act_r(
    events: list[MemoryEvent], concepts: list[str], weight: float
) -> None:
    view = fold_log(at_offsets(events))
    assume(of_namespace(view))
    memories, sources = memories_of(of_namespace(view)), sources_of(view, concepts)
    # A relation of a concept with itself leads nowhere.
    fans = [
        sources.fans[concept].links
        + sum(w for other, w in sources.fans[concept].relations.items() if other != concept)
        for concept in sources.concepts
    ]

    found = association(memories, sources, Parameters(hops_max=1, source_weight=weight))

    expected = spreading_activation(
        links_to(memories, sources),
        np.array(fans),
        memories=len(memories),
        strength=maximum_strength(sources.memories),
        source_weight=weight,
    )
    assert found.sum(axis=0) == pytest.approx(expected.total)
    assert np.all(found >= 0)


@EXAMPLES
@given(LOGS, SOURCES, st.data())
def test_association_does_not_depend_on_the_other_candidates(
    events: list[MemoryEvent], concepts: list[str], data: st.DataObject
) -> None:
    view = fold_log(at_offsets(events))
    everything = of_namespace(view)
    assume(everything)
    sources = sources_of(view, concepts)
    some = data.draw(st.sets(st.sampled_from(list(everything)), min_size=1))
    together = association(memories_of(everything), sources, Parameters())

    few = {ref: memory for ref, memory in everything.items() if ref in some}
    alone = association(memories_of(few), sources, Parameters())

    columns = [at for at, ref in enumerate(everything) if ref in some]
    assert alone == pytest.approx(together[:, columns], abs=1e-12)


def test_deleted_candidate_does_not_add_to_the_fan() -> None:
    events = linked(("tea",), ("tea",), ())
    deleted = forgotten_event(memory_id("1"), envelope=around(TIME_MS + 10))

    strengths = spread(folded(*events, deleted), "tea")

    # ln(1 + 2) - ln((1 + 1) / 1): two memories, one link.
    assert strengths[0, 0] == pytest.approx(log(3) - log(2))


def test_strength_falls_with_the_fan() -> None:
    events = linked(("tea", "cup"), ("tea",), ("tea",), ("cup", "pot"))

    tea, cup, pot = (spread(folded(*events), name)[0].max() for name in ("tea", "cup", "pot"))

    assert (tea, cup, pot) == pytest.approx((log(5 / 4), log(5 / 3), log(5 / 2)))


def test_strength_is_never_below_zero_however_wide_the_fan() -> None:
    events = [*linked(("tea",)), *related("tea", "cup", 1.0), *related("tea", "pot", 1.0)]

    assert spread(folded(*events), "tea").tolist() == [[0.0]]


def test_sources_share_the_weight_whether_linked_or_not() -> None:
    view = folded(*linked(("tea",), (), ()))

    alone = spread(view, "tea")
    shared = spread(view, "tea", "nobody has heard of", "this either", "nor this")

    assert shared[0] == pytest.approx(alone[0] / 4)
    assert shared[1:].tolist() == [[0.0] * 3] * 3
    assert spread(view).shape == (0, 3)


def test_activation_reaches_over_a_relation_what_is_not_linked_itself() -> None:
    others = [()] * 40
    events = [*linked(("cup",), ("tea",), *others), *related("tea", "cup", 1.0)]
    view = folded(*events)

    one, two = spread(view, "tea"), spread(view, "tea", parameters=Parameters())

    # Fan of tea: one memory and the relation; of cup: the same. Two steps, each 1 / (1 + 2).
    strength = log1p(42)
    assert one[0, :2].tolist() == pytest.approx([0.0, strength + log(1 / 3)])
    assert two[0, :2].tolist() == pytest.approx(
        [strength + 2 * log(1 / 3) + log(0.5), strength + log(1 / 3)]
    )


def test_relation_works_both_ways_and_by_its_weight() -> None:
    events = [*linked(("cup",), ("tea",), *[()] * 40), *related("tea", "cup", 0.5)]
    view = folded(*events)

    from_tea = spread(view, "tea", parameters=Parameters())
    from_cup = spread(view, "cup", parameters=Parameters())

    weighted = log1p(42) + log(0.5 / 2.5) + log(1 / 2.5) + log(0.5)
    assert from_tea[0, 0] == pytest.approx(weighted)
    assert from_cup[0, 1] == pytest.approx(weighted)


def test_strength_is_capped_in_large_namespaces() -> None:
    memories = memories_of(folded(*linked(("tea",))).memories)
    large = Sources((hash64("tea"),), {hash64("tea"): Fan(links=1)}, memories=10**6)

    assert association(memories, large, ONE_HOP)[0, 0] == pytest.approx(5.0 - log(2))
