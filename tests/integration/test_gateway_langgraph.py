"""The memory as LangGraph's long-term store, with LangGraph itself."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from human_memory.integrations.langgraph import HumanMemoryStore
from tests.integration.services_fixture import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

USERS = ("users", "noemi@home")


@pytest.fixture(params=["http", "bus"])
async def store(
    request: pytest.FixtureRequest, system: System, gateway: str, namespace: str
) -> AsyncIterator[HumanMemoryStore]:
    """A store in a namespace of this test."""
    bus = f"kafka://{system.settings.kafka}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in system.environment_of_services().items():
            patch.setenv(name, value)
        made = HumanMemoryStore(gateway if request.param == "http" else bus, namespace=namespace)
    yield made
    await made.aclose()


async def test_item_is_got_as_it_was_put_and_replaced(store: HumanMemoryStore) -> None:
    await store.aput(USERS, "prefs", {"theme": "dark", "volume": 3})
    first = await store.aget(USERS, "prefs")
    await store.aput(USERS, "prefs", {"theme": "light"})

    second = await store.aget(USERS, "prefs")

    assert first is not None
    assert second is not None
    assert (first.value, second.value) == ({"theme": "dark", "volume": 3}, {"theme": "light"})
    assert (second.namespace, second.key) == (USERS, "prefs")
    assert second.created_at == first.created_at < second.updated_at


async def test_deleted_or_unknown_item_is_none(store: HumanMemoryStore) -> None:
    await store.aput(USERS, "prefs", {"theme": "dark"})
    await store.adelete(USERS, "prefs")

    assert await store.aget(USERS, "prefs") is None
    assert await store.aget(USERS, "other") is None
    assert await store.asearch(USERS) == []


async def test_search_finds_by_meaning_below_a_prefix(store: HumanMemoryStore) -> None:
    await store.aput(USERS, "home", {"text": "Noemi lives in a flat in Bern"})
    await store.aput(USERS, "drink", {"text": "She always orders green tea"})
    await store.aput(("users", "tom"), "home", {"text": "Tom lives in Rome"})

    found = await store.asearch(USERS, query="Where does she live?", limit=1)
    everyone = await store.asearch(("users",), query="Where do they live?")

    assert [item.key for item in found] == ["home"]
    assert found[0].score is not None
    assert {(item.namespace[1], item.key) for item in everyone} >= {
        ("noemi@home", "home"),
        ("tom", "home"),
    }


async def test_search_filters_by_values_and_operators(store: HumanMemoryStore) -> None:
    for number in range(4):
        await store.aput(USERS, f"note-{number}", {"n": number, "kind": "note"})

    exact = await store.asearch(USERS, filter={"n": 2})
    above = await store.asearch(USERS, filter={"n": {"$gte": 2}, "kind": "note"})
    second_page = await store.asearch(USERS, limit=2, offset=2)

    assert [item.key for item in exact] == ["note-2"]
    assert {item.key for item in above} == {"note-2", "note-3"}
    assert len(second_page) == 2


async def test_index_says_what_is_searched(store: HumanMemoryStore) -> None:
    await store.aput(USERS, "a", {"text": "green tea", "secret": "x"}, index=["text"])
    await store.aput(USERS, "b", {"text": "green tea"}, index=False)

    found = await store.asearch(USERS, query="tea")

    assert [item.key for item in found] == ["a"]


async def test_items_that_are_not_indexed_take_no_place_in_a_search(
    store: HumanMemoryStore,
) -> None:
    for number in range(3):
        await store.aput(USERS, f"hidden-{number}", {"text": "green tea"}, index=False)
    await store.aput(USERS, "shown", {"text": "a pot of green tea in the garden"})

    found = await store.asearch(USERS, query="green tea", limit=1)

    assert [item.key for item in found] == ["shown"]


async def test_key_that_many_put_and_delete_at_once_has_one_version(
    store: HumanMemoryStore,
) -> None:
    await asyncio.gather(
        *(store.aput(USERS, "k", {"n": n}) for n in range(4)), store.adelete(USERS, "k")
    )
    await store.aput(USERS, "k", {"n": 9})

    found = await store.asearch(USERS)

    assert [item.value for item in found] == [{"n": 9}]


async def test_namespaces_are_listed_by_conditions(store: HumanMemoryStore) -> None:
    for path in [("a", "b", "c"), ("a", "b", "d"), ("a", "x"), ("z",)]:
        await store.aput(path, "k", {"v": 1})

    assert await store.alist_namespaces(prefix=("a",), max_depth=2) == [("a", "b"), ("a", "x")]
    assert await store.alist_namespaces(suffix=("d",)) == [("a", "b", "d")]
    assert await store.alist_namespaces(prefix=("*", "x")) == [("a", "x")]


async def test_batch_reads_before_it_writes_and_the_last_write_counts(
    store: HumanMemoryStore,
) -> None:
    results = await store.abatch(
        [
            PutOp(USERS, "k", {"v": 1}),
            GetOp(USERS, "k"),
            PutOp(USERS, "k", {"v": 2}),
        ]
    )

    item = await store.aget(USERS, "k")
    assert results == [None, None, None]
    assert item is not None
    assert item.value == {"v": 2}


PATHS = [("a",), ("a", "b"), ("a", "b", "c"), ("x", "b"), ("x\x1fb",), ("ü", "*")]
FILTERS: list[dict[str, Any]] = [
    {"n": 1},
    {"n": {"$gte": 2}},
    {"n": {"$ne": 1, "$lt": 3}},
    {"in": {"kind": "odd"}},
    {"in": {"list": [{"n": {"$gt": 0}}]}},
    {"missing": None},
]


def value_of(number: int) -> dict[str, Any]:
    kind = "odd" if number % 2 else "even"
    return {"n": number, "in": {"kind": kind, "more": True, "list": [{"n": number, "x": "ä"}]}}


def random_op(chance: random.Random) -> Op:
    """An operation of LangGraph's interface, on few names, so that they meet."""
    path, key = chance.choice(PATHS), chance.choice("klm")
    prefix = path[: chance.randint(0, len(path))]
    limit, offset = chance.choice([1, 3, 100]), chance.choice([0, 0, 1])
    match chance.choice(["put", "put", "get", "delete", "search", "namespaces"]):
        case "put":
            return PutOp(path, key, value_of(chance.randint(0, 3)))
        case "delete":
            return PutOp(path, key, None)
        case "get":
            return GetOp(path, key)
        case "search":
            # In which order stores list items is not agreed upon: so all of them.
            return SearchOp(prefix, chance.choice([None, *FILTERS]), limit=100)
        case _:
            ends = [MatchCondition("prefix", prefix), MatchCondition("suffix", prefix)]
            conditions = (chance.choice(ends),) if prefix else None
            return ListNamespacesOp(conditions, chance.choice([None, 1, 2]), limit, offset)


