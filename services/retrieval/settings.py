"""Settings of retrieval."""

from pydantic import Field

from services.common.settings import EmbedderSettings


class RetrievalSettings(EmbedderSettings):
    """Environment: HUMAN_MEMORY_<NAME>."""

    queries_in_flight_max: int = Field(
        32, ge=1, le=1_000, description="Queries answered at the same time; others wait in Kafka."
    )
    graph_snapshots: str = Field(
        "", description="Folder for snapshots of graphs; empty: they are read from Redis at start."
    )
