"""Settings of the projection."""

from pydantic import Field

from services.common.settings import VectorSettings


class ProjectionSettings(VectorSettings):
    """Environment: HUMAN_MEMORY_<NAME>."""

    fold_batch_max: int = Field(200, ge=1, le=1_000, description="Events folded at once.")
