"""memory.maintenance: commands to run a job over a namespace, by the clock or by a person."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter

from schemas.fields import IdempotencyKey, Message, Metadata, Milliseconds, Namespace

Job = Literal["decay", "consolidation", "capacity", "strategic_prune", "interference", "rif"]


class RunJob(Message):
    """Run a job. A scheduled run has a `slot`, the UTC moment it stands for; its id comes of it."""

    type: Literal["run"] = "run"
    namespace: Namespace
    job: Job
    slot: Milliseconds | None = None
    parameters: Metadata = Field({}, description="Of the job, for this run.")
    idempotency_key: IdempotencyKey | None = Field(
        None, description="The same again is the same run. With a `slot` it means nothing."
    )


class CancelRun(Message):
    """Stop a run at its next safe point."""

    type: Literal["cancel"] = "cancel"
    namespace: Namespace
    run_id: UUID


class UndoRun(Message):
    """Append the events that compensate a run."""

    type: Literal["undo"] = "undo"
    namespace: Namespace
    run_id: UUID


MaintenanceCommand = Annotated[RunJob | CancelRun | UndoRun, Field(discriminator="type")]
MAINTENANCE_COMMAND: TypeAdapter[MaintenanceCommand] = TypeAdapter(MaintenanceCommand)
