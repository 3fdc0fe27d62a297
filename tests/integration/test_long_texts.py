"""Long texts: what stands anywhere in one is found, and none hides what is short."""

from collections.abc import AsyncIterator

import pytest

from bench.quality.facts import SAID
from human_memory import AsyncMemory
from tests.filler import filler

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
FACT = "We decided to take the wedding photos at the old lighthouse, as Grandma loves the sea."


@pytest.fixture
async def memory(address: str, namespace: str) -> AsyncIterator[AsyncMemory]:
    """A client of a namespace that only this test uses."""
    async with AsyncMemory(address, namespace=namespace) as client:
        yield client


async def test_long_text_is_found_by_a_word_and_by_a_paraphrase_of_what_it_says_in_its_middle(
    memory: AsyncMemory,
) -> None:
    worded = f"{filler(2_100)} The password of the vault is zugzwang. {filler(2_100, 7)}"
    told = f"{filler(5_000, 11)} {FACT} {filler(5_000, 17)}"
    stored = [await memory.store(text) for text in (worded, told)]
    short = await memory.store("The bins are emptied on Friday.")

    by_word = await memory.search("zugzwang")
    by_meaning = await memory.search("Where will the pictures of the marriage be shot?")

    assert by_word[0].memory_id == stored[0].memory_id
    assert by_meaning[0].memory_id == stored[1].memory_id
    passage = by_meaning[0].passage
    assert passage is not None
    assert FACT[:40] in told[passage.start : passage.end]
    details = [await memory.inspect(each.memory_id) for each in (*stored, short)]
    assert [each.passages or 1 for each in (*stored, short)] == [each.passages for each in details]
    assert (passage.count, details[2].passages) == (stored[1].passages, 1)


async def test_short_facts_are_found_beside_a_text_of_32_000_characters(
    memory: AsyncMemory,
) -> None:
    for fact in SAID:
        await memory.store(fact)
    long = await memory.store(filler(32_000))

    found = [await memory.search(question, record_access=False) for question in SAID.values()]

    assert [rows[0].content for rows in found] == list(SAID)
    assert long.passages is not None
    assert long.passages > 20


async def test_corrected_text_is_found_by_what_its_middle_says_now(memory: AsyncMemory) -> None:
    told = await memory.store(f"{filler(5_000, 11)} {FACT} {filler(5_000, 17)}")
    now = FACT.replace("the old lighthouse, as Grandma loves the sea", "the castle in the hills")
    await memory.correct(told.memory_id, f"{filler(5_000, 11)} {now} {filler(3_000, 17)}")

    found = await memory.search("Is it a fortress where the wedding pictures are taken?")

    passage = found[0].passage
    assert passage is not None
    assert "castle" in found[0].content[passage.start : passage.end]
