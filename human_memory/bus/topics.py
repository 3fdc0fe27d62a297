"""Create, check and repair the topics: what `human-memory topics` does, and services at start."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from human_memory.bus.admin import administering
from human_memory.bus.errors import TOPICS_REMEDY
from human_memory.bus.settings import KafkaSettings
from schemas.errors import Rejected, Unavailable
from schemas.topics import TOPICS, Topic

POLL_SECONDS = 0.05
_ALREADY_EXISTS = 36
_SET_ON_THE_TOPIC = 1  # config source in Kafka's answer: not a default of broker or cluster
_REPLICAS_FOR_QUORUM = 3


@dataclass(frozen=True)
class TopicChange:
    """A change that `apply_topics` made to one topic."""

    topic: str
    change: str


@dataclass(frozen=True)
class TopicProblem:
    """A fault of one topic, and whether `apply_topics` can mend it."""

    topic: str
    problem: str
    repairable: bool


@dataclass(frozen=True)
class _Found:
    partitions: int
    leaders: bool
    settings: Mapping[str, str]
    own_settings: Mapping[str, str]


async def apply_topics(settings: KafkaSettings) -> list[TopicChange]:
    """Create what is missing, set right what differs; nothing to do is an empty list.

    Settings that are not ours stay as they are.

    Raises:
        Rejected: a topic has another number of partitions. Nothing was changed.
        Unavailable: Kafka does not answer, or refuses a topic.
    """
    async with administering(settings, "applying the topics") as admin:
        found = await _found(admin, settings)
        _refuse_unrepairable(_problems(settings, found))
        missing = [topic for topic in TOPICS if topic not in found]
        changes = await _create(admin, settings, missing)
        for topic, existing in found.items():
            changes += await _repair(admin, settings, topic, existing)
        if missing or changes:
            await _until_right(admin, settings)
        return changes


async def check_topics(settings: KafkaSettings) -> list[TopicProblem]:
    """Everything about the topics that is not as it must be.

    Raises:
        Unavailable: Kafka does not answer.
    """
    async with administering(settings, "checking the topics") as admin:
        return _problems(settings, await _found(admin, settings))


async def require_topics(settings: KafkaSettings) -> None:
    """Return if the topics are as they must be.

    Raises:
        Unavailable: they are not, and what to run; or Kafka does not answer.
    """
    problems = await check_topics(settings)
    if problems:
        listed = "; ".join(f"{problem.topic} {problem.problem}" for problem in problems)
        raise Unavailable(f"topics missing or wrong: {listed}; {TOPICS_REMEDY}")


def _wanted(settings: KafkaSettings, topic: Topic) -> dict[str, str]:
    wanted = topic.settings()
    if settings.replication_factor >= _REPLICAS_FOR_QUORUM:
        # acks=all alone means all that are in sync, which may be one, which may then be lost.
        wanted["min.insync.replicas"] = "2"
    return wanted


async def _found(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> dict[Topic, _Found]:
    ours = {settings.topic(topic): topic for topic in TOPICS}
    # All topics are asked for: a broker may create those that are asked for by name.
    described = {
        topic["topic"]: topic["partitions"]
        for topic in await admin.describe_topics()
        if topic["topic"] in ours
    }
    settings_of = await _settings(admin, sorted(described))
    return {
        ours[name]: _Found(
            partitions=len(partitions),
            leaders=all(p["leader"] >= 0 and p["error_code"] == 0 for p in partitions),
            settings={key: value for key, (value, _) in settings_of[name].items()},
            own_settings={key: value for key, (value, own) in settings_of[name].items() if own},
        )
        for name, partitions in described.items()
    }


async def _settings(
    admin: AIOKafkaAdminClient, names: list[str]
) -> dict[str, dict[str, tuple[str, bool]]]:
    """By topic and setting: the value, and whether it is set on the topic itself."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    result: dict[str, dict[str, tuple[str, bool]]] = {}
    for response in await admin.describe_configs(resources):
        for code, text, _, name, entries in response.resources:
            _raise_if_refused(name, code, text)
            result[name] = {
                key: (value, source == _SET_ON_THE_TOPIC)
                for key, value, _, source, *_ in entries
                if value is not None
            }
    return result


async def _create(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topics: list[Topic]
) -> list[TopicChange]:
    if not topics:
        return []
    new = [
        NewTopic(
            settings.topic(topic),
            settings.partitions,
            settings.replication_factor,
            topic_configs=_wanted(settings, topic),
        )
        for topic in topics
    ]
    response = await admin.create_topics(new)
    changes = []
    for name, code, text in response.topic_errors:
        if code == _ALREADY_EXISTS:
            continue  # someone else applies them too; the last check sees whether they agree
        _raise_if_refused(name, code, text)
        changes.append(TopicChange(name, f"created with {settings.partitions} partitions"))
    return changes


async def _repair(
    admin: AIOKafkaAdminClient, settings: KafkaSettings, topic: Topic, existing: _Found
) -> list[TopicChange]:
    name, wanted = settings.topic(topic), _wanted(settings, topic)
    changes = [
        TopicChange(name, f"{key}: {existing.settings.get(key)} → {value}")
        for key, value in wanted.items()
        if existing.settings.get(key) != value
    ]
    if not changes:
        return []
    # aiokafka knows only the call that replaces the whole set: what is left out goes back to its
    # default, which would make the log that is kept for ever one of 7 days.
    merged = {**existing.own_settings, **wanted}
    resource = ConfigResource(ConfigResourceType.TOPIC, name, merged)
    for response in await admin.alter_configs([resource]):
        for code, text, _, refused in response.resources:
            _raise_if_refused(refused, code, text)
    return changes


async def _until_right(admin: AIOKafkaAdminClient, settings: KafkaSettings) -> None:
    """Read back until all is as wanted: brokers take a moment to learn what was changed."""
    while True:
        found = await _found(admin, settings)
        problems = _problems(settings, found)
        _refuse_unrepairable(problems)
        if not problems and all(existing.leaders for existing in found.values()):
            return
        await asyncio.sleep(POLL_SECONDS)


def _problems(settings: KafkaSettings, found: Mapping[Topic, _Found]) -> list[TopicProblem]:
    problems = []
    for topic in TOPICS:
        name = settings.topic(topic)
        existing = found.get(topic)
        if existing is None:
            problems.append(TopicProblem(name, "is missing", repairable=True))
            continue
        if existing.partitions != settings.partitions:
            problem = _other_count(settings, existing.partitions)
            problems.append(TopicProblem(name, problem, repairable=False))
        for key, value in _wanted(settings, topic).items():
            if (has := existing.settings.get(key)) != value:
                problem = f"has {key}={has}, not {value}"
                problems.append(TopicProblem(name, problem, repairable=True))
    return problems


def _refuse_unrepairable(problems: list[TopicProblem]) -> None:
    refused = [f"{p.topic} {p.problem}" for p in problems if not p.repairable]
    if refused:
        raise Rejected("; ".join(refused))


def _other_count(settings: KafkaSettings, partitions: int) -> str:
    return (
        f"has {partitions} partitions, not {settings.partitions}; the count can't change, as it "
        "decides where each namespace is, and inbox and events must agree: set "
        f"HUMAN_MEMORY_PARTITIONS={partitions}, or begin anew under another "
        "HUMAN_MEMORY_TOPIC_PREFIX"
    )


def _raise_if_refused(name: str, code: int, text: Any) -> None:
    if code:
        raise Unavailable(
            f"Kafka refused topic {name}: {text or for_code(code).__name__} (code {code})",
            topic=name,
            kafka_code=code,
        )
