"""A namespace's graph as it is kept in memory: a copy of Redis's, as of a cursor."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
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
    network: nx.MultiDiGraph = field(default_factory=nx.MultiDiGraph)
    changed: int = 0  # the cursor when something was last put into it
    saved: int = 0  # the cursor of its snapshot
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _drawing: Drawing | None = None

    def __len__(self) -> int:
        """Concepts and relations."""
        return int(self.network.number_of_nodes() + self.network.number_of_edges())

    def put(self, concepts: Mapping[str, Concept], relations: Mapping[Relation, float]) -> None:
        """Add or replace some of both."""
        self.network.add_nodes_from((name, {"concept": each}) for name, each in concepts.items())
        for (source, kind, target), weight in relations.items():
            self.network.add_edge(source, target, key=kind, weight=weight)
        self._drawing = None

    def concepts(self) -> dict[str, Concept]:
        """All concepts by name."""
        return dict(self.network.nodes(data="concept"))

    def relations(self, among: Iterable[str] | None = None) -> dict[Relation, float]:
        """Weights of all relations, or of those with both ends among some concepts."""
        network: Any = self.network if among is None else self.network.subgraph(among)
        edges = network.edges(keys=True, data="weight")
        return {(source, kind, target): weight for source, target, kind, weight in edges}

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
        concepts = self.concepts()
        names = sorted(concepts)
        node = {name: number for number, name in enumerate(names)}
        edges = list(self.network.edges(data="weight"))
        return Drawing(
            names,
            node,
            activations=np.array([concepts[name].activation for name in names], np.float64),
            links=adjacency(
                np.array([node[source] for source, _, _ in edges], np.intp),
                np.array([node[target] for _, target, _ in edges], np.intp),
                np.array([weight for _, _, weight in edges], np.float64),
                len(names),
            ),
        )
