"""`python -m tests.faults.dying_consumers maintenance`: its consumers lose a background task.

The service as it is, but each of its group's consumers loses the task that fetches, as aiokafka's
do, as soon as it has its partitions. DIE_TIMES says how many of them, one after the other.
"""

import asyncio
import os

import typer

from services import run
from services.common import broker
from tests.polling import eventually

TIMES = int(os.environ["DIE_TIMES"])


class DyingConsumer(broker.PatientConsumer):
    """A consumer that is soon unable to fetch."""

    died = 0

    async def start(self) -> None:
        await super().start()
        self._dying = asyncio.create_task(self._die())

    async def _die(self) -> None:
        await eventually(lambda: bool(self.assignment()))
        if DyingConsumer.died < TIMES:
            DyingConsumer.died += 1
            self._fetcher._fetch_task.cancel()


if __name__ == "__main__":
    # Before the service is imported, which builds itself then.
    broker.PatientConsumer = DyingConsumer  # type: ignore[misc]
    typer.run(run.run)