def told(result: Any) -> Any:
    """A result without its times, which differ, and items in one order."""
    if isinstance(result, list):
        return sorted((told(each) for each in result), key=repr)
    if result is None or isinstance(result, tuple):
        return result
    return (result.namespace, result.key, result.value)


@pytest.mark.parametrize("seed", range(2))
def test_operations_have_the_results_of_the_in_memory_store(
    gateway: str, namespace: str, seed: int
) -> None:
    chance, reference = random.Random(seed), InMemoryStore()
    store = HumanMemoryStore(gateway, namespace=namespace)
    for path in PATHS:  # the reference counts a namespace once it is asked for
        for each in (reference, store):
            each.put(path, "k", value_of(0))
    batches = [[random_op(chance) for _ in range(chance.randint(1, 3))] for _ in range(40)]

    different = [
        (batch, found, expected)
        for batch in batches
        for found, expected in [
            ([*map(told, store.batch(batch))], [*map(told, reference.batch(batch))])
        ]
        if found != expected
    ]
    store.close()

    assert different == []


def test_methods_without_asyncio_do_the_same(gateway: str, namespace: str) -> None:
    store = HumanMemoryStore(gateway, namespace=namespace)
    store.put(USERS, "prefs", {"theme": "dark"})
    item, found = store.get(USERS, "prefs"), store.search(USERS, query="theme")
    store.delete(USERS, "prefs")
    store.close()

    assert item is not None
    assert item.value == found[0].value == {"theme": "dark"}


class State(TypedDict):
    """Of the graph below."""

    said: str
    recalled: list[str]


async def test_graph_remembers_across_threads(store: HumanMemoryStore) -> None:
    async def remember(state: State, *, store: BaseStore) -> State:
        found = await store.asearch(USERS, query=state["said"])
        await store.aput(USERS, str(hash(state["said"])), {"text": state["said"]})
        return {"said": state["said"], "recalled": [item.value["text"] for item in found]}

    builder = StateGraph(State)
    builder.add_node("remember", remember)
    builder.add_edge(START, "remember")
    builder.add_edge("remember", END)
    graph = builder.compile(store=store)

    first = await graph.ainvoke({"said": "Noemi lives in Bern", "recalled": []})
    second = await graph.ainvoke({"said": "Where does Noemi live?", "recalled": []})

    assert first["recalled"] == []
    assert second["recalled"] == ["Noemi lives in Bern"]
