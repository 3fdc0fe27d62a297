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
    """`error` met while `doing` something, as the error a caller can act on.

    It may be the answer to a search, whose sender knows nothing of producers and consumers: what we
    were doing is among the details, and in the text only where Kafka answered something about it.
    """
    where = f"Kafka at {settings.kafka}"
    if isinstance(error, KafkaConnectionError | TimeoutError):
        words = (
            f"{where} does not answer; start it (human-memory up), or set HUMAN_MEMORY_KAFKA to "
            "its address"
        )
    elif isinstance(error, UnknownTopicOrPartitionError):
        words = f"{where} lacks a topic ({doing}); {TOPICS_REMEDY}"
    elif isinstance(error, MessageSizeTooLargeError):
        words = (
            f"{where} refused the size ({doing}), so the topic's max.message.bytes is below the "
            f"contract's; {TOPICS_REMEDY}"
        )
    else:
        words = f"{where} answered {type(error).__name__} ({doing}): {error}"
    return Unavailable(words, address=settings.kafka, doing=doing)
