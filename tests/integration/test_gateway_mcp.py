"""The memory as tools of an assistant, with the official client."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from stack.processes import Launch, spawn, terminate
from stack.state import free_port, is_free
from tests.integration.services_fixture import ROOT, System
from tests.polling import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
START_SECONDS = 60.0


def command(gateway: str, namespace: str) -> list[str]:
    return [
        *(sys.executable, "-m", "human_memory.cli", "mcp"),
        *("--server", gateway, "--namespace", namespace),
    ]


@asynccontextmanager
async def over_stdio(gateway: str, namespace: str) -> AsyncIterator[Client]:
    """A client that starts the server itself, as assistants do."""
    program, *arguments = command(gateway, namespace)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    async with Client(
        StdioServerParameters(command=program, args=arguments, env=environment)
    ) as client:
        yield client


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers, as data: one copy of it, in one text."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is None
    (block,) = result.content
    assert block.type == "text"
    return json.loads(block.text)


def text_of(result: Any) -> str:
    return " ".join(block.text for block in result.content)


async def test_tools_say_what_they_do_and_what_they_take(gateway: str, namespace: str) -> None:
    async with over_stdio(gateway, namespace) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}

    assert set(tools) == {
        *("store", "search", "recall", "inspect", "forget", "restore", "supersede"),
        *("correct", "working_memory", "list"),
        *("describe", "rename_concept", "merge_concept", "delete_concept"),
        *("relate", "related", "stats"),
    }
    for tool in tools.values():
        assert tool.description
        assert all("description" in field for field in tool.input_schema["properties"].values())
    hints = {name: tool.annotations for name, tool in tools.items() if tool.annotations}
    assert {name for name, hint in hints.items() if hint.destructive_hint} == {
        *("forget", "merge_concept", "delete_concept")
    }
    assert {name for name, hint in hints.items() if hint.read_only_hint} == {
        *("stats", "related", "inspect", "working_memory", "list"),
    }


async def test_what_is_stored_is_found_recalled_and_forgotten(gateway: str, namespace: str) -> None:
    async with over_stdio(gateway, namespace) as client:
        stored = await called(client, "store", content="Noemi lives in Bern.", tags=["people"])
        search = await called(client, "search", query="Where does Noemi live?", tags=["people"])
        recalled = await called(client, "recall", memory_id=stored["memory_id"])
        forgotten = await called(client, "forget", memory_id=stored["memory_id"])
        stats = await called(client, "stats")

    (found,) = search["memories"]
    assert found["memory_id"] == stored["memory_id"]
    assert found["content"] == recalled["content"] == "Noemi lives in Bern."
    assert recalled["access_count"] == 3
    assert forgotten["forgotten"] is True
    assert (stats["active"], stats["deleted"]) == (0, 1)


async def test_what_is_said_with_a_memory_comes_back(gateway: str, namespace: str) -> None:
    said: dict[str, Any] = {
        "speaker": "Ada",
        "session": "s1",
        "concepts": ["Bern"],
        "emotion": {"valence": 0.5, "arousal": 0.25, "salience": 0.75},
        "pinned": True,
    }
    async with over_stdio(gateway, namespace) as client:
        await called(client, "describe", name="Bern", type="city", aliases=["Berne"])
        source = await called(client, "store", content="Noemi moved to Bern.")
        stored = await called(
            client,
            "store",
            content="Noemi lives in Berne.",
            memory_type="semantic",
            occurred_at="2026-05-03T18:00:00Z",
            derived_from=[source["memory_id"]],
            **said,
        )
        detail = await called(client, "inspect", memory_id=stored["memory_id"])
        origin = await called(client, "inspect", memory_id=source["memory_id"])
        await called(client, "forget", memory_id=stored["memory_id"], reason="a test")
        restored = await called(client, "restore", memory_id=stored["memory_id"])

    assert {name: detail[name] for name in ("speaker", "session", "concepts", "pinned")} == {
        name: said[name] for name in ("speaker", "session", "concepts", "pinned")
    }
    assert (detail["emotion_valence"], detail["emotion_arousal"]) == (0.5, 0.25)
    assert (detail["memory_type"], detail["created_at"][:10]) == ("semantic", "2026-05-03")
    assert [each["memory_id"] for each in detail["derived_from"]] == [source["memory_id"]]
    assert origin["derivatives"] == [stored["memory_id"]]
    assert restored["status"] == "active"


async def test_memory_that_has_expired_is_not_found_until_that_is_corrected(
    gateway: str, namespace: str
) -> None:
    async with over_stdio(gateway, namespace) as client:
        stored = await called(
            client,
            "store",
            content="The code is 4711.",
            occurred_at="2026-05-03T18:00:00Z",
            expires_at="2026-05-04T18:00:00Z",
        )
        whose = {"memory_id": stored["memory_id"]}
        gone = await called(client, "search", query="The code is 4711.")
        past = await client.call_tool("correct", whose | {"expires_at": "2026-06-01T18:00:00Z"})
        corrected = await called(client, "correct", **whose, expires_at="never")
        found = await called(client, "search", query="The code is 4711.")

    assert gone["memories"] == []
    assert "expires_at: 2026-06-01T18:00:00.000Z is not after" in text_of(past)
    assert (corrected["status"], "expires_at" in corrected) == ("active", False)
    assert [each["memory_id"] for each in found["memories"]] == [stored["memory_id"]]


async def test_relating_creates_concepts_once_and_keeps_them(gateway: str, namespace: str) -> None:
    async with over_stdio(gateway, namespace) as client:
        first = await called(
            client, "relate", source="Noemi", relation_type="lives in", target="Bern", weight=0.9
        )
        await called(client, "relate", source="Noemi", relation_type="LIKES", target="tea")
        near = await called(client, "related", concepts=["Noemi"])

    assert first["relation_type"] == "lives_in"
    assert [(row["name"], row["path_weight"]) for row in near["concepts"]] == [
        ("tea", 1.0),
        ("Bern", 0.9),
    ]


async def test_seven_long_memories_are_shown_by_their_beginnings_and_read_on(
    gateway: str, namespace: str
) -> None:
    long = "The minutes of the meeting about tea. " * 369
    async with over_stdio(gateway, namespace) as client:
        for number in range(7):
            await called(client, "store", content=f"{number}: {long}")
        result = await client.call_tool("search", {"query": "the meeting about tea"})
        (first, *_) = found = json.loads(text_of(result))["memories"]
        read, offset = "", 0
        while offset is not None:
            part = await called(client, "recall", memory_id=first["memory_id"], offset=offset)
            read, offset = read + part["content"], part.get("next_offset")

    assert len(found) == 7
    assert len(result.model_dump_json()) < 8_000
    assert read.removeprefix(read[0]) == f": {long}"
    assert part["access_count"] == 3


async def test_memories_are_listed_in_pages(gateway: str, namespace: str) -> None:
    async with over_stdio(gateway, namespace) as client:
        nothing = await called(client, "list")
        for number in range(3):
            await called(client, "store", content=f"Number {number}.", tags=["n"])
        first = await called(client, "list", limit=2, tag="n", status="active")
        second = await called(client, "list", limit=2, tag="n", cursor=first["next_cursor"])

    listed = [each["content"] for each in (*first["memories"], *second["memories"])]
    assert "No memory" in nothing["note"]
    assert sorted(listed) == ["Number 0.", "Number 1.", "Number 2."]
    assert first["total"] == 3
    assert "next_cursor" not in second


async def test_refusals_are_told_in_words(gateway: str, namespace: str) -> None:
    async with over_stdio(gateway, namespace) as client:
        unknown = await client.call_tool("recall", {"memory_id": "no such memory"})
        empty = await client.call_tool("store", {"content": " "})
        related = await client.call_tool("related", {"concepts": ["Nobody"]})

    assert unknown.is_error
    assert "'no such memory'" in text_of(unknown)
    assert empty.is_error
    assert "content" in text_of(empty)
    assert not related.is_error
    assert "No concept is near" in text_of(related)
    assert "/v1/" not in text_of(unknown) + text_of(empty)


async def test_memory_that_is_not_there_is_told_with_its_address(namespace: str) -> None:
    nobody = f"http://127.0.0.1:{free_port(set())}"
    async with over_stdio(nobody, namespace) as client:
        result = await client.call_tool("stats", {})

    assert result.is_error
    assert nobody in text_of(result)


async def test_tools_work_over_streamable_http(
    system: System, gateway: str, namespace: str
) -> None:
    port = free_port(set())
    process = spawn(
        Launch(
            command=[*command(gateway, namespace), "--http", str(port)],
            folder=ROOT,
            log=system.folder / "mcp.log",
            death_signal=signal.SIGKILL,
            environment={"PYTHONPATH": str(ROOT)},
        )
    )
    try:
        await eventually(lambda: not is_free(port), seconds=START_SECONDS)
        async with Client(f"http://127.0.0.1:{port}/mcp") as client:
            await called(client, "store", content="Tea is at four.")
            search = await called(client, "search", query="When is tea?")
    finally:
        terminate(process, grace_s=10)

    assert [each["content"] for each in search["memories"]] == ["Tea is at four."]
