"""Long texts at ingest: each passage has a vector, with the date and the speaker before it."""

import base64
from itertools import pairwise

import pytest

from schemas.codec import decode_event, encode
from schemas.events import MemoryCorrected, MemoryStored, Passages
from schemas.limits import CONTENT_CHARACTERS_MAX, PASSAGES_MAX, VALUE_BYTES_MAX
from services.ingest.domain import float16_of
from services.ingest.passages import split
from tests.builders import correct, memory_id, store
from tests.fakes.hash_model import hash_encode
from tests.unit.services.ingest.inbox import Member, asking, record

LONG = " ".join(f"The fact number {number} is written here." for number in range(300))
DATED = "[15 Jun 2025] Ada: "


@pytest.fixture
async def member() -> Member:
    return await Member().begin()


def said(content: str, embedding_data: str, further: Passages | None) -> list[tuple[str, bytes]]:
    """The passages of an event's text, each with its vector."""
    starts = [0, *(further.starts if further else []), len(content)]
    packed = base64.b64decode(embedding_data) + base64.b64decode(further.data if further else "")
    size = len(packed) // (len(starts) - 1)
    vectors = [packed[at : at + size] for at in range(0, len(packed), size)]
    return [(content[a:b], v) for (a, b), v in zip(pairwise(starts), vectors, strict=True)]


def embedded(text: str) -> bytes:
    return float16_of(hash_encode([text])[0])


async def test_each_passage_of_a_long_text_is_embedded_as_a_text_of_its_own(member: Member) -> None:
    await member.handle(record(0, store(LONG, speaker="Ada"), headers=asking()))

    (event,) = member.log.events
    assert isinstance(event, MemoryStored)
    found = said(LONG, event.data.embedding.data, event.data.passages)
    assert len(found) > 5
    assert "".join(passage for passage, _ in found) == LONG
    assert [vector for _, vector in found] == [embedded(DATED + each) for each, _ in found]
    assert decode_event(encode(event)) == event


async def test_reply_says_how_many_passages_are_stored_also_to_a_repeat(member: Member) -> None:
    sent = store(LONG, idempotency_key="k")

    await member.handle(record(0, sent, headers=asking("q1")))
    await member.handle(record(1, sent, headers=asking("q2")))
    await member.handle(record(2, store("Tea."), headers=asking("q3")))

    replies = {name: reply.unwrap() for name, reply in member.producer.replies().items()}
    event = member.log.events[0]
    assert isinstance(event, MemoryStored)
    assert event.data.passages is not None
    assert replies["q1"]["passages"] == 1 + len(event.data.passages.starts)
    assert replies["q2"] == replies["q1"]
    assert "passages" not in replies["q3"]


async def test_short_text_costs_nothing_for_passages(member: Member) -> None:
    await member.handle(record(0, store("Tea.")))

    assert b"passages" not in encode(member.log.events[0])


async def test_corrected_text_is_embedded_in_its_own_passages(member: Member) -> None:
    await member.handle(record(0, correct(memory_id("ann"), content=LONG)))

    (event,) = member.log.events
    assert isinstance(event, MemoryCorrected)
    text = event.data.text
    assert text is not None
    found = said(LONG, text.embedding.data, text.passages)
    assert [vector for _, vector in found] == [embedded(each) for each, _ in found]


async def test_long_text_beside_short_ones_leaves_each_its_own_vector(member: Member) -> None:
    await member.handle(*(record(i, store(text)) for i, text in enumerate(("Tea.", LONG, "Four."))))

    stored = [event for event in member.log.events if isinstance(event, MemoryStored)]
    vectors = [base64.b64decode(event.data.embedding.data) for event in stored]
    assert vectors[0] == embedded("[15 Jun 2025] Tea.")
    assert vectors[2] == embedded("[15 Jun 2025] Four.")


@pytest.mark.parametrize("dimension", [1, 384, 4096])
@pytest.mark.parametrize("sign", ["a b ", "中", "한", "ab. "])
def test_no_text_has_more_passages_than_an_event_has_room_for(dimension: int, sign: str) -> None:
    text = (sign * CONTENT_CHARACTERS_MAX)[:CONTENT_CHARACTERS_MAX]

    found = split(text, dimension)

    assert 1 < len(found) <= PASSAGES_MAX
    assert len(found) * dimension * 2 * 4 / 3 < VALUE_BYTES_MAX / 2


async def test_batch_of_long_texts_gets_done_in_portions(member: Member) -> None:
    texts = [f"{number} {LONG}" for number in range(40)]

    await member.handle(*(record(i, store(text)) for i, text in enumerate(texts)))

    stored = [event for event in member.log.events if isinstance(event, MemoryStored)]
    assert [event.data.content for event in stored] == texts
    assert member.ingest.portions > 1
