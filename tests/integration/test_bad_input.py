"""What cannot be processed: a clear error, a dead letter, and neighbours that notice nothing."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka.errors import MessageSizeTooLargeError

from human_memory.bus.bus import Bus
from human_memory.bus.producer import partition_of
from schemas import limits
from schemas.codec import encode
from schemas.errors import LimitExceeded, Rejected, Unavailable
from schemas.ids import cause_of_key
from schemas.topics import (
    CORRELATION_ID,
    EVENTS,
    INBOX,
    QUERIES,
    REPLY_PARTITION,
    REPLY_TO,
    TIMEOUT_MS,
    Topic,
)
from services.common.embedding.embedder import embedder_of
from services.common.settings import EmbedderSettings
from services.projection.app import drop_read_side, rebuild
from tests import builders
from tests.engines import Engines
from tests.integration.agent import Agent, ids
from tests.integration.raw import PATIENCE_SECONDS, Headers, Raw, own_headers
from tests.integration.services_fixture import (
    ServiceProcess,
    System,
    assert_redis_is_the_fold_of_the_log,
    cursor_of,
    folded,
    system_on,
)
from tests.polling import eventually

# The first of them starts the services, which takes its time on a busy machine.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
NAMESPACE = "bad/input"
DEEP = b'{"a":' * 40 + b"1" + b"}" * 40


def store_with(**fields: Any) -> bytes:
    """A store command with these fields, valid or not."""
    return orjson.dumps({"type": "store", "namespace": NAMESPACE, "content": "Tea."} | fields)


def search_with(**fields: Any) -> bytes:
    """A search with these fields, valid or not."""
    return orjson.dumps({"type": "search", "namespace": NAMESPACE, "query": "Tea?"} | fields)


def spliced(message: bytes, field: str, value: bytes) -> bytes:
    """`message` with a field whose value no JSON library would write."""
    return message[:-1] + b',"' + field.encode() + b'":' + value + b"}"


EVERYWHERE: dict[str, tuple[bytes | None, str]] = {
    "not JSON": (b"{not json", "not JSON (RFC 8259, UTF-8)"),
    "not UTF-8": (b'{"type":"\xff\xfe"}', "not JSON (RFC 8259, UTF-8)"),
    "half a message": (store_with()[:-5], "not JSON (RFC 8259, UTF-8)"),
    "an array": (b"[]", "a message is a JSON object, not list"),
    "a number": (b"7", "a message is a JSON object, not int"),
    "an empty value": (b"", "not JSON (RFC 8259, UTF-8)"),
    "a null value": (None, "the record has no value"),
    "no type": (b"{}", "type: is required"),
    "an unknown type": (b'{"type":"remember"}', 'type: "remember" is unknown; known: '),
    "a bad type": (b'{"type":7}', "type: "),
}
COMMANDS: dict[str, tuple[bytes | None, str]] = EVERYWHERE | {
    "no content": (b'{"type":"store","namespace":"a"}', "content: is required"),
    "empty content": (store_with(content=""), "content: at least 1 characters, 0 sent"),
    "blank content": (store_with(content=" \n "), "content: must not be only white space"),
    "too much content": (
        store_with(content="x" * 32_769),
        "content_characters: 32,769 sent, 32,768 allowed",
    ),
    "no namespace": (b'{"type":"store","content":"Tea."}', "namespace: is required"),
    "a bad namespace": (store_with(namespace="a b"), "namespace: must be 1 to 128 characters"),
    "a long namespace": (store_with(namespace="a" * 129), "namespace: must be 1 to 128"),
    "NaN": (spliced(store_with(), "metadata", b'{"x":NaN}'), "metadata: numbers must be finite"),
    "infinity": (spliced(store_with(), "metadata", b'{"x":-Infinity}'), "must be finite"),
    "an integer beyond 64 bits": (
        spliced(store_with(), "metadata", b'{"x":%d}' % 2**70),
        "metadata: ",
    ),
    "deep metadata": (spliced(store_with(), "metadata", DEEP), "nested at most 32 deep"),
    "very deep metadata": (
        spliced(store_with(), "metadata", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        "not JSON (RFC 8259, UTF-8)",
    ),
    "much metadata": (store_with(metadata={"x": "y" * 9_000}), "metadata_bytes: 9,008 sent"),
    "an unknown field": (store_with(colour="red"), "colour: is not a field here; known: "),
    "a forged log line": (store_with(**{"a\nb": 1}), r"a\nb: is not a field here"),
    "a lone surrogate": (spliced(store_with(), "context", rb'"\ud800"'), ""),
    "a time without a zone": (store_with(occurred_at="2026-01-01T00:00:00"), "occurred_at: "),
    "a time in the future": (
        store_with(occurred_at="2999-01-01T00:00:00Z"),
        "occurred_at: 2999-01-01T00:00:00.000Z is in the future",
    ),
    "a name instead of an id": (
        b'{"type":"forget","namespace":"a","memory_id":"tea"}',
        "memory_id: ",
    ),
    "no memories": (b'{"type":"access","namespace":"a","memory_ids":[]}', "memory_ids: at least 1"),
    "too many memories": (
        orjson.dumps({"type": "access", "namespace": "a", "memory_ids": [str(uuid4())] * 501}),
        "memory_ids_items: 501 sent, 500 allowed",
    ),
    "almost a megabyte": (store_with(content="x" * 1_040_000), "content_characters: 1,040,000"),
}
QUESTIONS: dict[str, tuple[bytes | None, str]] = EVERYWHERE | {
    "no question": (b'{"type":"search","namespace":"a"}', "query: is required"),
    "an empty question": (search_with(query=""), "query: at least 1 characters"),
    "a long question": (search_with(query="x" * 10_001), "query_characters: 10,001 sent, 10,000"),
    "too much asked for": (search_with(top_k=101), "top_k: must be at most 100, not 101"),
    "NaN": (spliced(search_with(), "min_activation", b"NaN"), "min_activation: "),
    "an unknown field": (search_with(colour="red"), "colour: is not a field here; known: "),
    "a bad namespace": (search_with(namespace=""), "namespace: must be 1 to 128"),
    "a bad position": (search_with(after="soon"), "after: must be a position"),
    "a window that is none": (
        search_with(created_after="2026-01-02T00:00:00Z", created_before="2026-01-01T00:00:00Z"),
        "created_after must be before created_before",
    ),
}


@pytest.fixture(scope="module")
async def raw(system: System) -> AsyncIterator[Raw]:
    async with Raw(system) as client:
        yield client


async def between_neighbours(
    raw: Raw, topic: Topic, neighbour: bytes, value: bytes | None, headers: Headers
) -> tuple[Any, Any]:
    """Send a record between two good ones; the good ones' replies are awaited. Where it is."""
    names = [secrets.token_hex(8).encode() for _ in range(3)]
    bad = headers or raw.address(names[1])
    await raw.send(topic, neighbour, raw.address(names[0]))
    at = await raw.send(topic, value, bad)
    await raw.send(topic, neighbour, raw.address(names[2]))
    for name in (names[0], names[2]):
        assert (await raw.reply(name)).error is None
    return at, (await raw.reply(names[1])) if not headers else None


