"""Settings of ingest."""

from pydantic import Field

from schemas.limits import FUTURE_SKEW_SECONDS_DEFAULT
from services.common.settings import EmbedderSettings


class IngestSettings(EmbedderSettings):
    """Environment: HUMAN_MEMORY_<NAME>."""

    future_skew_seconds: float = Field(
        FUTURE_SKEW_SECONDS_DEFAULT,
        ge=0,
        le=86_400,
        description="How far ahead of the broker's clock occurred_at may be.",
    )
    ingest_batch_max: int = Field(
        256, ge=1, le=10_000, description="Records taken from the inbox at once."
    )
