"""The fold of what is known beside the memories: concepts, relations, parameters."""

from pydantic import ValidationError

from schemas.errors import Rejected
from schemas.events import (
    ConceptDeleted,
    ConceptMerged,
    ConceptRemoved,
    ConceptRenamed,
    ConceptUpserted,
    ParametersChanged,
    RelationRemoved,
    RelationUpserted,
)
from schemas.parameters import Parameters, moved_into_bounds
from services.projection.fold.maintenance import count_effect
from services.projection.fold.names import call, name_of
from services.projection.fold.renaming import NamingEvent, ends_of, naming_changed, new_names
from services.projection.fold.view import Needs, View
from services.readside.collections import (
    CONCEPTS,
    GRAPH,
    LINKS,
    MADE,
    PARAMETERS,
    RELATIONS,
    VOCABULARY,
)
from services.readside.concepts import Concept
from services.readside.layout import hash64, pack_element, relation_field
from services.readside.parameters import InForce

# An element that more runs than this have met is no run's own any more, and stays.
RUNS_KEPT_MAX = 64

ElementEvent = ConceptUpserted | RelationUpserted | ConceptRemoved | RelationRemoved
GraphEvent = ElementEvent | NamingEvent


def graph_references(event: GraphEvent, needs: Needs) -> None:
    """Add to `needs` what the fold of an event on the graph reads."""
    name, subject = event.namespace, event.subject
    needs.concepts(name, subject)
    match event:
        case ConceptRenamed() | ConceptMerged() | ConceptDeleted():
            others = new_names(event)
            needs.concepts(name, *others)
            needs.whole.update((name, each) for each in (subject, *others))
        case ConceptUpserted():
            needs.of(CONCEPTS, name).add(subject)
            if event.data.run_id is not None:
                needs.of(MADE, name).add(pack_element(subject))
        case RelationUpserted():
            needs.of(CONCEPTS, name).update((subject, event.data.target))
            if event.data.run_id is not None:
                kind, target = event.data.relation_type, event.data.target
                needs.of(RELATIONS, name).add((subject, relation_field("out", kind, target)))
                needs.of(MADE, name).add(_element(event))
            _edge(event, needs)
        case ConceptRemoved():
            needs.of(CONCEPTS, name).add(subject)
            needs.of(MADE, name).add(pack_element(subject))
            needs.of(LINKS, name).add(hash64(subject))
            needs.all_of(RELATIONS, name).add(subject)
        case RelationRemoved():
            needs.of(MADE, name).add(_element(event))
            _edge(event, needs)


def _edge(event: RelationUpserted | RelationRemoved, needs: Needs) -> None:
    source, target = event.subject, event.data.target
    needs.concepts(event.namespace, target)
    needs.edges.add((event.namespace, source, event.data.relation_type, target))


def graph_changed(view: View, event: GraphEvent, offset: int) -> None:
    """The fold of an event on concepts or relations."""
    if isinstance(event, NamingEvent):
        naming_changed(view, event, offset)
        return
    event = _as_meant(view, event)
    match event:
        case ConceptUpserted():
            _concept_upserted(view, event, offset)
        case RelationUpserted():
            _relation_upserted(view, event, offset)
        case ConceptRemoved():
            _concept_removed(view, event, offset)
        case RelationRemoved():
            _relation_removed(view, event)


def _as_meant(view: View, event: ElementEvent) -> ElementEvent:
    """The event with the names that the concepts it is about have now."""
    subject = name_of(view, event.namespace, event.subject)
    if isinstance(event, RelationUpserted | RelationRemoved):
        target = name_of(view, event.namespace, event.data.target)
        if target != event.data.target:
            data = event.data.model_copy(update={"target": target})
            event = event.model_copy(update={"data": data})
    return event if subject == event.subject else event.model_copy(update={"subject": subject})


def _concept_upserted(view: View, event: ConceptUpserted, offset: int) -> None:
    """A concept exists; its type, activation and aliases are those of the newest event."""
    name, data = event.namespace, event.data
    if data.run_id is not None and event.subject in view.namespace(name)[CONCEPTS]:
        _met_again(view, event, pack_element(event.subject))
        return
    there = view.namespace(name)[CONCEPTS].get(event.subject)
    former = there.former if there is not None else ()
    concept = Concept(data.concept_type, data.activation, tuple(data.aliases), former)
    call(view, name, event.subject, event.subject)
    view.put(CONCEPTS, name, event.subject, concept)
    view.put(VOCABULARY, name, None, offset)
    _upserted(view, event, pack_element(event.subject), offset)


