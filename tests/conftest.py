"""What tests share: the real engines, once per run, and topics of its own for each module."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import settings as hypothesis_settings

from human_memory.bus.settings import KafkaSettings
from human_memory.bus.topics import apply_topics
from schemas.topics import TOPICS
from tests.engines import Engines, engines

# How long an example takes says more about the machine than about us.
hypothesis_settings.register_profile("no-deadline", deadline=None)
hypothesis_settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """The real Kafka and Redis."""
    with engines(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.fixture(scope="module")
async def settings(stack: Engines) -> AsyncIterator[KafkaSettings]:
    """Kafka with topics that only this module uses."""
    own = KafkaSettings(kafka=stack.kafka, topic_prefix=f"t{secrets.token_hex(3)}.")
    await apply_topics(own)
    yield own
    admin = AIOKafkaAdminClient(**own.connection_arguments())
    await admin.start()
    try:
        await admin.delete_topics([own.topic(topic) for topic in TOPICS])
    finally:
        await admin.close()
