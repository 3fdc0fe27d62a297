"""Association of memories with the active concepts: pure, from links and relations."""

import numpy as np

from cognition.base_level import FloatArray
from cognition.hops import Graph, hop_strengths
from cognition.spreading import maximum_strength
from schemas.parameters import Parameters
from services.readside.columns import DELETED, Memories
from services.retrieval.search.candidates import Fan, Sources

Edge = tuple[int, int, float]


def association(memories: Memories, sources: Sources, parameters: Parameters) -> FloatArray:
    """W / n S_ji from each source j to each memory i, nats, shape (sources, memories).

    Summed over the sources this is S_i. See `cognition.hops`.
    """
    if not sources.concepts:
        return np.zeros((0, len(memories)))
    graph, first_memory = _graph(memories, sources)
    strengths = hop_strengths(
        graph,
        np.arange(len(sources.concepts)),
        strength=maximum_strength(sources.memories, cap=parameters.associative_strength_max),
        hops=parameters.hops_max,
        damping=parameters.hop_discount,
    )
    weight = parameters.source_weight / len(sources.concepts)
    return weight * strengths[:, first_memory : first_memory + len(memories)]


def _graph(memories: Memories, sources: Sources) -> tuple[Graph, int]:
    """Sources, concepts near them, memories, and last one node for all that is not here.

    A fan counts what a concept is connected to in the whole namespace.
    """
    near = [concept for concept in sources.fans if concept not in sources.concepts]
    node = {concept: number for number, concept in enumerate([*sources.concepts, *near])}
    elsewhere = len(node) + len(memories)
    edges: list[Edge] = []
    for concept, fan in sources.fans.items():
        edges += [
            (node[concept], node.get(other, elsewhere), weight)
            for other, weight in fan.relations.items()
        ]
    concepts, memory_of_concept = memories.links()
    known = np.frombuffer(b"".join(node), "<u8")
    order = np.argsort(known)
    there = memories.states["status"][memory_of_concept] != DELETED
    entries = np.flatnonzero(np.isin(concepts, known) & there)
    origins = order[np.searchsorted(known[order], concepts[entries])]
    targets = len(node) + memory_of_concept[entries]
    here = np.bincount(origins, minlength=len(node))
    for concept, number in node.items():
        # Never less than nothing: what is written meanwhile may be here before it is counted.
        missing = max(0, sources.fans.get(concept, Fan()).links - int(here[number]))
        edges.append((number, elsewhere, missing))
    starts, ends, links = zip(*edges, strict=True)
    graph = Graph(
        origin=np.concatenate([np.array(starts, np.intp), origins]),
        target=np.concatenate([np.array(ends, np.intp), targets]),
        links=np.concatenate([np.array(links, np.float64), np.ones(len(entries))]),
        nodes=elsewhere + 1,
    )
    return graph, len(node)