@pytest.mark.parametrize("name", COMMANDS)
async def test_bad_command_is_refused_by_name_and_kept_and_its_neighbours_are_processed(
    raw: Raw, name: str
) -> None:
    value, words = COMMANDS[name]

    at, reply = await between_neighbours(raw, INBOX, store_with(), value, [])

    assert reply.error.code == "validation"
    assert words in reply.error.message
    record, reason = await raw.dead_letter(at)
    assert (record.value, record.key) == (value or b"", b"key")
    assert reason.value_was_null == (value is None)
    assert reason.reason == reply.error.message
    assert (reason.code, reason.service) == ("validation", "ingest")


@pytest.mark.parametrize("name", QUESTIONS)
async def test_bad_query_is_refused_by_name_and_kept_and_its_neighbours_are_answered(
    raw: Raw, name: str
) -> None:
    value, words = QUESTIONS[name]

    at, reply = await between_neighbours(raw, QUERIES, search_with(), value, [])

    assert reply.error.code == "validation"
    assert words in reply.error.message
    record, reason = await raw.dead_letter(at)
    assert (record.value, record.key) == (value or b"", b"key")
    assert reason.reason == reply.error.message
    assert (reason.code, reason.service) == ("validation", "retrieval")


async def test_bad_command_that_wants_no_reply_is_kept_all_the_same(raw: Raw) -> None:
    headers = [("trace", b"\xff\xfe\x00"), ("trace", b"twice"), ("empty", b"")]

    at, _ = await between_neighbours(raw, INBOX, store_with(), b"{not json", headers)

    record, reason = await raw.dead_letter(at)
    assert own_headers(record) == headers
    assert reason.timestamp == at.timestamp


