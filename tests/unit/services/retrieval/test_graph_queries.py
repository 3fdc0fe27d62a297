"""Concept, spread and export, as answers."""

from collections.abc import Sequence

import pytest

from schemas import limits
from schemas.errors import LimitExceeded, NotFound
from schemas.events import MemoryEvent
from schemas.queries import ConceptQuery, GraphExport, Spread
from services.retrieval.graph.cache import GraphCache
from services.retrieval.graph.queries import GraphQueries
from tests.builders import NAMESPACE, concept_event, concept_renamed_event, relation_event
from tests.fakes.folded_side import FoldedSide
from tests.fakes.graph_reader import FoldedGraphReader
from tests.fakes.graph_snapshots import MemorySnapshots

README: list[MemoryEvent] = [
    concept_event("Python", concept_type="language", activation=0.9),
    concept_event("AI", activation=0.8),
    concept_event("FastAPI", activation=0.8, aliases=["fast api"]),
    concept_event("Web Development", activation=0.8),
    relation_event("Python", "AI", relation_type="USED_FOR", weight=0.9),
    relation_event("FastAPI", "Python", relation_type="WORKS_WITH", weight=0.95),
    relation_event("FastAPI", "Web Development", relation_type="USED_FOR", weight=0.85),
]


def graph_of(*events: MemoryEvent, value_bytes_max: int = limits.VALUE_BYTES_MAX) -> GraphQueries:
    reader = FoldedGraphReader(FoldedSide(*events))
    cache = GraphCache(reader, MemorySnapshots())
    return GraphQueries(reader, cache, value_bytes_max=value_bytes_max)


def star(spokes: int, name: str = "spoke {}") -> list[MemoryEvent]:
    """A hub and its neighbours, every weight .5."""
    names = [name.format(number) for number in range(spokes)]
    return [
        concept_event("hub"),
        *(concept_event(each) for each in names),
        *(relation_event("hub", each) for each in names),
    ]


async def spread(
    queries: GraphQueries, *names: str, depth: int = 2, limit: int = 10
) -> dict[str, float]:
    """Path weights by name, in their order."""
    query = Spread(namespace=NAMESPACE, active_concepts=list(names), depth=depth, limit=limit)
    reply = await queries.spread(query)
    return {row["name"]: row["path_weight"] for row in reply.unwrap()["results"]}


@pytest.mark.parametrize("depth", [2, 3, 4])
async def test_published_example_has_its_numbers_in_order(depth: int) -> None:
    reached = await spread(graph_of(*README), "Python", depth=depth)

    assert list(reached.items()) == [("FastAPI", 0.95), ("AI", 0.9), ("Web Development", 0.8075)]


async def test_spread_says_how_active_each_concept_is() -> None:
    query = Spread(namespace=NAMESPACE, active_concepts=["AI"])

    reply = await graph_of(*README).spread(query)

    python = reply.unwrap()["results"][0]
    assert python == {"name": "Python", "activation": 0.9, "path_weight": 0.9}
    assert reply.position == "0:6"


async def test_one_step_reaches_only_neighbours_in_both_directions() -> None:
    assert (await spread(graph_of(*README), "Python", depth=1)).keys() == {"FastAPI", "AI"}


async def test_several_active_concepts_share_and_are_not_returned_themselves() -> None:
    reached = await spread(graph_of(*README), "AI", "Web Development", "AI", depth=2)

    # Python: .9 from AI and .95 x .85; FastAPI: .9 x .95 and .85.
    assert list(reached.items()) == [("Python", 0.85375), ("FastAPI", 0.8525)]


async def test_unknown_concept_counts_among_those_asked_for() -> None:
    assert await spread(graph_of(*README), "Python", "Perl", depth=1) == {
        "FastAPI": 0.475,
        "AI": 0.45,
    }


@pytest.mark.parametrize("names", [[], ["Perl"], ["Pythons", "A I"]])
async def test_no_or_only_unknown_concepts_reach_nothing(names: list[str]) -> None:
    assert await spread(graph_of(*README), *names) == {}


async def test_equal_weights_are_ordered_by_name_and_cut_at_the_limit() -> None:
    reached = await spread(graph_of(*star(12, "s{:02}")), "hub", limit=5)

    assert list(reached) == [f"s{number:02}" for number in range(5)]


async def test_relation_of_weight_zero_leads_to_a_neighbour_of_weight_zero() -> None:
    zero = relation_event("tea", "cup", weight=0.0)

    assert await spread(graph_of(concept_event("tea"), concept_event("cup"), zero), "tea") == {
        "cup": 0.0
    }


async def test_spread_of_another_namespace_sees_nothing_of_ours() -> None:
    reply = await graph_of(*README).spread(Spread(namespace="other", active_concepts=["Python"]))

    assert reply.unwrap() == {"results": []}


async def test_concept_is_shown_with_all_relations_at_it_strongest_first() -> None:
    reply = await graph_of(*README).concept(ConceptQuery(namespace=NAMESPACE, name="FastAPI"))

    assert reply.position == "0:6"
    assert reply.unwrap() == {
        "name": "FastAPI",
        "type": "concept",
        "activation": 0.8,
        "aliases": ["fast api"],
        "total": 2,
        "relationships": [
            {
                "source": "FastAPI", "target": "Python", "relation_type": "WORKS_WITH",
                "weight": 0.95, "direction": "out",
            },
            {
                "source": "FastAPI", "target": "Web Development", "relation_type": "USED_FOR",
                "weight": 0.85, "direction": "out",
            },
        ],
    }  # fmt: skip


