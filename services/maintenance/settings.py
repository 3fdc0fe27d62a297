"""Settings of maintenance."""

from pydantic import Field, SecretStr

from services.common.settings import EmbedderSettings


class MaintenanceSettings(EmbedderSettings):
    """Environment: HUMAN_MEMORY_<NAME>."""

    decay_interval_seconds: int = Field(
        1_800, ge=1, le=86_400, description="Decay runs each time this divides the clock."
    )
    consolidation_interval_seconds: int = Field(
        21_600, ge=1, le=604_800, description="Consolidation runs each time this divides the clock."
    )
    capacity_interval_seconds: int = Field(
        3_600, ge=1, le=86_400, description="Capacity runs each time this divides the clock."
    )
    maintenance_runs_at_once: int = Field(
        2, ge=1, le=64, description="Runs of different namespaces side by side."
    )
    language_model_url: str = Field(
        "", description="Base URL of an OpenAI-compatible API that words facts; empty: none does."
    )
    language_model: str = Field("", description="Name of the model there.")
    language_model_key: SecretStr | None = Field(None, description="Its API key, if it wants one.")
    language_model_timeout_seconds: float = Field(
        30.0, gt=0, le=600, description="An answer that takes longer counts as none."
    )
    language_model_calls_max: int = Field(
        20, ge=0, le=1_000, description="At most so many calls in one run, retries included."
    )
