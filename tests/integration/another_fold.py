"""`python -m tests.integration.another_fold projection`: the services, as of another version.

ANOTHER_FOLD is its number; memories it folds say so in their text. With READABLE_SINCE it takes
earlier builds for unreadable. At the moment LOST_AT, before a partition (0, 1, ...) is switched, or
`tidy`, when all of them are, all keys of the installation are lost; at DIE_AT it kills itself.
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
from services.projection.pause import unlink  # noqa: E402

document = domain.document_of  # type: ignore[attr-defined] # it imports it
switch, tidy = rebuild._Rebuild._switch, rebuild._Rebuild._tidy
happened: set[str] = set()


def document_of_this_version(*arguments: Any) -> dict[str, bytes]:
    """A document as the fold makes it, and by which."""
    made = document(*arguments)
    return made | {"content": made["content"] + f" (fold {fold_version.FOLD})".encode()}


async def happens(rebuild: Any, moment: str) -> None:
    """What is to happen at a moment, once."""
    if os.environ.get("DIE_AT") == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("LOST_AT") == moment and moment not in happened:
        happened.add(moment)
        # FLUSHALL for our keys: others may be testing on the same Redis.
        prefix = rebuild._live.prefix
        await unlink(rebuild._redis, f"{prefix}*")
        for name in await rebuild._redis.execute_command("FT._LIST"):
            if name.decode().startswith(prefix):
                await rebuild._redis.execute_command("FT.DROPINDEX", name)


async def switched(self: Any, tp: Any, *arguments: Any, **named: Any) -> Any:
    """Switch a partition, or not any more."""
    await happens(self, str(tp.partition))
    return await switch(self, tp, *arguments, **named)


async def tidied(self: Any, marks: dict[int, str]) -> None:
    """Delete the old build, or not any more."""
    await happens(self, "tidy")
    await tidy(self, marks)


domain.document_of = document_of_this_version  # type: ignore[assignment,attr-defined]
rebuild._Rebuild._switch = switched  # type: ignore[method-assign]
rebuild._Rebuild._tidy = tidied  # type: ignore[method-assign]

if __name__ == "__main__":
    typer.run(run.run)
