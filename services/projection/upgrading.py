"""An upgrade needs no hand: what an earlier fold has built is rebuilt, beside the answers.

Each build remembers the fold that made it. Where that is an earlier one than ours, one of the
instances rebuilds, and all of them go on with the old build until the new one is live. Where it is
a later one, this instance ends: it would write what the others misread, and rebuilding for it
would begin the other way round when they see it.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
from prometheus_client import Counter, Gauge

from schemas.errors import InvariantBroken
from services.common.redis import REDIS_ERRORS
from services.projection.builds import BuildsBeside, ReadSide
from services.projection.pause import Busy, is_rebuilding
from services.projection.rebuild import rebuild
from services.readside.fold_version import FOLD, unreadable

log = structlog.get_logger(__name__)
OUTDATED = Gauge(
    "human_memory_read_side_outdated_partitions", "Partitions that an earlier fold has built"
)
LEFT = Gauge("human_memory_upgrade_events_left", "Events that the upgrade has still to fold")
UPGRADES = Counter(
    "human_memory_upgrades_total", "Rebuilds for this version, by how they ended", ["outcome"]
)
LOOK_SECONDS = 2.0
# After a failure, as when Redis is full: a rebuild takes the processor from others.
RETRY_SECONDS = 30.0
LET_PASS_SECONDS_MAX = 0.05
ANOTHER = "another instance rebuilds the read side for this version"


class Upgrade:
    """Has the read side rebuilt where it is of an earlier fold than ours."""

    def __init__(self, side: ReadSide, *, let_pass: Callable[[float], Awaitable[None]]) -> None:
        """`let_pass`: returns when no query is being answered here, or after so many seconds."""
        self._side = side
        self._builds = BuildsBeside(side)
        self._let_pass = partial(let_pass, LET_PASS_SECONDS_MAX)
        self._note = ""

    def note(self) -> str:
        """A sentence for people on what is going on; empty if nothing is."""
        return self._note

    async def require_no_newer(self) -> None:
        """Refuse to begin beside newer instances.

        Raises:
            InvariantBroken: the read side was built by a newer version.
        """
        try:
            folds = await self._folds()
        except REDIS_ERRORS as error:
            log.warning("read side's version not read", error=repr(error))
            return
        if folds and max(folds) > FOLD:
            raise InvariantBroken(unreadable(max(folds)) or "")

    async def run(self) -> None:
        """Run for ever: look after the read side, until a newer instance has rebuilt it."""
        while True:
            try:
                await self.require_no_newer()
            except InvariantBroken as error:
                log.critical("stopping", reason=error.message)
                signal.raise_signal(signal.SIGTERM)
                return
            pause = LOOK_SECONDS
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 # the next round tries again
                log.warning("upgrade failed", error=repr(error))
                self._note = f"rebuild for this version failed and is tried again: {error}"
                pause = RETRY_SECONDS
            await asyncio.sleep(pause)

    async def _look(self) -> None:
        outdated = sum(fold < FOLD for fold in await self._folds())
        OUTDATED.set(outdated)
        # Before we look for their rebuild: those that are done by then are gone then.
        marks = await self._builds.marks()
        busy = await is_rebuilding(self._side.redis, self._side.store.prefix)
        self._note = ANOTHER if outdated and busy else ""
        if outdated and not busy:
            await self._rebuild()
        elif marks and not busy and (deleted := await self._builds.clean(marks)):
            log.warning("deleted what a rebuild that died has left", keys=deleted)

    async def _rebuild(self) -> None:
        log.info("rebuilding the read side for this version", fold=FOLD)
        try:
            report = await rebuild(self._side, progress=self._progress, let_pass=self._let_pass)
        except Busy:
            self._note = ANOTHER
            return
        except Exception:
            UPGRADES.labels("failed").inc()
            raise
        finally:
            LEFT.set(0)
        UPGRADES.labels("switched").inc()
        OUTDATED.set(0)
        self._note = ""
        log.info(
            "read side rebuilt for this version", version=report.version, events=report.events,
            seconds=round(report.seconds, 1),
        )  # fmt: skip

    def _progress(self, done: int, total: int) -> None:
        LEFT.set(max(0, total - done))
        self._note = f"rebuilding the read side for this version: {done:,} of {total:,} events"

    async def _folds(self) -> list[int]:
        """The folds of what is live, by partition; not of what is not there yet."""
        folds = []
        for partition in self._side.partitions:
            version = await self._side.redis.get(self._side.store.control(partition).live)
            if version is not None:
                fold = await self._side.store.fold(partition, int(version))
                folds += [] if fold is None else [fold]
        return folds