ADDRESSES: dict[str, dict[str, bytes | None]] = {
    "a topic that does not exist": {REPLY_TO: b"no.such.topic"},
    "a topic that is not for replies": {REPLY_TO: b"memory.events"},
    "a topic that is no text": {REPLY_TO: b"\xff\xfe"},
    "a partition that does not exist": {REPLY_PARTITION: b"99"},
    "a partition below none": {REPLY_PARTITION: b"-1"},
    "a partition that is no number": {REPLY_PARTITION: b"\xff"},
    "no partition": {REPLY_PARTITION: None},
    "no correlation id": {CORRELATION_ID: None},
    "an empty correlation id": {CORRELATION_ID: b""},
    "a long correlation id": {CORRELATION_ID: b"x" * 257},
}


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("topic", [INBOX, QUERIES], ids=["command", "query"])
async def test_reply_address_that_is_none_of_ours_is_kept_and_holds_up_nobody(
    raw: Raw, topic: Topic, name: str
) -> None:
    good = store_with() if topic is INBOX else search_with()
    fields = dict(raw.address(b"somebody")) | ADDRESSES[name]
    headers = [(field, value) for field, value in fields.items() if value is not None]

    at, _ = await between_neighbours(raw, topic, good, good, headers)

    record, reason = await raw.dead_letter(at)
    assert record.value == good
    assert own_headers(record) == headers
    assert any(field in reason.reason for field in ADDRESSES[name])


@pytest.mark.parametrize(
    ("timeout", "words"),
    [
        (b"soon", "header timeout_ms: must be a whole number of milliseconds"),
        (b"0", "header timeout_ms: must be a whole number"),
        (b"\xff", "header timeout_ms: must be a whole number"),
        (b"600001", "header timeout_ms: 600,001 sent, 600,000 allowed"),
    ],
)
async def test_deadline_that_says_nothing_is_refused_by_name(
    raw: Raw, timeout: bytes, words: str
) -> None:
    reply = await raw.ask(QUERIES, search_with(), [(TIMEOUT_MS, timeout)])

    assert reply.error is not None
    assert reply.error.code == "validation"
    assert words in reply.error.message


async def test_headers_that_are_no_text_disturb_nobody(raw: Raw, namespace: str) -> None:
    headers = [("trace", b"\xff\xfe"), ("\u00e4\u2603", b"\x00")]
    name = b"\xff\xfe" + secrets.token_bytes(8)

    await raw.send(INBOX, store_with(namespace=namespace), [*raw.address(name), *headers])

    assert (await raw.reply(name)).error is None


async def test_record_over_the_limit_is_refused_where_it_is_sent(
    raw: Raw, memory: Bus, namespace: str
) -> None:
    too_large = store_with(content="x" * limits.RECORD_BYTES_MAX)

    large = builders.store(namespace=namespace).model_copy(
        update={"content": "x" * limits.RECORD_BYTES_MAX}
    )

    with pytest.raises(MessageSizeTooLargeError):
        await raw.send(INBOX, too_large)
    with pytest.raises(LimitExceeded, match=r"value_bytes: .* allowed"):
        await memory.request(large)

    assert (await raw.ask(INBOX, store_with())).error is None


