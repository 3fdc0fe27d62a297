"""Settings of the gateway."""

from pathlib import Path

from pydantic import Field

from services.common.settings import ServiceSettings


class GatewaySettings(ServiceSettings):
    """Environment: HUMAN_MEMORY_<NAME>."""

    requests_in_flight_max: int = Field(
        256, ge=1, le=10_000, description="Requests served at the same time; more get 503."
    )
    request_seconds_max: float = Field(
        25.0, gt=0, le=600, description="Deadline of a request, unless it asks for less."
    )
    api_keys_file: Path | None = Field(
        None, description="File with the hashes of API keys; without it, everyone may do all."
    )
    cors_origins: list[str] = Field(
        [], description="Origins whose pages may use the API, as a JSON array."
    )
    console_enabled: bool = Field(True, description="Whether `/` is the console.")
    benchmark_enabled: bool = Field(
        False, description="Whether POST /v1/benchmark/run may write its memories."
    )
    followers_max: int = Field(
        100,
        ge=0,
        le=10_000,
        description="Clients that follow events or stats, or run benchmarks, at once.",
    )
