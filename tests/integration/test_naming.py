"""Concepts that are renamed, merged, deleted, or written in another case, on every face."""

import json
from collections.abc import AsyncIterator

import pytest

from human_memory import AsyncMemory, MemoryNotFound, ValidationError
from human_memory.mcp_server import server_of

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


@pytest.fixture
async def memory(address: str, namespace: str) -> AsyncIterator[AsyncMemory]:
    """A client of a namespace that only this test uses."""
    async with AsyncMemory(address, namespace=namespace) as client:
        yield client


async def among_others(memory: AsyncMemory) -> None:
    """A concept says something only of one memory among many."""
    await memory.store_batch([{"content": f"Nothing of note on day {n}."} for n in range(8)])


async def linked_to(memory: AsyncMemory, memory_id: str) -> list[str]:
    """The concepts that a memory is linked to."""
    return (await memory.inspect(memory_id)).concepts


async def test_spelling_in_another_case_is_the_same_concept(memory: AsyncMemory) -> None:
    await among_others(memory)
    await memory.add_concept("Acme")

    again = await memory.add_concept("ACME", activation=0.5)
    stored = await memory.store("Noemi works there.", concepts=["acme"])
    found = await memory.search("Noemi", active_concepts=["aCME"], explain=True)

    assert (again.name, again.activation) == ("Acme", 0.5)
    assert (await memory.export_graph()).total == 1
    assert await linked_to(memory, stored.memory_id) == ["Acme"]
    assert found[0].reasons is not None
    assert found[0].reasons["concepts"].keys() == {"Acme"}


async def test_renamed_concept_takes_memories_relations_and_texts_along(
    memory: AsyncMemory,
) -> None:
    await among_others(memory)
    await memory.add_concept("Twitter")
    await memory.add_concept("Elon")
    await memory.add_relation("elon", "TWITTER", "bought")
    before = await memory.store("Twitter was blue.")
    await memory.search("blue", active_concepts=["Twitter"])  # is cached under the old name

    renamed = await memory.rename_concept("twitter", "X")
    after = await memory.store("He still reads Twitter.")
    found = await memory.search("blue", active_concepts=["X"], explain=True)

    assert (renamed.name, renamed.aliases) == ("X", ["Twitter"])
    assert [(each.source, each.target) for each in renamed.relationships] == [("Elon", "X")]
    assert await linked_to(memory, before.memory_id) == ["X"]
    assert await linked_to(memory, after.memory_id) == ["X"]
    assert (await memory.get_concept("Twitter")).name == "X"
    assert [each.name for each in await memory.spread(["twitter"])] == ["Elon"]
    assert {node.name for node in (await memory.export_graph()).nodes} == {"X", "Elon"}
    assert found[0].memory_id == before.memory_id
    assert found[0].reasons is not None
    assert found[0].reasons["concepts"].keys() == {"X"}


async def test_name_of_another_concept_is_refused_with_the_advice_to_merge(
    memory: AsyncMemory,
) -> None:
    await memory.add_concept("Acme")
    await memory.add_concept("Acme Inc.")

    with pytest.raises(ValidationError, match=r"merge 'Acme Inc\.' into 'Acme' instead"):
        await memory.rename_concept("acme inc.", "ACME")
    with pytest.raises(MemoryNotFound, match="'Acmo'"):
        await memory.rename_concept("Acmo", "Acmi")
    with pytest.raises(MemoryNotFound, match="'Acmo'"):
        await memory.merge_concept("Acme", "Acmo")
    with pytest.raises(MemoryNotFound, match="'Acmo'"):
        await memory.delete_concept("Acmo")


async def test_merged_and_deleted_concepts_leave_the_memories(memory: AsyncMemory) -> None:
    for name in ("Acme", "Acme Inc.", "Bern"):
        await memory.add_concept(name)
    await memory.add_relation("Acme Inc.", "Bern", "is_in")
    stored = await memory.store("Acme Inc. is in Bern.")

    merged = await memory.merge_concept("Acme Inc.", "Acme")
    after_merge = await linked_to(memory, stored.memory_id)
    await memory.delete_concept("BERN", reason="a place")

    assert (merged.name, merged.aliases) == ("Acme", ["Acme Inc."])
    assert [(each.source, each.target) for each in merged.relationships] == [("Acme", "Bern")]
    assert sorted(after_merge) == ["Acme", "Bern"]
    assert await linked_to(memory, stored.memory_id) == ["Acme"]
    assert (await memory.get_concept("acme inc.")).relationships == []
    with pytest.raises(MemoryNotFound):
        await memory.get_concept("Bern")
    assert [each.content for each in await memory.search("Bern")] == ["Acme Inc. is in Bern."]


async def test_assistant_can_put_names_in_order(memory: AsyncMemory) -> None:
    await memory.add_concept("Bernn")
    server = server_of(memory)

    renamed = await server.call_tool("rename_concept", {"name": "Bernn", "new_name": "Bern"})
    deleted = await server.call_tool("delete_concept", {"name": "Bernn"})

    texts = [json.loads(each.content[0].text) for each in (renamed, deleted)]  # type: ignore[union-attr]
    assert texts[0]["name"] == "Bern"
    assert texts[1] == {"name": "Bernn", "deleted": True}
