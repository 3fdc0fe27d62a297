"""Topics on a real broker: created once, repaired without loss, refused where that can't be."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from human_memory.bus.settings import KafkaSettings
from human_memory.bus.topics import apply_topics, check_topics, require_topics
from schemas.errors import Rejected, Unavailable
from schemas.topics import EVENTS, INBOX, TOPICS, Topic
from tests.engines import Engines
from tests.polling import eventually

pytestmark = pytest.mark.integration
NOBODY_THERE = "127.0.0.1:9"


@pytest.fixture
async def admin(stack: Engines) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def fresh(stack: Engines, admin: AIOKafkaAdminClient) -> AsyncIterator[KafkaSettings]:
    """Settings under whose prefix there are no topics yet."""
    own = KafkaSettings(kafka=stack.kafka, topic_prefix=f"u{secrets.token_hex(3)}.", partitions=3)
    yield own
    await admin.delete_topics([own.topic(topic) for topic in TOPICS])


async def settings_of(admin: AIOKafkaAdminClient, topic: str) -> dict[str, str]:
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for name, value, *_ in response.resources[0][4]}


async def alter(admin: AIOKafkaAdminClient, topic: str, settings: dict[str, str]) -> None:
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])

    async def visible() -> bool:
        return settings.items() <= (await settings_of(admin, topic)).items()

    await eventually(visible)


async def create(admin: AIOKafkaAdminClient, name: str, *, partitions: int) -> None:
    await admin.create_topics([NewTopic(name, partitions, 1)])

    async def visible() -> bool:
        return name in await admin.list_topics()

    await eventually(visible)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
async def test_created_topic_has_the_settings_of_the_contract(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topic: Topic
) -> None:
    found = await settings_of(admin, settings.topic(topic))

    assert topic.settings().items() <= found.items()


async def test_missing_topics_are_created_with_the_configured_partitions(
    admin: AIOKafkaAdminClient, fresh: KafkaSettings
) -> None:
    changes = await apply_topics(fresh)

    assert {change.topic for change in changes} == {fresh.topic(topic) for topic in TOPICS}
    described = await admin.describe_topics([fresh.topic(topic) for topic in TOPICS])
    assert {len(topic["partitions"]) for topic in described} == {3}


async def test_applying_again_changes_nothing(settings: KafkaSettings) -> None:
    changes = await apply_topics(settings)

    assert changes == []


async def test_applied_topics_have_no_problems(settings: KafkaSettings) -> None:
    await require_topics(settings)

    assert await check_topics(settings) == []


async def test_changed_setting_is_reported_and_repaired(
    admin: AIOKafkaAdminClient, fresh: KafkaSettings
) -> None:
    await apply_topics(fresh)
    events = fresh.topic(EVENTS)
    await alter(admin, events, {**EVENTS.settings(), "retention.ms": "1000"})

    problems = await check_topics(fresh)
    changes = await apply_topics(fresh)

    assert [(p.topic, p.problem) for p in problems] == [(events, "has retention.ms=1000, not -1")]
    assert [(c.topic, c.change) for c in changes] == [(events, "retention.ms: 1000 → -1")]
    assert await check_topics(fresh) == []


async def test_repair_keeps_the_settings_that_are_not_ours(
    admin: AIOKafkaAdminClient, fresh: KafkaSettings
) -> None:
    await apply_topics(fresh)
    events = fresh.topic(EVENTS)
    # Kafka's call replaces the whole set: this also takes our own settings away.
    await alter(admin, events, {"segment.bytes": "20971520", "cleanup.policy": "compact"})

    await apply_topics(fresh)

    found = await settings_of(admin, events)
    assert found["segment.bytes"] == "20971520"
    assert EVENTS.settings().items() <= found.items()


async def test_other_partition_count_is_refused_before_anything_is_changed(
    admin: AIOKafkaAdminClient, fresh: KafkaSettings
) -> None:
    await create(admin, fresh.topic(INBOX), partitions=2)

    with pytest.raises(Rejected, match="has 2 partitions, not 3") as caught:
        await apply_topics(fresh)

    assert "HUMAN_MEMORY_PARTITIONS=2" in str(caught.value)
    missing = {p.topic for p in await check_topics(fresh) if p.problem == "is missing"}
    assert missing == {fresh.topic(topic) for topic in TOPICS if topic is not INBOX}


async def test_service_is_told_which_topics_are_missing_and_what_to_run(
    fresh: KafkaSettings,
) -> None:
    with pytest.raises(Unavailable, match="run: human-memory topics apply") as caught:
        await require_topics(fresh)

    assert f"{fresh.topic(EVENTS)} is missing" in str(caught.value)


async def test_two_that_apply_at_once_both_succeed(fresh: KafkaSettings) -> None:
    await asyncio.gather(apply_topics(fresh), apply_topics(fresh))

    assert await check_topics(fresh) == []


async def test_more_replicas_than_brokers_is_refused_in_kafkas_words(stack: Engines) -> None:
    settings = KafkaSettings(
        kafka=stack.kafka, topic_prefix=f"u{secrets.token_hex(3)}.", replication_factor=3
    )

    with pytest.raises(Unavailable, match=r"(?i)replication factor"):
        await apply_topics(settings)


async def test_absent_kafka_is_named_with_the_remedy() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 does not answer; start it"):
        await check_topics(KafkaSettings(kafka=NOBODY_THERE))
