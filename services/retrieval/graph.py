"""The fold of what is known beside the memories: concepts, relations, parameters."""

import orjson
from pydantic import ValidationError

from schemas.errors import Rejected
from schemas.events import ConceptUpserted, ParametersChanged, RelationUpserted
from schemas.parameters import Parameters
from services.common.in_force import InForce
from services.common.in_force import pack_parameters as pack_parameters
from services.common.in_force import unpack_parameters as unpack_parameters
from services.common.read_model import relation_field
from services.retrieval.view import Concept, View


def concept_upserted(view: View, event: ConceptUpserted, offset: int) -> None:
    """A concept exists; its type, activation and aliases are those of the newest event."""
    namespace = view.namespace(event.namespace)
    data = event.data
    namespace.concepts[event.subject] = Concept(
        data.concept_type, data.activation, tuple(data.aliases)
    )
    namespace.vocabulary = offset
    namespace.graph[pack_element(event.subject)] = offset
    view.touch(event.namespace).concepts.add(event.subject)


def relation_upserted(view: View, event: RelationUpserted, offset: int) -> None:
    """A relation of two known concepts exists, with the weight of the newest event."""
    namespace = view.namespace(event.namespace)
    source, target, kind = event.subject, event.data.target, event.data.relation_type
    if source not in namespace.concepts or target not in namespace.concepts:
        view.ignored["unknown_concept"] += 1
        return
    view.touch(event.namespace)
    weight = event.data.weight
    namespace.relations[source, relation_field("out", kind, target)] = weight
    namespace.relations[target, relation_field("in", kind, source)] = weight
    namespace.graph[pack_element(source, kind, target)] = offset


def parameters_changed(view: View, event: ParametersChanged) -> None:
    """From here on the namespace has these parameters; those not named have their defaults."""
    try:
        parameters = Parameters.model_validate(event.data.parameters)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Rejected(f"data.parameters.{first['loc'][0]}: {first['msg']}") from None
    namespace = view.namespace(event.namespace)
    before = namespace.parameters
    kept = before.downscalings if isinstance(before, InForce) else ()
    namespace.parameters = InForce(**parameters.model_dump(), downscalings=kept)
    view.touch(event.namespace).parameters = True


def pack_concept(concept: Concept) -> bytes:
    """A concept as Redis keeps it."""
    return orjson.dumps([concept.concept_type, concept.activation, concept.aliases])


def unpack_concept(packed: bytes) -> Concept:
    """What `pack_concept` took."""
    concept_type, activation, aliases = orjson.loads(packed)
    return Concept(concept_type, activation, tuple(aliases))


def pack_element(*names: str) -> bytes:
    """A concept's name, or a relation's source, type and target, as Redis lists them."""
    return orjson.dumps(names)


def unpack_element(packed: bytes) -> tuple[str, ...]:
    """What `pack_element` took: one name or three."""
    return tuple(orjson.loads(packed))
