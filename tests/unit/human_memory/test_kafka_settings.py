"""Settings: names of topics, and what the Kafka client gets."""

import pytest
from pydantic import ValidationError

from human_memory.bus.settings import KafkaSettings
from schemas.topics import EVENTS


def test_environment_sets_what_the_program_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUMAN_MEMORY_KAFKA", "kafka:9092")
    monkeypatch.setenv("HUMAN_MEMORY_TOPIC_PREFIX", "prod.")
    monkeypatch.setenv("HUMAN_MEMORY_PARTITIONS", "12")

    settings = KafkaSettings(topic_prefix="mine.")

    assert settings.kafka == "kafka:9092"
    assert settings.partitions == 12
    assert settings.topic(EVENTS) == "mine.memory.events"


@pytest.mark.parametrize("prefix", ["has space", "a/b", "ü.", "x" * 201])
def test_prefix_that_kafka_would_refuse_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError, match="topic_prefix"):
        KafkaSettings(topic_prefix=prefix)


def test_plain_connection_needs_only_the_address() -> None:
    arguments = KafkaSettings(kafka="kafka:9092").connection_arguments()

    assert arguments == {"bootstrap_servers": "kafka:9092", "security_protocol": "PLAINTEXT"}


def test_sasl_over_tls_passes_credentials_and_a_context_that_verifies() -> None:
    settings = KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="memory",
        kafka_sasl_password="secret",
    )

    arguments = settings.connection_arguments()

    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["sasl_plain_username"] == "memory"
    assert arguments["sasl_plain_password"] == "secret"
    assert arguments["ssl_context"].check_hostname


def test_sasl_without_a_password_is_refused_and_says_what_is_missing() -> None:
    with pytest.raises(ValidationError, match="kafka_sasl_password"):
        KafkaSettings(kafka_security_protocol="SASL_SSL", kafka_sasl_username="memory")


def test_password_is_not_shown() -> None:
    settings = KafkaSettings(
        kafka_security_protocol="SASL_PLAINTEXT",
        kafka_sasl_username="memory",
        kafka_sasl_password="secret",
    )

    assert "secret" not in repr(settings)


def test_settings_do_not_change() -> None:
    settings = KafkaSettings()

    with pytest.raises(ValidationError, match="frozen"):
        settings.kafka = "elsewhere:9092"  # type: ignore[misc]  # what the test is about
