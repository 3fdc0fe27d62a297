"""A namespace's graph as it is kept in memory: a copy of Redis's, as of a cursor."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from cognition.base_level import FloatArray
from cognition.graph_spread import Adjacency, adjacency
from services.readside.concepts import Concept

# Source, type, target.
Relation = tuple[str, str, str]
# An event and its offset: the same log has it at the same place.
Mark = tuple[str, int]


@dataclass(frozen=True)
class Drawing:
    """A graph as arrays, nodes by name; it stays as it is whatever happens to the graph."""

    names: list[str]
    node: Mapping[str, int]
    activations: FloatArray
    links: Adjacency


@dataclass(slots=True)
class CachedGraph:
    """Concepts and relations, as of the next offset `cursor` of the build `version`.

    `mark`: the newest event of that moment. Whoever reads or changes it holds `lock`, or does not
    await meanwhile.
    """

    version: int | None = None
    cursor: int = 0
    mark: Mark | None = None
    changed: int = 0  # the cursor when something was last put into it
    saved: int = 0  # the cursor of its snapshot
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _concepts: dict[str, Concept] = field(default_factory=dict)
    # By source, then by target and type: weights.
    _from: dict[str, dict[tuple[str, str], float]] = field(default_factory=dict)
    _drawing: Drawing | None = None

    def __len__(self) -> int:
        """Concepts and relations."""
        return len(self._concepts) + sum(map(len, self._from.values()))

    def put(self, concepts: Mapping[str, Concept], relations: Mapping[Relation, float]) -> None:
        """Add or replace some of both."""
        self._concepts.update(concepts)
        for (source, kind, target), weight in relations.items():
            self._from.setdefault(source, {})[target, kind] = weight
        self._drawing = None

    def concepts(self) -> dict[str, Concept]:
        """All concepts by name."""
        return dict(self._concepts)

    def relations(self, among: Iterable[str] | None = None) -> dict[Relation, float]:
        """Weights of all relations, or of those with both ends among some concepts."""
        sources = self._from if among is None else set(among)
        return {
            (source, kind, target): weight
            for source in sources
            for (target, kind), weight in self._from.get(source, {}).items()
            if among is None or target in sources
        }

    def degrees(self) -> Counter[str]:
        """Relations of each concept that has any, whichever way they go."""
        return Counter(name for source, _, target in self.relations() for name in (source, target))

    @property
    def drawn(self) -> bool:
        """True if `drawing` costs nothing."""
        return self._drawing is not None

    def drawing(self) -> Drawing:
        """The graph as arrays, made anew after a change."""
        if self._drawing is None:
            self._drawing = self._drawn()
        return self._drawing

    def _drawn(self) -> Drawing:
        concepts, relations = self._concepts, self.relations()
        names = sorted(concepts)
        node = {name: number for number, name in enumerate(names)}
        return Drawing(
            names,
            node,
            activations=np.array([concepts[name].activation for name in names], np.float64),
            links=adjacency(
                np.array([node[source] for source, _, _ in relations], np.intp),
                np.array([node[target] for _, _, target in relations], np.intp),
                np.array(list(relations.values()), np.float64),
                len(names),
            ),
        )