async def test_relation_keeps_its_direction_at_its_other_end() -> None:
    reply = await graph_of(*README).concept(ConceptQuery(namespace=NAMESPACE, name="Python"))

    ends = [(r["source"], r["target"], r["direction"]) for r in reply.unwrap()["relationships"]]
    assert ends == [("FastAPI", "Python", "in"), ("Python", "AI", "out")]


async def test_parallel_and_opposite_relations_are_several_one_to_itself_is_one() -> None:
    queries = graph_of(
        concept_event("tea"),
        concept_event("cup"),
        relation_event("tea", "cup", weight=0.5),
        relation_event("tea", "cup", relation_type="like", weight=0.4),
        relation_event("cup", "tea", weight=0.3),
        relation_event("tea", "tea", weight=0.2),
    )

    reply = await queries.concept(ConceptQuery(namespace=NAMESPACE, name="tea"))

    shown = [(r["weight"], r["direction"]) for r in reply.unwrap()["relationships"]]
    assert shown == [(0.5, "out"), (0.4, "out"), (0.3, "in"), (0.2, "out")]


async def test_concept_is_found_in_whatever_case_it_is_written() -> None:
    graph = graph_of(*README)

    reply = await graph.concept(ConceptQuery(namespace=NAMESPACE, name="PYTHON"))

    assert reply.result is not None
    assert reply.result["name"] == "Python"
    assert await spread(graph, "PYTHON", depth=1) == await spread(graph, "Python", depth=1)


class Renaming(FoldedGraphReader):
    """Python is renamed just before its name is read, and just after, the first two times."""

    def __init__(self, side: FoldedSide) -> None:
        super().__init__(side)
        self._others = ["Snake", "Serpent", "Boa", "Viper"]

    async def names(self, namespace: str, said: Sequence[str]) -> list[str]:
        self._rename()
        meant = await super().names(namespace, said)
        self._rename()
        return meant

    def _rename(self) -> None:
        if self._others:
            self._side.take(concept_renamed_event("Python", self._others.pop(0)))


async def test_concept_that_is_renamed_meanwhile_is_found() -> None:
    reader = Renaming(FoldedSide(*README))
    queries = GraphQueries(reader, GraphCache(reader, MemorySnapshots()))

    reply = await queries.concept(ConceptQuery(namespace=NAMESPACE, name="python"))

    assert reply.unwrap()["name"] == "Viper"
    assert reply.unwrap()["total"] == 2


@pytest.mark.parametrize("others", [(), ("AI",), ("Perl",)])
async def test_concept_that_is_renamed_meanwhile_spreads(others: tuple[str, ...]) -> None:
    reader = Renaming(FoldedSide(*README))
    queries = GraphQueries(reader, GraphCache(reader, MemorySnapshots()))

    reached = await spread(queries, "Python", *others, depth=1)

    assert reached == await spread(graph_of(*README), "Python", *others, depth=1)


@pytest.mark.parametrize("name", ["Perl", "Pythons", "Fast"])
async def test_unknown_concept_is_not_found_by_name(name: str) -> None:
    with pytest.raises(NotFound, match=name):
        await graph_of(*README).concept(ConceptQuery(namespace=NAMESPACE, name=name))


async def test_hub_too_large_for_a_record_is_paged_without_repeats_or_gaps() -> None:
    queries = graph_of(*star(30), value_bytes_max=2_000)

    with pytest.raises(LimitExceeded, match="page with limit and offset"):
        await queries.concept(ConceptQuery(namespace=NAMESPACE, name="hub"))
    pages = [
        (
            await queries.concept(
                ConceptQuery(namespace=NAMESPACE, name="hub", offset=offset, limit=12)
            )
        ).unwrap()
        for offset in (0, 12, 24)
    ]

    assert [page["total"] for page in pages] == [30] * 3
    targets = [r["target"] for page in pages for r in page["relationships"]]
    assert sorted(targets) == sorted(f"spoke {number}" for number in range(30))


async def test_export_shows_the_most_active_then_the_most_connected() -> None:
    reply = await graph_of(*README).export(GraphExport(namespace=NAMESPACE, limit=3))

    graph = reply.unwrap()
    assert [node["name"] for node in graph["nodes"]] == ["Python", "FastAPI", "AI"]
    assert graph["nodes"][0] == {"name": "Python", "type": "language", "activation": 0.9}
    assert [(e["source"], e["target"]) for e in graph["edges"]] == [
        ("FastAPI", "Python"),
        ("Python", "AI"),
    ]
    assert graph["total"] == 4


async def test_export_of_nothing_is_empty() -> None:
    reply = await graph_of().export(GraphExport(namespace=NAMESPACE))

    assert reply.unwrap() == {"nodes": [], "edges": [], "total": 0}
    assert reply.position is None


async def test_export_too_large_for_a_record_says_to_ask_for_less() -> None:
    queries = graph_of(*star(30), value_bytes_max=1_000)

    with pytest.raises(LimitExceeded, match="fewer concepts") as refused:
        await queries.export(GraphExport(namespace=NAMESPACE, limit=30))

    assert refused.value.details["allowed"] == 1_000
