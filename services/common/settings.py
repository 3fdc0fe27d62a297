"""Settings that every service has; read once, in the service's app."""

from typing import Literal

from pydantic import Field

from human_memory.bus.settings import KafkaSettings


class ServiceSettings(KafkaSettings):
    """Kafka's settings and those of a service. Environment: HUMAN_MEMORY_<NAME>."""

    redis: str = Field("redis://127.0.0.1:6379/0", description="Redis with RediSearch, as a URL.")
    http_host: str = Field("127.0.0.1", description="Where health and metrics are served.")
    http_port: int = Field(0, ge=0, le=65_535, description="0: the service's own default.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["json", "console"] = Field("json", description="How a log line looks.")


class VectorSettings(ServiceSettings):
    """Settings of services that keep vectors."""

    embedding_dimension: int = Field(384, ge=1, le=4_096, description="Numbers of a vector.")


class EmbedderSettings(VectorSettings):
    """Settings of services that embed texts."""

    embedding_model: str = Field(
        "sentence-transformers/all-MiniLM-L6-v2",
        description="A model of the hub or a folder; offline, the model package is used.",
    )
    embedding_cache: int = Field(
        20_000, ge=0, le=1_000_000, description="Vectors of recent texts kept in memory."
    )
    embedding_threads: int = Field(0, ge=0, le=256, description="0: one per core.")
