"""Concepts of the graph as the read side keeps them."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the graph.

    `former`: names that it had, or one that was merged into it; they mean it as its own does.
    """

    concept_type: str
    activation: float
    aliases: tuple[str, ...]
    former: tuple[str, ...] = ()

    @property
    def also(self) -> tuple[str, ...]:
        """All names but its own, each once."""
        return tuple(dict.fromkeys((*self.aliases, *self.former)))


def folded(name: str) -> str:
    """A name without regard to case and to how its letters are composed.

    >>> folded("ACME") == folded("acme")
    True
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def unlike(names: Iterable[str], own: str) -> tuple[str, ...]:
    """Names, each once, without those that are `own` in another spelling."""
    by_folded = {folded(name): name for name in names}
    by_folded.pop(folded(own), None)
    return tuple(by_folded.values())


def pack_concept(concept: Concept) -> bytes:
    """A concept as Redis keeps it."""
    former = [concept.former] if concept.former else []
    return orjson.dumps([concept.concept_type, concept.activation, concept.aliases, *former])


def unpack_concept(packed: bytes) -> Concept:
    """Unpack the bytes of `pack_concept`."""
    concept_type, activation, *names = orjson.loads(packed)
    return Concept(concept_type, activation, *map(tuple, names))
