"""The store for LangGraph: what it asks the memory, and what it does when others write too."""

from typing import Any

from human_memory.integrations.langgraph import HumanMemoryStore
from tests.unit.sdk.scripted_server import Answer, serving

ITEM = {
    "content": "x",
    "memory_type": "langgraph",
    "activation": 0.5,
    "salience": 0.1,
    "status": "active",
    "access_count": 1,
    "last_accessed": "2026-01-01T00:00:00.000000Z",
    "tags": ["lg:indexed"],
}
GONE = Answer(404, {"detail": "no such memory"})
NOTHING = Answer(200, {"memories": [], "offset": 0, "limit": 200, "total": 0})
FORGOTTEN = Answer(200, {"deleted": True})


def item(memory_id: str, day: int) -> dict[str, Any]:
    return ITEM | {"memory_id": memory_id, "created_at": f"2026-01-0{day}T00:00:00.000000Z"}


def listed(*items: dict[str, Any]) -> list[Answer]:
    """What a list of the active ones, then one of the decayed ones, is answered."""
    page = {"memories": list(items), "offset": 0, "limit": 200, "total": len(items)}
    return [Answer(200, page), NOTHING]


def created(memory_id: str) -> Answer:
    return Answer(201, item(memory_id, 1))


def detail(memory_id: str, day: int) -> Answer:
    emotion = {"emotion_valence": 0.0, "emotion_arousal": 0.0, "decay_rate": 0.5}
    metadata = {"namespace": ["a"], "key": "k", "value": {"day": day}}
    more: dict[str, Any] = {"access_history": [], "metadata": metadata}
    return Answer(200, item(memory_id, day) | emotion | more)


def forgotten_in(asked: list[Any]) -> list[str]:
    return [each.path.rpartition("/")[2] for each in asked if each.method == "DELETE"]


def test_item_that_somebody_else_deleted_meanwhile_is_deleted() -> None:
    with serving(*listed(item("m", 1)), GONE) as server:
        store = HumanMemoryStore(server.url)
        store.delete(("a",), "k")
        store.close()

    assert forgotten_in(server.asked) == ["m"]


async def test_item_that_somebody_else_deleted_meanwhile_is_deleted_with_asyncio_too() -> None:
    with serving(*listed(item("m", 1)), GONE) as server:
        store = HumanMemoryStore(server.url)
        await store.adelete(("a",), "k")
        await store.aclose()

    assert forgotten_in(server.asked) == ["m"]


def test_of_versions_that_were_put_at_once_the_newest_stays() -> None:
    # Another one put this key between our first look and our write.
    script = [*listed(item("old", 1)), created("marker"), detail("old", 1), created("ours")]
    after = listed(item("theirs", 2), item("ours", 3), item("old", 1))
    with serving(*script, *after, FORGOTTEN, GONE) as server:
        store = HumanMemoryStore(server.url)
        store.put(("a",), "k", {"day": 3})
        store.close()

    assert forgotten_in(server.asked) == ["theirs", "old"]


def test_search_asks_for_indexed_items_only_and_shows_each_key_once() -> None:
    hits = [item(name, day) | {"similarity": 0.5} for name, day in (("new", 2), ("old", 1))]
    answers = [Answer(200, {"results": hits}), detail("new", 2), detail("old", 1)]
    with serving(*answers) as server:
        store = HumanMemoryStore(server.url)
        found = store.search(("a",), query="x", limit=2)
        store.close()

    assert [each.value for each in found] == [{"day": 2}]
    assert "lg:indexed" in server.asked[0].body["tags"]


def test_item_without_an_index_is_not_marked_as_indexed() -> None:
    script = [*listed(), created("marker"), created("ours"), *listed(item("ours", 1))]
    with serving(*script) as server:
        store = HumanMemoryStore(server.url)
        store.put(("a",), "k", {"day": 1}, index=False)
        store.close()

    (stored,) = (each.body for each in server.asked if each.body and "key" in each.body["metadata"])
    assert "lg:indexed" not in stored["tags"]
