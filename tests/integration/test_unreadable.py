"""Records that the client library can't read: passed, kept as dead letters, and nobody waits."""

import secrets
from collections.abc import AsyncIterator

import pytest

from human_memory.bus.consumer import UnreadableRecord
from schemas.codec import encode
from schemas.topics import EVENTS, INBOX, QUERIES, Topic
from services.projection.app import rebuild
from tests import builders
from tests.engines import Engines
from tests.integration.raw import Name, Raw
from tests.integration.services_fixture import System, folded, system_on

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]
STORE = encode(builders.store(namespace="bad/unreadable"))
SEARCH = encode(builders.search(namespace="bad/unreadable"))


@pytest.fixture(scope="module")
async def own(
    stack: Engines, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[System, Raw]]:
    """A system of its own: other tests read their topics with other clients."""
    folder = tmp_path_factory.mktemp("unreadable")
    async with system_on(stack.kafka, stack.redis, folder) as system:
        await system.start("ingest", "projection", "retrieval").ready()
        async with Raw(system) as raw:
            # A read side that has never been folded into answers nobody.
            assert (await raw.ask(INBOX, STORE)).error is None
            await folded(system)
            yield system, raw


@pytest.mark.parametrize(
    ("topic", "good", "service"),
    [
        pytest.param(INBOX, STORE, "ingest", id="a command"),
        pytest.param(QUERIES, SEARCH, "retrieval", id="a query"),
    ],
)
async def test_record_that_no_client_can_read_is_passed_and_its_neighbours_are_processed(
    own: tuple[System, Raw], topic: Topic, good: bytes, service: str
) -> None:
    _, raw = own
    names = [secrets.token_hex(8).encode() for _ in range(4)]
    before, bad, behind, later = (raw.address(name) for name in names)

    at = await raw.send_together(
        topic, [(good, before), (good, [*bad, (Name("name"), b"")]), (good, behind)]
    )
    await raw.send(topic, good, later)

    for name in (names[0], names[3]):
        assert (await raw.reply(name)).error is None
    for offset in (at.offset + 1, at.offset + 2):
        record, reason = await raw.dead_letter(at._replace(offset=offset))
        assert (record.key, record.value, reason.value_was_null) == (None, b"", True)
        assert (reason.reason, reason.service) == (UnreadableRecord.reason, service)


async def test_event_that_no_client_can_read_is_passed_by_the_fold_and_by_a_replay(
    own: tuple[System, Raw],
) -> None:
    system, raw = own
    at = await raw.send_together(EVENTS, [(b"{}", [(Name("name"), b"")])])

    _, reason = await raw.dead_letter(at)
    reply = await raw.ask(INBOX, STORE)
    report = await rebuild(system.settings)

    assert (reason.reason, reply.error) == (UnreadableRecord.reason, None)
    assert report.events > at.offset