async def test_largest_memory_there_may_be_is_remembered_and_found(agent: Agent) -> None:
    # Every character takes six bytes as JSON, and lies twice in the event.
    content = "\x01" * (limits.CONTENT_CHARACTERS_MAX - 1) + "x"
    stored = await agent.store(
        content,
        tags=["t" * limits.TAG_CHARACTERS_MAX] * limits.TAGS_MAX,
        concepts=["\x02" * (limits.CONCEPT_NAME_CHARACTERS_MAX - 1) + "c"] * limits.CONCEPTS_MAX,
        context="\x03" * limits.CONTEXT_CHARACTERS_MAX,
        metadata={"m": "y" * 8_000},
        session="\x04" * limits.LABEL_CHARACTERS_MAX,
        speaker="\x05" * limits.LABEL_CHARACTERS_MAX,
        derived_from=[{"memory_id": str(uuid4())} for _ in range(limits.DERIVED_FROM_MAX)],
    )

    (row,) = await agent.search()

    assert ids([row]) == [stored]
    assert row["content"] == content


async def test_answer_that_is_too_large_names_the_limit(agent: Agent) -> None:
    content = "\x01" * (limits.CONTENT_CHARACTERS_MAX - 1) + "x"
    await asyncio.gather(*[agent.store(content) for _ in range(6)])

    with pytest.raises(Rejected, match=r"value_bytes: .* allowed"):
        await agent.search(top_k=6, collapse=False)

    assert len(await agent.search(top_k=1)) == 1


def event(**fields: Any) -> bytes:
    """A stored event with these fields of its envelope or payload, valid or not."""
    message = builders.stored_event(envelope={"namespace": NAMESPACE, "id": uuid4()})
    return orjson.dumps(orjson.loads(encode(message)) | fields)


def event_with(**data: Any) -> bytes:
    """The same for its payload."""
    return event(data=orjson.loads(event())["data"] | data)


