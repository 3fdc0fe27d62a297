"""Results about an installation as a whole, or a namespace's parameters."""

from typing import Annotated

from pydantic import Field

from schemas.fields import Message, Namespace
from schemas.parameters import Parameters


class ParametersResult(Message):
    """The parameters in force in a namespace. `changed`: those that are not at their default."""

    parameters: Parameters
    changed: list[str]


class NamespaceCounts(Message):
    """A namespace, and its memories by status."""

    namespace: Namespace
    total: int
    active: int
    decayed: int
    deleted: int


class NamespacesResult(Message):
    """A page of the namespaces, by name. `total`: all there are with this beginning."""

    namespaces: list[NamespaceCounts]
    total: int
    next_cursor: str | None = None


class RebuildPartition(Message):
    """One partition. `target`: after a loss, the events until queries are answered again.

    `next_version` is the build beside the live one, while there is one, and `next_folded` how many
    events it has.
    """

    partition: Annotated[int, Field(ge=0)]
    version: int
    folded: int
    target: int = 0
    next_version: int | None = None
    next_folded: int | None = None


class RebuildResult(Message):
    """The state of a rebuild of the read side. `running`: somebody is at it.

    `folded` of `total` events are in the build that is being made: that beside the live one, or
    the live one after a loss.
    """

    running: bool
    folded: int
    total: int
    partitions: list[RebuildPartition]
