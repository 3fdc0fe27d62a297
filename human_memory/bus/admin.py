"""The admin client that every part of the system asks with: all it does ends in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient

from human_memory.bus.connections import cut_off
from human_memory.bus.errors import kafka_trouble
from human_memory.bus.settings import KafkaSettings

# One answer of a healthy broker takes milliseconds; a first start on a loaded machine seconds.
SECONDS_MAX = 30.0
ANSWER_MS_MAX = 10_000
CLOSE_SECONDS_MAX = 2.0


@asynccontextmanager
async def administering(
    settings: KafkaSettings, doing: str, *, seconds: float = SECONDS_MAX
) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client; the body and its start together have so many `seconds`.

    Raises:
        Unavailable: Kafka does not answer, or not in time.
    """
    admin = AIOKafkaAdminClient(
        **settings.connection_arguments(),
        client_id="human-memory-admin",
        request_timeout_ms=min(ANSWER_MS_MAX, int(seconds * 1000)),
    )
    with kafka_trouble(settings, doing):
        try:
            async with asyncio.timeout(seconds):
                await admin.start()
                yield admin
        finally:
            await _close(admin)


async def _close(admin: AIOKafkaAdminClient) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await admin.close()
    except Exception:  # noqa: BLE001 # it must be gone, whatever had died in it
        await cut_off(admin._client, [admin._client._sync_task])
