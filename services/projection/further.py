"""The further reads that what was read calls for: neighbours, counts, concepts that names mean."""

from collections.abc import Iterable

import orjson

from services.projection.fold.view import Needs, View
from services.readside.collections import CONCEPTS, LINKS, MADE, NAMES, RELATIONS, TERMS
from services.readside.concepts import folded
from services.readside.corrections import FIELD, counted_by, unpack_corrections
from services.readside.layout import hash64, pack_element, relation_field
from services.readside.terms import concepts_of, names_of


def further(view: View, asked: Needs) -> Needs:
    """The other needs of the fold, given what it asked for and got; none at last."""
    more = Needs()
    for name, namespace in view.namespaces.items():
        for places in namespace.sessions.values():
            refs = {(name, place[2]): None for place in places}
            more.memories |= {ref: None for ref in refs if ref not in view.memories}
    for ref in asked.counted & view.memories.keys():
        memory = view.memories[ref]
        terms, links = counted_by((memory.document or {}).get(FIELD))
        more.of(TERMS, ref[0]).update(terms, names_of(memory.parts.terms))
        more.of(LINKS, ref[0]).update(links, concepts_of(memory.parts.concepts))
    for ref in asked.documents & view.memories.keys():
        more.concepts(ref[0], *_said(view.memories[ref].document or {}))
    for name, said in asked.said:
        if (meant := _meant(view, name, said)) != said:
            _concept(more, name, meant)
        if said in asked.all_of(RELATIONS, name):
            more.all_of(RELATIONS, name).add(_meant(view, name, said))
    for name, source, kind, target in asked.edges:
        _relation(more, name, (_meant(view, name, source), kind, _meant(view, name, target)))
    for name, said in asked.whole:
        for each in {said, _meant(view, name, said)}:
            _concept(more, name, each)
            more.all_of(RELATIONS, name).add(each)
            more.linked.add((name, each))
    return more.without(asked)


def _meant(view: View, name: str, said: str) -> str:
    return view.namespace(name)[NAMES].get(folded(said)) or said


def _concept(more: Needs, name: str, concept: str) -> None:
    more.of(CONCEPTS, name).add(concept)
    more.of(LINKS, name).add(hash64(concept))
    more.of(MADE, name).add(pack_element(concept))


def _relation(more: Needs, name: str, relation: tuple[str, str, str]) -> None:
    source, kind, target = relation
    more.of(RELATIONS, name).add((source, relation_field("out", kind, target)))
    more.of(MADE, name).add(pack_element(*relation))


def _said(document: dict[str, bytes]) -> Iterable[str]:
    """The names of concepts in a document, also those that its corrections replaced."""
    texts = [
        each.was["more"] for each in unpack_corrections(document.get(FIELD)) if "more" in each.was
    ]
    for more in [document.get("more", b'{"concepts":[]}'), *texts]:
        yield from orjson.loads(more)["concepts"]
