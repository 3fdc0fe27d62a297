"""Concepts of the graph as the read side keeps them."""

from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the graph."""

    concept_type: str
    activation: float
    aliases: tuple[str, ...]


def pack_concept(concept: Concept) -> bytes:
    """A concept as Redis keeps it."""
    return orjson.dumps([concept.concept_type, concept.activation, concept.aliases])


def unpack_concept(packed: bytes) -> Concept:
    """Unpack the bytes of `pack_concept`."""
    concept_type, activation, aliases = orjson.loads(packed)
    return Concept(concept_type, activation, tuple(aliases))
