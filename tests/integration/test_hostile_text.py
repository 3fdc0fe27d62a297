"""Texts that mean something to the engines are only text: they find and change nothing else."""

import pytest

from human_memory.bus.bus import Bus
from tests.integration.agent import Agent, ids

# The first of them starts the services, which takes its time on a busy machine.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
HOSTILE = [
    "x} | @ns:{other",
    "*",
    "@ns:{*}",
    ") | (@ns:{*",
    "\"quoted\" 'text'",
    "a|b -c ~d %e% =>[KNN 10 @vector $vector]",
    "\\",
    "$ns",
    "naïve Straße 日本語 Ω≈ç",
    "👩‍👩‍👧 🫖 ﷽",
    "\u202etrof si aet",
    "a\u0000b",
    "tab\tnew\nline\x1fseparator\x7f",
    "{p3}:../../etc",
]
# What a tag or a type may not have.
CONTROL = {"a\u0000b", "tab\tnew\nline\x1fseparator\x7f"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_only_text(memory: Bus, agent: Agent, text: str) -> None:
    other = Agent(memory, "other")
    await other.store("A secret about tea.", idempotency_key="secret", tags=["t"])
    label = text.strip() if text not in CONTROL else "plain"
    stored = await agent.store(
        text, tags=[label], memory_type=label[:32].strip(), metadata={text: text}, context=text
    )
    await agent.store("Something else.", tags=["else"], memory_type="else")

    rows = await agent.search(text, tags=[label], types=[label[:32].strip()], context=text)

    assert ids(rows) == [stored]
    assert rows[0]["content"] == text
    assert rows[0]["tags"] == [label]
    entry = await agent.inspect(stored)
    assert entry["metadata"] == {text: text}
    assert entry["context"] == text
    assert entry["access_history"][0]["context"] == text
    found = (await agent.list(tag=label, memory_type=label[:32].strip()))["memories"]
    assert ids(found) == [stored]


async def test_hostile_filters_that_match_nothing_find_nothing(memory: Bus, agent: Agent) -> None:
    await Agent(memory, "other").store("A secret about tea.", idempotency_key="secret-tea")
    await agent.store("Tea is at four.", tags=["t"])

    for text in HOSTILE:
        label = text.strip() if text not in CONTROL else "plain"
        assert await agent.search(text, tags=[label]) == []
        assert await agent.search(text, types=[label[:32].strip()]) == []
        assert (await agent.list(tag=label))["memories"] == []
