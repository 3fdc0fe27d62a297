"""`python -m tests.integration.another_fold projection`: the services, as of another version.

ANOTHER_FOLD is its number; memories it folds say so in their text. With READABLE_SINCE it takes
earlier builds for unreadable; with DIE_AT_SWITCH it kills itself when it has switched so many
partitions.
"""

import os
import signal
from typing import Any

from services.readside import fold_version

fold_version.FOLD = int(os.environ["ANOTHER_FOLD"])
fold_version.FOLD_READABLE_SINCE = int(os.environ.get("READABLE_SINCE", "0"))

import typer  # noqa: E402 # after the numbers, which others import by value

from services import run  # noqa: E402
from services.projection import rebuild  # noqa: E402
from services.projection.fold import fold as domain  # noqa: E402

DIE_AT_SWITCH = int(os.environ.get("DIE_AT_SWITCH", "-1"))
document, switch = domain._document, rebuild._Rebuild._switch
switched = 0


def document_of_this_version(*arguments: Any) -> dict[str, bytes]:
    """A document as the fold makes it, and by which."""
    made = document(*arguments)
    return made | {"content": made["content"] + f" (fold {fold_version.FOLD})".encode()}


async def switch_or_die(self: Any, *arguments: Any, **named: Any) -> Any:
    """Switch a partition, or not any more."""
    global switched
    if switched == DIE_AT_SWITCH:
        os.kill(os.getpid(), signal.SIGKILL)
    switched += 1
    return await switch(self, *arguments, **named)


domain._document = document_of_this_version  # type: ignore[assignment]
rebuild._Rebuild._switch = switch_or_die  # type: ignore[method-assign]

if __name__ == "__main__":
    typer.run(run.run)
