"""Kafka's failures in words for whoever asked, who knows nothing of producers."""

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from human_memory.bus.errors import unavailable
from human_memory.bus.settings import KafkaSettings

SETTINGS = KafkaSettings(kafka="broker:9092")


@pytest.mark.parametrize("failure", [KafkaConnectionError(), TimeoutError()])
def test_kafka_that_is_away_is_all_that_is_said(failure: Exception) -> None:
    error = unavailable(SETTINGS, "starting a producer", failure)

    assert error.message == (
        "Kafka at broker:9092 does not answer; start it (human-memory up), or set "
        "HUMAN_MEMORY_KAFKA to its address"
    )
    assert error.details["doing"] == "starting a producer"


@pytest.mark.parametrize(
    "failure", [UnknownTopicOrPartitionError(), MessageSizeTooLargeError(), KafkaError("x")]
)
def test_what_kafka_refuses_is_said_with_what_was_asked_of_it(failure: Exception) -> None:
    message = unavailable(SETTINGS, "appending to memory.events", failure).message

    assert message.startswith("Kafka at broker:9092 ")
    assert "(appending to memory.events)" in message
