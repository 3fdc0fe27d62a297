"""The tools for assistants: what they tell of the memory."""

from mcp import Client

from human_memory import AsyncMemory
from human_memory.mcp_server import server_of
from tests.unit.sdk.scripted_server import Answer, serving

FOUND = {
    "memory_id": "old",
    "content": "I live in Bern.",
    "activation": 0.5,
    "similarity": 0.7,
    "last_accessed": "2026-02-01T00:00:00.000000Z",
    "access_count": 3,
    "speaker": "Noemi",
    "superseded_by": "new",
}


async def test_search_tells_who_said_it_and_that_it_no_longer_holds() -> None:
    with serving(Answer(200, {"results": [FOUND], "count": 1})) as memory:
        async with Client(server_of(AsyncMemory(memory.url))) as client:
            result = await client.call_tool("search", {"query": "Where does Noemi live?"})

    assert result.structured_content is not None
    (found,) = result.structured_content["result"]
    for name in ("speaker", "superseded_by", "last_accessed"):
        assert found[name] == FOUND[name]


async def test_failure_does_not_tell_the_model_the_key_in_the_address() -> None:
    with serving(Answer(200, {"hello": "world"})) as memory:
        address = memory.url.replace("http://", "http://any:secret@")
        async with Client(server_of(AsyncMemory(address))) as client:
            result = await client.call_tool("stats", {})

    assert result.is_error
    assert memory.url in str(result.content)
    assert "secret" not in str(result.content)
