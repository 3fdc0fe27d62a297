"""`python -m tests.faults.failing_fold projection`: the service with a bug in its fold.

It fails half-way through a concept that is called `bad`.
"""

import typer

from schemas.events import MemoryEvent
from services import run
from services.projection import batch as folding
from services.projection.fold.fold import fold
from services.projection.fold.view import View

BAD = "bad"


def failing_fold(view: View, event: MemoryEvent, offset: int) -> None:
    """The fold, but for what it fails on."""
    fold(view, event, offset)
    if event.subject == BAD:
        raise ZeroDivisionError("float division by zero")


if __name__ == "__main__":
    folding.fold = failing_fold  # type: ignore[attr-defined] # it is imported there
    typer.run(run.run)