GARBAGE: dict[str, bytes | None] = {
    "not JSON": b"{not json",
    "a null value": None,
    "an empty value": b"",
    "no event": b"{}",
    "an event of others": event(type="weather.changed.v1"),
    "no version": event(type="memory.stored"),
    "no memory id": event(subject="tea"),
    "no content": event_with(content=""),
    "a vector of zeros": event_with(embedding=orjson.loads(encode(builders.embedding([0.0])))),
    "a vector with NaN": event_with(
        embedding=orjson.loads(encode(builders.embedding([float("nan")])))
    ),
    "half a vector": event_with(
        embedding={"model": "m", "dimension": 384, "dtype": "float16", "data": "AAAA"}
    ),
    "a bad namespace": event(namespace="a b"),
    "an unknown field": event(colour="red"),
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_garbage_in_the_log_goes_to_dead_letters_and_the_cursor_passes_it(
    system: System, raw: Raw, agent: Agent, name: str
) -> None:
    partition = partition_of(agent.namespace.encode(), system.settings.partitions)
    first = await agent.store("Before.")
    at = await raw.send(EVENTS, GARBAGE[name], partition=partition)

    second = await agent.store("After.")

    rows = (await agent.list())["memories"]
    assert set(ids(rows)) == {first, second}
    record, reason = await raw.dead_letter(at)
    assert record.value == (GARBAGE[name] or b"")
    assert reason.service == "projection"
    await assert_redis_is_the_fold_of_the_log(system)


async def test_vector_of_another_model_disturbs_no_search_and_no_rebuild(
    system: System, raw: Raw, agent: Agent
) -> None:
    partition = partition_of(agent.namespace.encode(), system.settings.partitions)
    stored = await agent.store()
    foreign = builders.stored_event(
        uuid4(), envelope={"namespace": agent.namespace}, embedding=builders.embedding(dimension=3)
    )
    at = await raw.send(EVENTS, encode(foreign), partition=partition)
    agent.position = f"{at.partition}:{at.offset}"

    rows = await agent.search(collapse=False)

    assert ids(rows)[0] == stored
    assert len(rows) == 2
    assert (await rebuild(system.settings)).identical
    await assert_redis_is_the_fold_of_the_log(system)


LATE = "late/agent"


@pytest.fixture(scope="module")
async def late(
    stack: Engines, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[System, Raw, ServiceProcess]]:
    """A system of its own that starts when its records have waited for a while."""
    async with system_on(stack.kafka, stack.redis, tmp_path_factory.mktemp("late")) as own:
        count = own.settings.partitions
        partition = partition_of(LATE.encode(), count)
        async with Raw(own) as raw:
            expired = [(TIMEOUT_MS, b"1")]
            # A service refuses to start where another model has made what is stored.
            digest = await embedder_of(EmbedderSettings()).identify()
            made = builders.embedding().model_copy(update={"digest": digest})
            stored = builders.stored_event(envelope={"namespace": LATE}, embedding=made)
            await raw.send(EVENTS, encode(stored), partition=partition)
            recall = builders.recall(namespace=LATE)
            await raw.send(QUERIES, encode(recall), [*raw.address(b"recall"), *expired])
            late_store = builders.store(namespace=LATE, idempotency_key="late")
            await raw.send(INBOX, encode(late_store), [*raw.address(b"store"), *expired])
            newer = (partition + 1) % count
            await raw.send(EVENTS, event(type="memory.stored.v2"), partition=newer)
            behind = event_with(embedding=made.model_dump(mode="json"))
            await raw.send(EVENTS, behind, partition=newer)
            process = own.start("ingest", "projection", "retrieval")
            yield own, raw, process


async def test_query_whose_deadline_has_passed_is_not_carried_out(
    late: tuple[System, Raw, ServiceProcess],
) -> None:
    system, raw, _ = late

    reply = await raw.reply(b"recall")

    assert reply.error is not None
    assert reply.error.code == "timeout"
    async with system.bus() as bus:
        agent = Agent(bus, LATE)
        await eventually(lambda: holds(agent, 1), seconds=PATIENCE_SECONDS)
        entry = await agent.inspect(builders.memory_id("m1"))
    assert entry["access_count"] == 1


async def test_store_whose_deadline_has_passed_is_stored_all_the_same(
    late: tuple[System, Raw, ServiceProcess],
) -> None:
    system, raw, _ = late

    reply = await raw.reply(b"store")

    memory = cause_of_key(LATE, "late")
    assert reply.unwrap()["memory_id"] == str(memory)
    async with system.bus() as bus:
        agent = Agent(bus, LATE, reply.position)
        assert (await agent.inspect(memory))["status"] == "active"


async def test_newer_version_of_an_event_stops_its_partition_only_and_readiness_says_so(
    late: tuple[System, Raw, ServiceProcess],
) -> None:
    system, _, process = late
    count = system.settings.partitions
    stopped = (partition_of(LATE.encode(), count) + 1) % count
    names = {partition_of(f"n{i}".encode(), count): f"n{i}" for i in range(99)}

    async def says_so() -> bool:
        checks = (await process.readiness("projection")).get("checks", {})
        return "memory.stored.v2" in checks.get("projection", "")

    await eventually(says_so, seconds=PATIENCE_SECONDS)
    answer = await process.readiness("projection")
    assert answer["status"] == "unavailable"
    assert "upgrade it, then restart it" in answer["checks"]["projection"]
    async with system.redis() as redis, system.bus() as bus:
        assert await cursor_of(system, redis, stopped) == 0
        for partition, name in names.items():
            agent = Agent(bus, name)
            await agent.store()
            if partition != stopped:
                assert (await agent.stats())["total"] == 1
        waits = builders.stats(namespace=names[stopped], after=f"{stopped}:2")
        with pytest.raises(Unavailable):
            await bus.ask(waits, timeout_seconds=1.0)


async def test_stopped_partition_comes_back_to_the_same_place_after_a_loss(
    late: tuple[System, Raw, ServiceProcess],
) -> None:
    system, _, process = late
    count = system.settings.partitions
    stopped = (partition_of(LATE.encode(), count) + 1) % count
    await drop_read_side(system.settings)

    async with system.bus() as bus:
        agent = Agent(bus, LATE)
        await eventually(lambda: holds(agent, 2), seconds=PATIENCE_SECONDS)

    async with system.redis() as redis:
        assert await cursor_of(system, redis, stopped) == 0
    assert "memory.stored.v2" in (await process.readiness("projection"))["checks"]["projection"]


async def holds(agent: Agent, count: int) -> bool:
    """Whether so many memories can be read, or more."""
    try:
        return bool((await agent.stats())["total"] >= count)
    except Unavailable:
        return False


async def test_after_all_this_redis_is_the_fold_of_the_log(system: System) -> None:
    await folded(system)
    await assert_redis_is_the_fold_of_the_log(system)
