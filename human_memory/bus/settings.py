"""Settings for reaching Kafka, and for the names of our topics there."""

import re
from ssl import SSLContext
from typing import Any, Literal, Self

from aiokafka.helpers import create_ssl_context
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from human_memory.bus.connections import mend_connections
from schemas.topics import PARTITIONS_DEFAULT, Topic

_SERVER = re.compile(r"(\[[^\s\[\]]+\]|[^\s\[\]:/,@]+)(:(?P<port>[0-9]{1,5}))?")
_PORT_MAX = 65_535

mend_connections()  # here, as nobody connects without these settings


class KafkaSettings(BaseSettings):
    """The environment's `HUMAN_MEMORY_*` variables that concern Kafka, or keyword arguments."""

    model_config = SettingsConfigDict(env_prefix="HUMAN_MEMORY_", frozen=True)

    kafka: str = Field("127.0.0.1:9092", min_length=1, description="Kafka, as host:port.")
    # Kafka allows 249 characters; the longest of our names needs 20 of them.
    topic_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,200}$",
        description="Begins the names of topics, groups and keys: installations can share servers.",
    )
    partitions: int = Field(
        PARTITIONS_DEFAULT, ge=1, le=10_000, description="Of each topic; can't change later."
    )
    replication_factor: int = Field(
        1, ge=1, le=32, description="Copies of each topic; from 3 on, two must have each record."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="How to log in, with SASL_PLAINTEXT and SASL_SSL."
    )
    kafka_sasl_username: str | None = Field(None, description="Needed with SASL.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Needed with SASL.")
    kafka_ssl_cafile: str | None = Field(
        None, description="File with authorities to trust; without it, the system's."
    )
    kafka_ssl_certfile: str | None = Field(None, description="File with our own certificate.")
    kafka_ssl_keyfile: str | None = Field(None, description="File with its private key.")
    kafka_ssl_password: SecretStr | None = Field(None, description="Password of the key file.")

    @field_validator("kafka")
    @classmethod
    def _servers(cls, kafka: str) -> str:
        for server in kafka.split(","):
            found = _SERVER.fullmatch(server.strip())
            if found is None or not 0 < int(found["port"] or 1) <= _PORT_MAX:
                raise ValueError(f"{server!r} is no host:port; several have commas between them")
        return kafka

    @model_validator(mode="after")
    def _credentials_complete(self) -> Self:
        given = (self.kafka_sasl_username, self.kafka_sasl_password)
        if self.kafka_security_protocol.startswith("SASL") and None in given:
            raise ValueError(
                f"kafka_security_protocol={self.kafka_security_protocol} needs both "
                "kafka_sasl_username and kafka_sasl_password"
            )
        return self

    def topic(self, topic: Topic) -> str:
        """The topic's name in this installation."""
        return self.topic_prefix + topic.name

    def connection_arguments(self) -> dict[str, Any]:
        """Arguments that aiokafka's producer, consumer and admin client have in common.

        Raises:
            OSError: a certificate or key file can't be read.
        """
        arguments: dict[str, Any] = {
            "bootstrap_servers": self.kafka,
            "security_protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.endswith("SSL"):
            arguments["ssl_context"] = self._ssl_context()
        if self.kafka_security_protocol.startswith("SASL"):
            arguments["sasl_mechanism"] = self.kafka_sasl_mechanism
            arguments["sasl_plain_username"] = self.kafka_sasl_username
            arguments["sasl_plain_password"] = _plain(self.kafka_sasl_password)
        return arguments

    def _ssl_context(self) -> SSLContext:
        context: SSLContext = create_ssl_context(
            cafile=self.kafka_ssl_cafile,
            certfile=self.kafka_ssl_certfile,
            keyfile=self.kafka_ssl_keyfile,
            password=_plain(self.kafka_ssl_password),
        )
        return context


def settings_refused(error: ValidationError) -> str:
    """A sentence for each setting that was refused, by its name in the environment."""
    return "; ".join(
        f"{'_'.join(['HUMAN_MEMORY', *map(str, each['loc'])]).upper()}: {each['msg']}"
        for each in error.errors()
    )


def _plain(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
