"""The fields of every query."""

from uuid import UUID

from pydantic import Field

from schemas.fields import Message, Namespace, Position


class QueryBase(Message):
    """Fields of every query. `after`: the position of a write that the answer must have seen.

    A retry keeps its `query_id`, so that the accesses it causes are counted once.
    """

    namespace: Namespace
    after: Position | None = Field(
        None, description="The answer has seen this write, or is `unavailable`."
    )
    query_id: UUID | None = Field(
        None, description="Names the query; a retry keeps it, so its accesses count once."
    )
