"""The fold of what is known beside the memories: concepts, relations, parameters."""

from pydantic import ValidationError

from schemas.errors import Rejected
from schemas.events import (
    ConceptRemoved,
    ConceptUpserted,
    ParametersChanged,
    RelationRemoved,
    RelationUpserted,
)
from schemas.parameters import Parameters, moved_into_bounds
from services.projection.fold.maintenance import count_effect
from services.projection.fold.view import Needs, View
from services.readside.concepts import Concept
from services.readside.layout import hash64, pack_element, relation_field
from services.readside.parameters import InForce
from services.readside.parameters import pack_parameters as pack_parameters
from services.readside.parameters import unpack_parameters as unpack_parameters

# An element that more runs than this have met is no run's own any more, and stays.
RUNS_KEPT_MAX = 64

GraphEvent = ConceptUpserted | RelationUpserted | ConceptRemoved | RelationRemoved


def graph_references(event: GraphEvent, needs: Needs) -> None:
    """Add to `needs` what the fold of an event on the graph reads."""
    name, subject = event.namespace, event.subject
    match event:
        case ConceptUpserted():
            needs.concepts.add((name, subject))
            if event.data.run_id is not None:
                needs.made.add((name, pack_element(subject)))
        case RelationUpserted():
            needs.concepts |= {(name, subject), (name, event.data.target)}
            if event.data.run_id is not None:
                kind, target = event.data.relation_type, event.data.target
                needs.relations.add((name, subject, relation_field("out", kind, target)))
                needs.made.add((name, _element(event)))
        case ConceptRemoved():
            needs.concepts.add((name, subject))
            needs.made.add((name, pack_element(subject)))
            needs.links[name].add(hash64(subject))
            needs.related.add((name, subject))
        case RelationRemoved():
            needs.made.add((name, _element(event)))


def graph_changed(view: View, event: GraphEvent, offset: int) -> None:
    """The fold of an event on concepts or relations."""
    match event:
        case ConceptUpserted():
            _concept_upserted(view, event, offset)
        case RelationUpserted():
            _relation_upserted(view, event, offset)
        case ConceptRemoved():
            _concept_removed(view, event, offset)
        case RelationRemoved():
            _relation_removed(view, event)


def _concept_upserted(view: View, event: ConceptUpserted, offset: int) -> None:
    """A concept exists; its type, activation and aliases are those of the newest event."""
    namespace = view.namespace(event.namespace)
    data = event.data
    if data.run_id is not None and event.subject in namespace.concepts:
        _met_again(view, event, pack_element(event.subject))
        return
    namespace.concepts[event.subject] = Concept(
        data.concept_type, data.activation, tuple(data.aliases)
    )
    namespace.vocabulary = offset
    view.touch(event.namespace).concepts.add(event.subject)
    _upserted(view, event, pack_element(event.subject), offset)


def _relation_upserted(view: View, event: RelationUpserted, offset: int) -> None:
    """A relation of two known concepts exists, with the weight of the newest event."""
    namespace = view.namespace(event.namespace)
    ends = _ends(event)
    if event.subject not in namespace.concepts or event.data.target not in namespace.concepts:
        view.ignored["unknown_concept"] += 1
        return
    if event.data.run_id is not None and ends[0] in namespace.relations:
        _met_again(view, event, _element(event))
        return
    for end in ends:
        namespace.relations[end] = event.data.weight
        view.touch(event.namespace).relations.add(end)
    _upserted(view, event, _element(event), offset)


def _upserted(
    view: View, event: ConceptUpserted | RelationUpserted, element: bytes, offset: int
) -> None:
    namespace, touched = view.namespace(event.namespace), view.touch(event.namespace)
    namespace.graph[element] = offset
    touched.graph.add(element)
    touched.made.add(element)
    if event.data.run_id is None:
        namespace.made.pop(element, None)  # from now on it is somebody's
    else:
        namespace.made[element] = frozenset({event.data.run_id})
        count_effect(view, event)


def _met_again(view: View, event: ConceptUpserted | RelationUpserted, element: bytes) -> None:
    """A run would add what is there: what other runs have added stays until all are undone."""
    namespace, run_id = view.namespace(event.namespace), event.data.run_id
    runs = namespace.made.get(element)
    if run_id is None or runs is None or run_id in runs:
        view.ignored["already_there"] += 1
        return
    if len(runs) < RUNS_KEPT_MAX:
        namespace.made[element] = runs | {run_id}
    else:
        del namespace.made[element]
    view.touch(event.namespace).made.add(element)


def _let_go(view: View, event: ConceptRemoved | RelationRemoved, element: bytes) -> bool:
    """Take an undone run off those that added an element; True if it was the last of them."""
    namespace, run_id = view.namespace(event.namespace), event.data.run_id
    runs = namespace.made.get(element, frozenset())
    if run_id not in runs:
        return False
    view.touch(event.namespace).made.add(element)
    if others := runs - {run_id}:
        namespace.made[element] = others
        return False
    del namespace.made[element]
    return True


def _concept_removed(view: View, event: ConceptRemoved, offset: int) -> None:
    """A concept that the run added is gone, if nobody else has added it or uses it."""
    namespace = view.namespace(event.namespace)
    element = pack_element(event.subject)
    linked = namespace.links.get(hash64(event.subject), 0) > 0
    related = any(concept == event.subject for concept, _ in namespace.relations)
    if not _let_go(view, event, element) or linked or related:
        view.ignored["no_effect"] += 1
        return
    del namespace.concepts[event.subject]
    namespace.vocabulary = offset
    view.touch(event.namespace).concepts.add(event.subject)
    _removed(view, event, element)


def _relation_removed(view: View, event: RelationRemoved) -> None:
    """A relation that the run added is gone, if nobody else has added it."""
    namespace = view.namespace(event.namespace)
    if not _let_go(view, event, _element(event)):
        view.ignored["no_effect"] += 1
        return
    for end in _ends(event):
        namespace.relations.pop(end, None)
        view.touch(event.namespace).relations.add(end)
    _removed(view, event, _element(event))


def _removed(view: View, event: ConceptRemoved | RelationRemoved, element: bytes) -> None:
    view.namespace(event.namespace).graph.pop(element, None)
    view.touch(event.namespace).graph.add(element)


def _element(event: RelationUpserted | RelationRemoved) -> bytes:
    return pack_element(event.subject, event.data.relation_type, event.data.target)


def _ends(event: RelationUpserted | RelationRemoved) -> tuple[tuple[str, bytes], ...]:
    """The ends of a relation: its source and its target."""
    source, target, kind = event.subject, event.data.target, event.data.relation_type
    return (
        (source, relation_field("out", kind, target)),
        (target, relation_field("in", kind, source)),
    )


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
    namespace = view.namespace(event.namespace)
    before = namespace.parameters
    kept = before.downscalings if isinstance(before, InForce) else ()
    namespace.parameters = InForce(**parameters.model_dump(), downscalings=kept)
    view.touch(event.namespace).parameters = True
