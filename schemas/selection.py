"""The choice of memories by what they are: for what is done to many of them at once."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

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


class Conditions(QueryBase):
    """Conditions of the memories that are meant; all must be met."""

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

    @model_validator(mode="after")
    def _window(self) -> Self:
        if (
            self.created_after is not None
            and self.created_before is not None
            and self.created_after >= self.created_before
        ):
            raise PydanticCustomError("window", "created_after must be before created_before")
        return self


class Select(Conditions):
    """Ids of all active and decayed memories that meet conditions, in no order."""

    type: Literal["select"] = "select"
    limit: Annotated[int, Field(ge=0, le=limits.SELECTED_MAX), WHOLE] = Field(
        limits.SELECTED_MAX, description="At most so many ids."
    )


class Selected(Message):
    """Ids, and how many memories meet the conditions in all."""

    memory_ids: list[MemoryId]
    total: int
