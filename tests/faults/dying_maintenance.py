"""`python -m tests.faults.dying_maintenance maintenance`: kills itself in the middle of a phase.

The service as it is, but for its way to the log: in the phase that DIE_IN_PHASE names,
half of the first effects get there, or the first command to the inbox is answered; then SIGKILL.
"""

import os
import signal
from typing import Any

import typer

from schemas.events import MaintenanceProgressed, MemoryEvent
from schemas.inbox import InboxMessage
from services import run
from services.maintenance.adapters import kafka_log

DIE_IN = os.environ["DIE_IN_PHASE"]


class DyingLog(kafka_log.KafkaLog):
    """`Log` on Kafka, until it is over."""

    phase = ""

    async def append(self, events: list[MemoryEvent]) -> list[str]:
        for event in events:
            if isinstance(event, MaintenanceProgressed):
                self.phase = event.data.phase
        effects = [event for event in events if not isinstance(event, MaintenanceProgressed)]
        if self.phase == DIE_IN and effects:
            await super().append(events[: max(1, len(events) // 2)])
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().append(events)

    async def ask(self, command: InboxMessage) -> tuple[dict[str, Any], str | None]:
        answer = await super().ask(command)
        if self.phase == DIE_IN:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


if __name__ == "__main__":
    # Before the service is imported, which builds itself then.
    kafka_log.KafkaLog = DyingLog  # type: ignore[misc]
    typer.run(run.run)
