"""Parameters of the maintenance jobs, as their `run` commands carry them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from schemas import limits
from schemas.fields import WHOLE, MemoryId, Message, QueryText
from schemas.problems import rejected

HOUR_SECONDS = 3_600.0
Nats = Annotated[float, Field(ge=0, le=10, description="How much is taken from the activation.")]
Cosine = Annotated[float, Field(ge=-1, le=1, description="Similar is what is at least this.")]
Phase = Literal["replay", "extract", "prune", "compile"]
PHASES: tuple[Phase, ...] = ("replay", "extract", "prune", "compile")


class DecayJob(Message):
    """Archive the memories that have faded below the threshold."""


class ConsolidationJob(Message):
    """Replay, extract, prune, compile."""

    phases: list[Phase] = Field(list(PHASES), max_length=len(PHASES))
    window_seconds: Annotated[float, Field(gt=0, le=366 * 24 * HOUR_SECONDS)] = Field(
        6 * HOUR_SECONDS, description="How far back memories are recent."
    )
    replays_max: Annotated[int, Field(ge=0, le=1_000), WHOLE] = Field(
        50, description="At most so many memories are rehearsed."
    )
    cosine_min: Annotated[float, Field(ge=0, le=1)] = Field(
        0.6, description="Episodes of one cluster are at least this similar."
    )
    support_min: Annotated[int, Field(ge=2, le=1_000), WHOLE] = Field(
        3, description="So many sessions show a sequence before it is a skill."
    )


class CapacityJob(Message):
    """Archive the weakest memories beyond a number of active ones; pinned ones are spared."""

    capacity: Annotated[int, Field(ge=1, le=100_000_000), WHOLE] = 10_000


class StrategicPruneJob(Message):
    """Lower what has to do with none of the goals. Without goals nothing is."""

    goals: Annotated[list[QueryText], Field(max_length=limits.GOALS_MAX)] = []
    nats: Nats = 0.5
    similarity_min: Cosine = 0.3


class InterferenceJob(Message):
    """Lower what is similar to a memory (absent: the newest), by `nats` times the similarity."""

    memory_id: MemoryId | None = None
    nats: Nats = 0.2
    similarity_min: Cosine = 0.8


class RifJob(Message):
    """Retrieval-induced forgetting: lower what is similar to the retrieved, and was not retrieved.

    Without ids: the results of the last search that was recorded.
    """

    retrieved: Annotated[list[MemoryId], Field(max_length=limits.RETRIEVED_MAX)] = []
    nats: Nats = 0.15
    similarity_min: Cosine = 0.7


JOBS: dict[str, type[Message]] = {
    "decay": DecayJob,
    "consolidation": ConsolidationJob,
    "capacity": CapacityJob,
    "strategic_prune": StrategicPruneJob,
    "interference": InterferenceJob,
    "rif": RifJob,
}


def parameters_of(job: str, given: Mapping[str, Any]) -> Message:
    """The parameters of a job, with defaults for what is not given.

    Raises:
        Rejected: one is unknown or out of bounds.

    >>> parameters_of("capacity", {"capacity": 5})
    CapacityJob(capacity=5)
    """
    # As JSON: an id is a string there, and null is the same as nothing.
    adapter: TypeAdapter[Message] = TypeAdapter(JOBS[job])
    known = JOBS[job].model_fields
    meant = {name: value for name, value in given.items() if name not in known or value is not None}
    try:
        return adapter.validate_python(meant, strict=False)
    except ValidationError as error:
        raise rejected(error, adapter) from None
