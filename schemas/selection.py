"""The choice of memories by what they are: for what is done to many of them at once."""

from typing import Annotated, Literal

from pydantic import Field

from schemas import limits
from schemas.fields import (
    WHOLE,
    MemoryId,
    MemoryType,
    Message,
    Milliseconds,
    QueryBase,
    Session,
    Speaker,
    Tags,
)
from schemas.filters import MetadataFilter


class Select(QueryBase):
    """Ids of all active and decayed memories that meet conditions, in no order."""

    type: Literal["select"] = "select"
    types: list[MemoryType] = Field(
        [], max_length=limits.TAGS_MAX, description="Memories of one of these types; empty: all."
    )
    tags: Tags = Field([], description="Memories that have all of these tags.")
    filter: MetadataFilter | None = None
    session: Session | None = None
    speaker: Speaker | None = None
    created_after: Milliseconds | None = Field(
        None, description="Happened at this moment or later."
    )
    created_before: Milliseconds | None = Field(None, description="Happened before this.")
    limit: Annotated[int, Field(ge=0, le=limits.SELECTED_MAX), WHOLE] = Field(
        limits.SELECTED_MAX, description="At most so many ids."
    )


class Selected(Message):
    """Ids, and how many memories meet the conditions in all."""

    memory_ids: list[MemoryId]
    total: int
