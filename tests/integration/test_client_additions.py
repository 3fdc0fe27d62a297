"""What our client adds to the published one, over HTTP and over the bus, with the same results."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from human_memory import (
    AsyncMemory,
    HumanMemoryError,
    Memory,
    MemoryNotFound,
    ServiceUnavailable,
    ValidationError,
)
from schemas.limits import HTTP_BODY_BYTES_MAX
from stack.state import free_port
from tests.integration.services_fixture import System

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

JANUARY, MARCH = datetime(2026, 1, 15, 9, tzinfo=UTC), datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
async def maintained(system: System) -> AsyncIterator[System]:
    """The shared system, with maintenance."""
    maintenance = system.start("maintenance")
    await maintenance.ready()
    yield system
    await maintenance.stop()


@pytest.fixture
async def memory(address: str, namespace: str) -> AsyncIterator[AsyncMemory]:
    """A client of a namespace that only this test uses."""
    async with AsyncMemory(address, namespace=namespace) as client:
        yield client


async def test_rows_have_metadata_where_it_is_asked_for_each_time(memory: AsyncMemory) -> None:
    await memory.store("Tea is at four.", metadata={"page": 3})

    # The second search finds the text in a cache that keeps no metadata.
    searched = [
        (await memory.search("tea", include_metadata=asked))[0].metadata
        for asked in (True, False, True)
    ]
    listed = [(await memory.list(include_metadata=asked))[0].metadata for asked in (True, False)]

    assert searched == [{"page": 3}, None, {"page": 3}]
    assert listed == [{"page": 3}, None]


async def test_what_was_said_with_a_memory_comes_back_and_filters(memory: AsyncMemory) -> None:
    stored = await memory.store(
        "Noemi moved to Basel.",
        memory_type="semantic",
        tags=["people", "homes"],
        metadata={"source": {"page": 3}},
        session="s1",
        speaker="Ada",
        occurred_at=MARCH,
    )
    await memory.store("Noemi lives in Bern.", tags=["people"], occurred_at=JANUARY)

    async def found(**filters: object) -> list[str]:
        rows = await memory.search("Where does Noemi live?", **filters)  # type: ignore[arg-type]
        return sorted(row.content.split()[-1] for row in rows)

    detail = await memory.inspect(stored.memory_id, course=10)
    assert detail.course is not None
    assert detail.course.ahead[0].activation == pytest.approx(detail.activation)
    assert (detail.tags, detail.metadata) == (["people", "homes"], {"source": {"page": 3}})
    assert (detail.session, detail.speaker) == ("s1", "Ada")
    assert detail.created_at == "2026-03-01T10:00:00.000000Z"
    assert await found() == ["Basel.", "Bern."]
    assert await found(types=["semantic"]) == ["Basel."]
    assert await found(tags=["homes", "people"]) == ["Basel."]
    assert await found(since=JANUARY + timedelta(days=1)) == ["Basel."]
    assert await found(until=MARCH) == ["Bern."]
    assert await found(as_of=JANUARY + timedelta(days=1)) == ["Bern."]


async def test_what_a_memory_is_about_feels_like_and_was_made_of_comes_back(
    memory: AsyncMemory,
) -> None:
    await memory.add_concept("tea", aliases=["chai"])
    source = await memory.store("Chai is at four.")
    stored = await memory.store(
        "Tea is served in the afternoon.",
        memory_type="semantic",
        concepts=["tea"],
        emotion={"valence": 0.5, "arousal": 0.25, "salience": 0.75},
        derived_from=[source.memory_id],
    )

    detail, origin = await memory.inspect(stored.memory_id), await memory.inspect(source.memory_id)

    assert (detail.concepts, detail.memory_type) == (["tea"], "semantic")
    assert (detail.emotion_valence, detail.emotion_arousal, detail.salience) == (0.5, 0.25, 0.75)
    assert [each.memory_id for each in detail.derived_from] == [source.memory_id]
    assert origin.derivatives == [stored.memory_id]
    assert (await memory.get_concept("tea")).aliases == ["chai"]


async def test_recall_may_look_only_and_at_a_past_moment(memory: AsyncMemory) -> None:
    stored = await memory.store("Tea is at four.", occurred_at=JANUARY)

    seen = await memory.recall(stored.memory_id, record_access=False, explain=True)

    assert seen.access_count == 1
    assert seen.explanation is not None
    assert sum(seen.explanation.model_dump().values()) == pytest.approx(seen.activation)
    with pytest.raises(MemoryNotFound):
        await memory.recall(stored.memory_id, as_of=JANUARY - timedelta(days=1))


async def test_explanation_adds_up_and_looking_leaves_no_trace(memory: AsyncMemory) -> None:
    stored = await memory.store("Tea is at four.")

    (row,) = await memory.search("When is tea?", record_access=False, explain=True)

    assert row.explanation is not None
    assert sum(row.explanation.model_dump().values()) == pytest.approx(row.activation)
    assert (await memory.inspect(stored.memory_id)).access_count == 1


async def test_same_key_is_the_same_memory_and_another_content_is_refused(
    memory: AsyncMemory,
) -> None:
    first = await memory.store("Tea is at four.", idempotency_key="turn-1")

    again = await memory.store("Tea is at four.", idempotency_key="turn-1")

    assert again.memory_id == first.memory_id
    with pytest.raises(ValidationError, match="used before"):
        await memory.store("Tea is at five.", idempotency_key="turn-1")
    assert (await memory.stats()).total == 1


async def test_search_under_a_key_counts_once(memory: AsyncMemory) -> None:
    stored = await memory.store("Tea is at four.")

    for _ in range(2):
        await memory.search("When is tea?", idempotency_key="question-1")

    assert (await memory.inspect(stored.memory_id)).access_count == 2


async def test_batches_tell_how_far_they_are_and_are_completed_under_a_key(
    memory: AsyncMemory,
) -> None:
    items = [{"content": f"Guest {number}", "tags": ["guests"]} for number in range(5)]
    progress: list[int] = []

    stored = await memory.store_batch(
        items, batch_size=2, progress=progress.append, idempotency_key="guests"
    )
    again = await memory.store_batch(items, batch_size=2, idempotency_key="guests")

    assert progress == [2, 4, 5]
    assert [row.memory_id for row in again] == [row.memory_id for row in stored]
    assert (await memory.stats()).total == 5


async def test_use_counts_and_what_was_forgotten_can_be_restored(memory: AsyncMemory) -> None:
    stored = await memory.store("The password was tulip.")

    await memory.used([stored.memory_id], context="answer")
    await memory.forget(stored.memory_id)
    restored = await memory.restore(stored.memory_id)

    assert (restored.status, restored.access_count) == ("active", 3)
    kinds = [access.kind for access in (await memory.inspect(stored.memory_id)).access_history]
    assert kinds == ["restore", "used", "creation"]
    focus = await memory.working_memory()
    assert [row.memory_id for row in focus] == [stored.memory_id]


async def test_pages_by_cursor_have_no_repeats_or_gaps_while_memories_change(
    memory: AsyncMemory,
) -> None:
    stored = [(await memory.store(f"Guest {number}")).memory_id for number in range(9)]
    page = await memory.page(limit=2)
    assert page.total == 9
    seen = [row.memory_id for row in page.memories]

    while page.next_cursor:
        left = [memory_id for memory_id in stored if memory_id not in seen]
        await memory.recall(left[-1])  # overtakes what is on this page
        await memory.recall(seen[0])
        await memory.store("A guest who came late")
        page = await memory.page(limit=2, cursor=page.next_cursor)
        seen += [row.memory_id for row in page.memories]

    assert sorted(seen) == sorted(stored)


async def test_a_method_may_name_another_namespace(memory: AsyncMemory, namespace: str) -> None:
    await memory.store("Tea is at four.", namespace=f"{namespace}/other")

    assert (await memory.stats()).total == 0
    assert (await memory.stats(namespace=f"{namespace}/other")).total == 1


async def test_graph_is_exported_and_other_names_link(memory: AsyncMemory) -> None:
    await memory.add_concept("Python", type="language", aliases=["CPython"])
    await memory.add_concept("AI")
    await memory.add_relation("Python", "AI", "USED_FOR", weight=0.9)
    stored = await memory.store("CPython starts faster now.")

    graph = await memory.export_graph()

    assert {node.name for node in graph.nodes} == {"Python", "AI"}
    assert [(edge.source, edge.target, edge.weight) for edge in graph.edges] == [
        ("Python", "AI", 0.9)
    ]
    assert (await memory.inspect(stored.memory_id)).concepts == ["Python"]


async def test_newer_memory_supersedes_an_older_one_until_it_is_taken_back(
    memory: AsyncMemory,
) -> None:
    older = (await memory.store("The key lies under the mat.")).memory_id
    newer = (await memory.store("The key lies in the shed.")).memory_id

    await memory.supersede(older, newer)
    superseded = (await memory.inspect(older)).superseded_by
    await memory.supersede(older, newer, reversed=True)

    assert superseded == newer
    assert (await memory.inspect(older)).superseded_by is None
    with pytest.raises(MemoryNotFound):
        await memory.supersede(older, "no memory")


async def test_parameters_are_read_back_as_they_were_set(memory: AsyncMemory) -> None:
    await memory.set_parameters({"horizon_seconds": 1_000.0, "hops_max": 1})

    held = await memory.parameters()
    await memory.set_parameters(held.parameters)
    again = await memory.parameters()
    await memory.set_parameters({})

    assert held.changed == ["hops_max", "horizon_seconds"]
    assert (held.parameters["horizon_seconds"], held.parameters["hops_max"]) == (1_000.0, 1)
    assert again == held
    assert (await memory.parameters()).changed == []
    with pytest.raises(ValidationError, match="horizon_seconds"):
        await memory.set_parameters({"horizon_seconds": -1.0})


async def test_namespaces_are_listed_with_their_counts(memory: AsyncMemory, namespace: str) -> None:
    names = [namespace, f"{namespace}/a", f"{namespace}/b"]
    for name in names:
        await memory.store("Tea is at four.", namespace=name)
    gone = await memory.store("A slip of the tongue.", namespace=names[1])
    await memory.forget(gone.memory_id, namespace=names[1])

    first = await memory.namespaces(prefix=namespace, limit=2)
    rest = await memory.namespaces(prefix=namespace, limit=2, cursor=first.next_cursor)

    found = [*first.namespaces, *rest.namespaces]
    assert [each.namespace for each in found] == names
    assert [(each.total, each.active, each.deleted) for each in found] == [
        (1, 1, 0),
        (2, 1, 1),
        (1, 1, 0),
    ]
    assert (first.total, rest.next_cursor) == (3, None)


async def test_no_rebuild_is_under_way(memory: AsyncMemory, system: System) -> None:
    await memory.store("Tea is at four.")

    state = await memory.rebuild()

    assert not state.running
    assert [each.partition for each in state.partitions] == list(range(system.settings.partitions))
    assert sum(each.folded for each in state.partitions) > 0


async def test_dead_letter_is_listed_shown_and_sent_again(
    memory: AsyncMemory, namespace: str
) -> None:
    future = datetime.now(UTC) + timedelta(days=3_000)
    with pytest.raises(ValidationError, match="future"):
        await memory.store("From the future.", occurred_at=future)

    (letter,) = await memory.dead_letters(200, key=namespace, contains="future")
    shown = await memory.get_dead_letter(letter.place)
    (sent,) = await memory.replay_dead_letters([letter.place])
    with pytest.raises(ValidationError, match="was sent back before"):
        await memory.replay_dead_letters([letter.place])

    assert shown.value["content"] == "From the future."
    assert shown.reason is not None
    assert (shown.reason.code, shown.reason.service) == ("validation", "ingest")
    assert sent.dead_letter == letter.place
    assert sent.sent_to.startswith(f"{shown.reason.topic} {shown.reason.partition}:")
    with pytest.raises(MemoryNotFound):
        await memory.get_dead_letter("0:999999")
    assert (await memory.get_dead_letter(letter.place)).sent_to == sent.sent_to
    assert await memory.dead_letters(key=namespace, state="discarded") == []
    assert await memory.discard_dead_letters([letter.place]) == [letter.place]
    (discarded,) = await memory.dead_letters(key=namespace, state="discarded")
    assert discarded.place == letter.place
    assert await memory.dead_letters(key=namespace, until="2001-01-01T00:00:00Z") == []


async def test_run_is_started_watched_and_undone(
    memory: AsyncMemory, maintained: System, namespace: str
) -> None:
    for number in range(3):
        await memory.store(f"Guest {number} arrived")

    report = await memory.start_run("capacity", {"capacity": 1})
    archived = (await memory.stats()).decayed
    run = await memory.get_run(report.run_id)
    undone = await memory.undo_run(report.run_id)

    assert (report.complete, report.report["memories_affected"], archived) == (True, 2, 2)
    assert (run.status, run.job) == ("completed", "capacity")
    assert undone.complete
    (listed,) = await memory.runs(job="capacity")
    assert (listed.run_id, listed.status) == (report.run_id, "undone")
    assert (await memory.stats()).active == 3
    with pytest.raises(MemoryNotFound):
        await memory.cancel_run(report.run_id)
    with pytest.raises(MemoryNotFound):
        await memory.get_run(report.run_id, namespace=f"{namespace}/other")
    with pytest.raises(ValidationError, match="capacities"):
        await memory.start_run("capacity", {"capacities": 1})


async def test_request_beyond_the_size_of_a_body_is_413(memory: AsyncMemory) -> None:
    with pytest.raises(HumanMemoryError) as raised:
        await memory.store("x" * HTTP_BODY_BYTES_MAX)

    assert type(raised.value) is HumanMemoryError
    assert raised.value.status_code == 413


async def test_client_goes_on_once_kafka_is_there(
    system: System,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_TOPIC_PREFIX", system.settings.topic_prefix)
    host, _, real = system.settings.kafka.rpartition(":")
    port = free_port(set())

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(host, int(real))
        await asyncio.gather(pipe(reader, downstream), pipe(upstream, writer))

    address = f"kafka://127.0.0.1:{port}"
    async with AsyncMemory(address, timeout=1, namespace=namespace) as hasty:
        with pytest.raises(ServiceUnavailable, match=str(port)):
            await hasty.stats()
    async with AsyncMemory(address, namespace=namespace) as memory:
        asked = asyncio.create_task(memory.stats())
        async with asyncio.timeout(20):
            while "trying again" not in caplog.text:  # noqa: ASYNC110 (a log has no event)
                await asyncio.sleep(0.05)
        async with await asyncio.start_server(forward, "127.0.0.1", port):
            assert (await asked).total == 0


@pytest.mark.parametrize("kind", [Memory, AsyncMemory])
async def test_what_was_done_while_the_connection_broke_is_done_once(
    gateway: str, namespace: str, kind: type
) -> None:
    async with losing_the_first_answer(gateway) as address:
        memory = kind(address, namespace=namespace)
        stored = await called(memory.store, "Tea is at four.")
        await called(memory.close)
    async with losing_the_first_answer(gateway) as address:
        memory = kind(address, namespace=namespace)
        (found,) = await called(memory.search, "When is tea?")
        total = (await called(memory.stats)).total
        known = await called(memory.inspect, stored.memory_id)
        await called(memory.close)

    assert (found.memory_id, total) == (stored.memory_id, 1)
    assert known.access_count == 2


async def called(method: Any, *arguments: Any) -> Any:
    """The result of a method of either client, out of the way of this loop."""
    if inspect.iscoroutinefunction(method):
        return await method(*arguments)
    return await asyncio.to_thread(method, *arguments)


@asynccontextmanager
async def losing_the_first_answer(gateway: str) -> AsyncIterator[str]:
    """An address before a gateway whose first connection breaks once the gateway has answered."""
    host, _, port = gateway.removeprefix("http://").rpartition(":")
    lost: list[bytes] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(host, int(port))
        sending = asyncio.create_task(pipe(reader, downstream))
        if not lost:
            lost.append(await upstream.read(65_536))
            writer.close()
        else:
            await pipe(upstream, writer)
        sending.cancel()
        downstream.close()

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert lost


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end."""
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()
