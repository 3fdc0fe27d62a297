"""Kafka's errors as ours: one `Unavailable` that names the address and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from human_memory.bus.settings import KafkaSettings
from schemas.errors import Unavailable

TOPICS_REMEDY = "run: human-memory topics apply"


@contextmanager
def kafka_trouble(settings: KafkaSettings, doing: str) -> Iterator[None]:
    """Raises `Unavailable` where the body raises an error of Kafka or runs out of time."""
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        raise unavailable(settings, doing, error) from error


def unavailable(settings: KafkaSettings, doing: str, error: BaseException) -> Unavailable:
    """`error` met while `doing` something, as the error a caller can act on."""
    if isinstance(error, KafkaConnectionError | TimeoutError):
        return Unavailable(
            f"{doing}: Kafka at {settings.kafka} does not answer; start it (human-memory up), or "
            "set HUMAN_MEMORY_KAFKA to its address",
            address=settings.kafka,
        )
    if isinstance(error, UnknownTopicOrPartitionError):
        return Unavailable(
            f"{doing}: Kafka at {settings.kafka} has no such topic; {TOPICS_REMEDY}",
            address=settings.kafka,
        )
    if isinstance(error, MessageSizeTooLargeError):
        return Unavailable(
            f"{doing}: Kafka at {settings.kafka} refused the size, so the topic's "
            f"max.message.bytes is below the contract's; {TOPICS_REMEDY}",
            address=settings.kafka,
        )
    return Unavailable(
        f"{doing}: Kafka at {settings.kafka} answered {type(error).__name__}: {error}",
        address=settings.kafka,
    )