def _relation_upserted(view: View, event: RelationUpserted, offset: int) -> None:
    """A relation of two known concepts exists, with the weight of the newest event."""
    namespace = view.namespace(event.namespace)
    ends = _ends(event)
    if not {event.subject, event.data.target} <= namespace[CONCEPTS].keys():
        view.ignored["unknown_concept"] += 1
        return
    if event.data.run_id is not None and ends[0] in namespace[RELATIONS]:
        _met_again(view, event, _element(event))
        return
    for end in ends:
        view.put(RELATIONS, event.namespace, end, event.data.weight)
    _upserted(view, event, _element(event), offset)


def _upserted(
    view: View, event: ConceptUpserted | RelationUpserted, element: bytes, offset: int
) -> None:
    view.put(GRAPH, event.namespace, element, offset)
    if event.data.run_id is None:
        view.drop(MADE, event.namespace, element)  # from now on it is somebody's
    else:
        view.put(MADE, event.namespace, element, frozenset({event.data.run_id}))
        count_effect(view, event)


def _met_again(view: View, event: ConceptUpserted | RelationUpserted, element: bytes) -> None:
    """A run would add what is there: what other runs have added stays until all are undone."""
    name, run_id = event.namespace, event.data.run_id
    runs = view.namespace(name)[MADE].get(element)
    if run_id is None or runs is None or run_id in runs:
        view.ignored["already_there"] += 1
        return
    if len(runs) < RUNS_KEPT_MAX:
        view.put(MADE, name, element, runs | {run_id})
    else:
        view.drop(MADE, name, element)


def _let_go(view: View, event: ConceptRemoved | RelationRemoved, element: bytes) -> bool:
    """Take an undone run off those that added an element; True if it was the last of them."""
    name, run_id = event.namespace, event.data.run_id
    runs = view.namespace(name)[MADE].get(element, frozenset())
    if run_id not in runs:
        return False
    if others := runs - {run_id}:
        view.put(MADE, name, element, others)
        return False
    view.drop(MADE, name, element)
    return True


def _concept_removed(view: View, event: ConceptRemoved, offset: int) -> None:
    """A concept that the run added is gone, if nobody else has added it or uses it."""
    namespace = view.namespace(event.namespace)
    element = pack_element(event.subject)
    linked = namespace[LINKS].get(hash64(event.subject), 0) > 0
    related = any(concept == event.subject for concept, _ in namespace[RELATIONS])
    if not _let_go(view, event, element) or linked or related:
        view.ignored["no_effect"] += 1
        return
    view.drop(CONCEPTS, event.namespace, event.subject)
    view.put(VOCABULARY, event.namespace, None, offset)
    view.drop(GRAPH, event.namespace, element)


def _relation_removed(view: View, event: RelationRemoved) -> None:
    """A relation that the run added is gone, if nobody else has added it."""
    if not _let_go(view, event, _element(event)):
        view.ignored["no_effect"] += 1
        return
    for end in _ends(event):
        view.drop(RELATIONS, event.namespace, end)
    view.drop(GRAPH, event.namespace, _element(event))


def _element(event: RelationUpserted | RelationRemoved) -> bytes:
    return pack_element(event.subject, event.data.relation_type, event.data.target)


def _ends(event: RelationUpserted | RelationRemoved) -> tuple[tuple[str, bytes], ...]:
    """The ends of a relation: its source and its target."""
    return ends_of((event.subject, event.data.relation_type, event.data.target))


def parameters_changed(view: View, event: ParametersChanged) -> None:
    """From here on the namespace has these parameters; those not named have their defaults.

    Raises:
        Rejected: one is unknown, or was never within its bounds.
    """
    try:
        parameters = Parameters.model_validate(moved_into_bounds(event.data.parameters))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Rejected(f"data.parameters.{first['loc'][0]}: {first['msg']}") from None
    before = view.namespace(event.namespace).parameters
    kept = before.downscalings if isinstance(before, InForce) else ()
    in_force = InForce(**parameters.model_dump(), downscalings=kept)
    view.put(PARAMETERS, event.namespace, None, in_force)
