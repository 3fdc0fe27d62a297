"""Managing memories: correct, choose, forget many, over HTTP and over the bus alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from human_memory import AsyncMemory, MemoryNotFound, ValidationError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

JANUARY, MARCH = datetime(2026, 1, 15, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture
async def memory(address: str, namespace: str) -> AsyncIterator[AsyncMemory]:
    """A client of a namespace that only this test uses."""
    async with AsyncMemory(address, namespace=namespace) as client:
        yield client


async def test_metadata_session_and_speaker_filter_searches_and_lists(memory: AsyncMemory) -> None:
    for number in range(12):
        await memory.store(
            f"Invoice {number} is due.",
            metadata={"total": number * 10, "from": {"city": "Bern" if number % 2 else "Basel"}},
            session=f"s{number % 3}",
            speaker="Ada" if number < 6 else "Bob",
        )

    async def found(**filters: object) -> list[int]:
        rows = await memory.search("Which invoices are due?", 20, **filters)  # type: ignore[arg-type]
        page = await memory.page(**filters)  # type: ignore[arg-type]
        numbers = sorted(int(row.content.split()[1]) for row in rows)
        assert sorted(int(item.content.split()[1]) for item in page.memories) == numbers
        assert page.total == len(numbers)
        return numbers

    assert await found(filter={"total": {"$gte": 90}}) == [9, 10, 11]
    assert await found(filter={"from": {"city": "Bern"}, "total": {"$lt": 40}}) == [1, 3]
    assert await found(filter={"from.city": "Basel"}, speaker="Ada", session="s0") == [0]
    assert await found(filter={"paid": {"$exists": True}}) == []
    with pytest.raises(ValidationError, match=r"\$near is no operator"):
        await memory.search("invoices", filter={"total": {"$near": 1}})
    with pytest.raises(ValidationError, match=r"\$near is no operator"):
        await memory.list(filter={"total": {"$near": 1}})


@pytest.mark.parametrize("kind", ["user:{}", "auth0|{}", "o'neil+{}@mail.example", "a=~{}"])
async def test_namespace_may_be_an_account_or_an_e_mail_address(
    address: str, gateway: str, namespace: str, kind: str
) -> None:
    whose = kind.format(namespace.replace("/", "-"))

    async with AsyncMemory(address, namespace=whose) as memory:
        stored = await memory.store("Tea is at four.", session="s", idempotency_key="k:1")
        found = await memory.search("When is tea?")
        named = (await memory.namespaces(prefix=whose)).namespaces
    async with AsyncMemory(f"{gateway}/ns/{quote(whose, safe='')}") as by_path:
        listed = await by_path.list()

    assert [each.memory_id for each in found] == [stored.memory_id]
    assert [each.namespace for each in named] == [whose]
    assert [each.memory_id for each in listed] == [stored.memory_id]


async def test_conversation_of_one_namespace_is_not_that_of_another_with_a_colon(
    address: str, namespace: str
) -> None:
    async with AsyncMemory(address, namespace=namespace) as memory:
        one = await memory.store("Tea is at four.", session="b:monday")
        await memory.store("Noemi brings cake.", session="monday", namespace=f"{namespace}:b")
        found = await memory.search("When is tea?", explain=True)

    assert [each.memory_id for each in found] == [one.memory_id]
    assert found[0].reasons is not None
    assert found[0].reasons.get("previous") is found[0].reasons.get("next") is None


async def test_all_that_meet_conditions_are_forgotten_and_counted_before(
    memory: AsyncMemory,
) -> None:
    ids = [
        (await memory.store(f"Note {n}.", metadata={"ticket": n % 2}, speaker="Ada")).memory_id
        for n in range(6)
    ]

    counted = await memory.forget_matching(filter={"ticket": 1}, dry_run=True)
    kept = (await memory.stats()).active
    forgotten = await memory.forget_matching(filter={"ticket": 1}, reason="closed")

    assert (counted, kept, forgotten) == (3, 6, 3)
    assert {each.memory_id for each in await memory.list(status="active")} == {*ids[::2]}
    assert await memory.forget_matching(filter={"ticket": 1}) == 0
    await memory.restore(ids[1])
    assert (await memory.stats()).active == 4
    assert await memory.forget_matching(all=True) == 4
    assert (await memory.stats()).active == 0


@pytest.mark.parametrize("given", [{}, {"all": True, "speaker": "Ada"}, {"dry_run": True}])
async def test_forgetting_many_needs_conditions_or_all(
    memory: AsyncMemory, given: dict[str, object]
) -> None:
    await memory.store("Tea is at four.")

    with pytest.raises(ValidationError, match="conditions, or all, and not both"):
        await memory.forget_matching(**given)  # type: ignore[arg-type] # a parameter

    assert (await memory.stats()).active == 1


async def test_turn_of_a_conversation_is_stored_in_its_order(memory: AsyncMemory) -> None:
    turn = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "name": "Noemi", "content": "I moved to Bern."},
        {"role": "assistant", "content": "How do you like it there?"},
    ]

    stored = await memory.add(turn, session="s1", idempotency_key="turn-1")
    again = await memory.add(turn, session="s1", idempotency_key="turn-1")

    assert [each.memory_id for each in again] == [each.memory_id for each in stored]
    said = [await memory.inspect(each.memory_id) for each in stored]
    assert [(each.speaker, each.content, each.session) for each in said] == [
        ("Noemi", "I moved to Bern.", "s1"),
        ("assistant", "How do you like it there?", "s1"),
    ]


async def test_store_can_strengthen_an_equal_memory_instead_of_adding_one(
    memory: AsyncMemory,
) -> None:
    first = await memory.store("Tea is at four.", if_equal="strengthen", occurred_at=JANUARY)

    again = await memory.store("Tea is at FOUR!", if_equal="strengthen")
    other = await memory.store("Tea is at five.", if_equal="strengthen")
    added = await memory.store("Tea is at four.")

    assert (first.strengthened, other.strengthened, added.strengthened) == (None, None, None)
    assert (again.memory_id, again.strengthened) == (first.memory_id, True)
    assert len({first.memory_id, other.memory_id, added.memory_id}) == 3
    assert (await memory.inspect(first.memory_id)).access_count == 2
    assert (await memory.stats()).active == 3


async def test_copies_of_a_text_take_one_place_with_their_number(memory: AsyncMemory) -> None:
    for number in range(30):
        await memory.store(f"The tea{'!' * (number % 3)} is at four", occurred_at=JANUARY)
    await memory.store("The tea was cold.", occurred_at=JANUARY)

    found = await memory.search("When is the tea?")
    counts = [(await memory.inspect(row.memory_id)).access_count for row in found]
    apart = await memory.search("When is the tea?", collapse=False)

    assert [(row.content.rstrip("!"), row.copies) for row in found] == [
        ("The tea is at four", 30),
        ("The tea was cold.", None),
    ]
    assert counts == [2, 2]
    assert len(apart) == 7
    assert {row.copies for row in apart} == {None}


async def test_corrected_memory_is_found_by_its_new_text_until_that_is_taken_back(
    memory: AsyncMemory,
) -> None:
    stored = await memory.store(
        "Noemi keeps bees in Basel.", tags=["home"], speaker="Ada", occurred_at=MARCH
    )
    await memory.store("Pia collects stamps.")
    await memory.search("What does Noemi keep?")

    corrected = await memory.correct(
        stored.memory_id, "Noemi plays the tuba.", metadata={"checked": True}, reason="misheard"
    )

    assert (corrected.content, corrected.tags) == ("Noemi plays the tuba.", ["home"])
    assert (corrected.metadata, corrected.access_count) == ({"checked": True}, 2)
    assert corrected.created_at == "2026-03-01T10:00:00.000000Z"
    (record,) = corrected.corrections
    assert (record.content, record.reason, record.tags) == (
        "Noemi keeps bees in Basel.",
        "misheard",
        None,
    )
    first = (await memory.search("Who plays an instrument, a tuba?", explain=True))[0]
    assert first.content == "Noemi plays the tuba."
    assert first.reasons is not None
    assert first.reasons["words"]["tuba"] > 0
    back = await memory.correct(stored.memory_id, reversed=True)
    assert (back.content, back.metadata) == ("Noemi keeps bees in Basel.", {})
    assert back.corrections == []
    found = await memory.search("Who keeps bees?", record_access=False, explain=True)
    assert found[0].content == "Noemi keeps bees in Basel."
    assert found[0].reasons is not None
    assert found[0].reasons["words"]["bee"] > 0


async def test_what_cannot_be_corrected_is_refused(memory: AsyncMemory) -> None:
    stored = await memory.store("Tea is at four.")

    with pytest.raises(MemoryNotFound):
        await memory.correct(stored.memory_id, reversed=True)
    with pytest.raises(ValidationError, match="nothing to correct"):
        await memory.correct(stored.memory_id)
    with pytest.raises(MemoryNotFound):
        await memory.correct("00000000-0000-4000-8000-000000000000", "Tea is at five.")
    await memory.forget(stored.memory_id)
    with pytest.raises(MemoryNotFound):
        await memory.correct(stored.memory_id, "Tea is at five.")


async def test_last_of_many_corrections_at_once_holds(memory: AsyncMemory) -> None:
    stored = await memory.store("Tea is at four.")

    await asyncio.gather(*(memory.correct(stored.memory_id, f"Tea is at {n}.") for n in range(8)))

    detail = await memory.inspect(stored.memory_id)
    said = [each.content for each in detail.corrections]
    assert sorted([detail.content, *filter(None, said)]) == sorted(
        ["Tea is at four.", *(f"Tea is at {n}." for n in range(8))]
    )


async def test_memory_is_found_until_it_expires_and_at_moments_before(memory: AsyncMemory) -> None:
    kept = await memory.store("The gate is at the back.", occurred_at=JANUARY)
    code = "The code of the gate is 4711."
    gone = await memory.store(code, occurred_at=JANUARY, expires_at=MARCH, pinned=True)
    later = datetime(2999, 1, 1, tzinfo=UTC)
    lasting = await memory.store("The gate is green.", occurred_at=JANUARY, expires_at=later)

    async def found(about: str = "the gate", **fields: object) -> set[str]:
        rows = await memory.search(about, 10, **fields)  # type: ignore[arg-type]
        return {row.memory_id for row in rows}

    active = {kept.memory_id, lasting.memory_id}
    assert await found() == active
    assert await found(code) == active
    assert await found(as_of=MARCH) == active
    assert await found(as_of=datetime(2026, 2, 1, tzinfo=UTC)) == active | {gone.memory_id}
    assert await found(include_decayed=True) == active | {gone.memory_id}
    assert {each.memory_id for each in await memory.list(status="active")} == active
    stats = await memory.stats()
    assert (stats.active, stats.decayed) == (2, 1)
    assert gone.memory_id not in {each.memory_id for each in await memory.working_memory()}
    with pytest.raises(MemoryNotFound, match="not active"):
        await memory.recall(gone.memory_id)
    detail = await memory.inspect(gone.memory_id)
    assert (detail.status, detail.expires_at) == ("decayed", "2026-03-01T10:00:00.000000Z")

    await memory.restore(gone.memory_id)

    assert await found() == active | {gone.memory_id}
    assert (await memory.inspect(gone.memory_id)).expires_at is None
    with pytest.raises(ValidationError, match=r"expires_at: .* is not after occurred_at"):
        await memory.store("Too late.", occurred_at=MARCH, expires_at=JANUARY)


async def test_expiry_is_corrected_and_that_is_taken_back(memory: AsyncMemory) -> None:
    code = "The code of the gate is 4711."
    stored = await memory.store(code, occurred_at=JANUARY, expires_at=MARCH)
    later = datetime(2999, 1, 1, tzinfo=UTC)

    prolonged = await memory.correct(stored.memory_id, expires_at=later, reason="prolonged")
    lasting = await memory.correct(stored.memory_id, expires_at="never")

    assert (prolonged.status, prolonged.expires_at) == ("active", "2999-01-01T00:00:00.000000Z")
    assert [each.expires_at for each in prolonged.corrections] == ["2026-03-01T10:00:00.000000Z"]
    assert (lasting.status, lasting.expires_at) == ("active", None)
    assert lasting.corrections[0].expires_at == "2999-01-01T00:00:00.000000Z"
    assert (await memory.stats()).active == 1
    assert [each.content for each in await memory.search(code, record_access=False)] == [code]
    await memory.correct(stored.memory_id, reversed=True)
    back = await memory.correct(stored.memory_id, reversed=True)
    assert (back.status, back.expires_at) == ("decayed", "2026-03-01T10:00:00.000000Z")
    assert back.corrections == []
    assert (await memory.stats()).decayed == 1
    assert await memory.search(code) == []
    marked = await memory.search(code, include_decayed=True)
    assert [(each.status, each.expires_at) for each in marked] == [(back.status, back.expires_at)]
    assert await memory.search(code) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (JANUARY, "expires_at: 2026-01-15T09:00:00.000Z is not after .*; give a later moment, or"),
        ("2999-01-01T00:00:00", "expires_at: a time is an RFC 3339 string with its zone"),
        ("next week", "expires_at: a time is an RFC 3339 string .*; or give never"),
        (None, "nothing to correct: .*an expires_at of never takes an expiry away"),
    ],
    ids=["past", "without a zone", "nonsense", "null"],
)
async def test_expiry_of_no_use_is_refused_with_what_to_give(
    memory: AsyncMemory, given: Any, words: str
) -> None:
    stored = await memory.store("Tea is at four.")

    with pytest.raises(ValidationError, match=words):
        await memory.correct(stored.memory_id, expires_at=given)

    assert (await memory.inspect(stored.memory_id)).corrections == []
