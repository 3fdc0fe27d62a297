"""The fold of concepts that are renamed, merged or deleted: what is at one follows, or goes."""

from dataclasses import replace

from schemas.events import ConceptDeleted, ConceptMerged, ConceptRenamed
from services.projection.fold.names import call, name_of, settle
from services.projection.fold.view import View
from services.readside.collections import CONCEPTS, GRAPH, MADE, RELATIONS, VOCABULARY
from services.readside.concepts import unlike
from services.readside.layout import hash64, pack_element, relation_field
from services.readside.terms import concepts_of

NamingEvent = ConceptRenamed | ConceptMerged | ConceptDeleted
Relation = tuple[str, str, str]


def naming_changed(view: View, event: NamingEvent, offset: int) -> None:
    """The fold of an event by which a concept has another name, or none.

    One that is not there, or would take another one's name, has no effect.
    """
    name = event.namespace
    concepts = view.namespace(name)[CONCEPTS]
    old = name_of(view, name, event.subject)
    match event:
        case ConceptRenamed():
            new = event.data.name
            before = name_of(view, name, new)
            possible = before == old != new or before not in concepts
        case ConceptMerged():
            new = before = name_of(view, name, event.data.into)
            possible = new in concepts and new != old
        case ConceptDeleted():
            new, before, possible = "", old, True
    if old not in concepts or not possible:
        view.ignored["no_effect"] += 1
        return
    _concept_moved(view, name, old, new, offset=offset)
    for said in (old, before):
        call(view, name, said, new)
    _relations_moved(view, name, old, new, offset=offset)
    view.put(VOCABULARY, name, None, offset)
    links = {hash64(old), hash64(before)}
    for ref, memory in view.memories.items():
        linked = ref[0] == name and not links.isdisjoint(concepts_of(memory.parts.concepts))
        if linked and memory.state.status != "deleted" and settle(view, ref, event):
            memory.changed_at = offset
            view.touch(name).memories.add(ref[1])


def new_names(event: NamingEvent) -> list[str]:
    """The names that are said of where a concept goes."""
    match event:
        case ConceptRenamed():
            return [event.data.name]
        case ConceptMerged():
            return [event.data.into]
        case ConceptDeleted():
            return []


def _concept_moved(view: View, name: str, old: str, new: str, *, offset: int) -> None:
    concepts = view.namespace(name)[CONCEPTS]
    concept, there = concepts[old], concepts.get(new)
    view.drop(CONCEPTS, name, old)
    view.drop(GRAPH, name, pack_element(old))
    view.drop(MADE, name, pack_element(old))
    for each in concept.former:
        call(view, name, each, new)
    if not new:
        return
    former = unlike((*(there.former if there else ()), *concept.former, old), new)
    aliases = unlike((*(there.aliases if there else ()), *concept.aliases), new)
    call(view, name, new, new)
    view.put(CONCEPTS, name, new, replace(there or concept, aliases=aliases, former=former))
    view.put(GRAPH, name, pack_element(new), offset)
    view.drop(MADE, name, pack_element(new))  # it is somebody's


def _relations_moved(view: View, name: str, old: str, new: str, *, offset: int) -> None:
    """The relations at a concept are at another one; where both had one the stronger stays."""
    relations = view.namespace(name)[RELATIONS]
    moved: dict[Relation, float] = {}
    for (concept, field), weight in relations.items():
        if concept == old:
            direction, kind, other = field.decode().split("\x1f", 2)
            ends = (old, kind, other) if direction == "out" else (other, kind, old)
            moved[ends] = weight
    for relation, weight in sorted(moved.items()):
        for end in ends_of(relation):
            view.drop(RELATIONS, name, end)
        view.drop(GRAPH, name, pack_element(*relation))
        view.drop(MADE, name, pack_element(*relation))
        source, kind, target = relation
        here = (new if source == old else source, kind, new if target == old else target)
        if not new or (here[0] == here[2] and source != target):
            continue  # nothing is related to itself for being two no more
        strongest = max(weight, relations.get(ends_of(here)[0], 0.0))
        for end in ends_of(here):
            view.put(RELATIONS, name, end, strongest)
        view.put(GRAPH, name, pack_element(*here), offset)
        view.drop(MADE, name, pack_element(*here))


def ends_of(relation: Relation) -> tuple[tuple[str, bytes], ...]:
    """The ends of a relation: its source and its target."""
    source, kind, target = relation
    return (
        (source, relation_field("out", kind, target)),
        (target, relation_field("in", kind, source)),
    )
