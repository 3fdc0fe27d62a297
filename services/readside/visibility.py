"""Waiting until the fold has come to a position: one look at Redis for all who wait."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable

from human_memory.deadline import Deadline
from schemas.errors import MemoryServiceError, Unavailable

_POLL_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02)
# Of the time there is: the rest is for the reply's way, as whoever asked began to wait before us.
WAIT_SHARE_MAX = 0.9
WAITING_MAX = 10_000
# Longer than the fold takes for a batch on a busy machine: then it does nothing at all.
STANDSTILL_SECONDS = 5.0
# The fold needs some milliseconds, so nearly nobody waits until the first of these.
_LOOK_SECONDS = (0.05, 0.1, 0.2, 0.5)
Cursor = Callable[[int], Awaitable[int]]
Refusal = Callable[[], Awaitable[str | None]]
Waiter = asyncio.Future[None]


async def _no_refusal() -> str | None:
    return None


class Waits:
    """Waiters for events to be folded, by partition."""

    def __init__(
        self,
        cursor: Cursor,
        *,
        partitions: int,
        waiting_max: int = WAITING_MAX,
        refusal: Refusal = _no_refusal,
    ) -> None:
        """`cursor`: where the read side of a partition stands; raises Unavailable.

        `refusal`: the words in which the read side refuses writes now; None while it takes them.
        """
        self._cursor = cursor
        self._refusal = refusal
        self._waiting_max = waiting_max
        self._waiting: list[dict[Waiter, int]] = [{} for _ in range(partitions)]
        self._came: list[asyncio.Event] = [asyncio.Event() for _ in range(partitions)]
        self._pollers: dict[int, asyncio.Task[None]] = {}
        # Where a partition stands, since when; and where it stood when somebody gave up on it.
        self._stands: dict[int, tuple[int, float]] = {}
        self._refused: tuple[float, str | None] = (-math.inf, None)
        self._stood_still: dict[int, int] = {}

    async def until(self, position: str, deadline: Deadline) -> None:
        """Return once the event at `position` is folded.

        Raises:
            Unavailable: it is not, within the time there is; or too many wait already.
        """
        partition, offset = (int(part) for part in position.split(":"))
        if partition >= len(self._waiting):
            raise Unavailable(
                f"after: the log has no partition {partition}; give the position of a write"
            )
        if sum(map(len, self._waiting)) >= self._waiting_max:
            raise Unavailable(f"{self._waiting_max:,} requests wait for the read side; ask again")
        try:
            async with asyncio.timeout(deadline.remaining_seconds() * WAIT_SHARE_MAX):
                await self._reached(partition, offset)
        except TimeoutError:
            raise Unavailable(f"the event at {position} is not folded yet; ask again") from None

    async def visible(self, position: str, deadline: Deadline) -> None:
        """Return once reads show what was written at `position`.

        It does not wait for a read side that takes no writes.

        Raises:
            Unavailable: they do not yet. It is in the log, and details say where.
        """
        if (reason := await self.trouble(position, deadline, patient=True)) is not None:
            raise Unavailable(
                f"written at {position}, but not visible yet: {reason}", position=position
            )

    async def trouble(
        self, position: str, deadline: Deadline, *, patient: bool = False
    ) -> str | None:
        """None once reads show what was written at `position`; else why they do not yet.

        It does not wait for a read side that takes no writes, nor, unless it is `patient`, for a
        fold that stands still.
        """
        partition, began = int(position.partition(":")[0]), time.monotonic()
        patience = math.inf if patient else STANDSTILL_SECONDS
        waiting = asyncio.create_task(self.until(position, deadline))
        try:
            for attempt in itertools.count():
                pause = _LOOK_SECONDS[min(attempt, len(_LOOK_SECONDS) - 1)]
                await asyncio.wait({waiting}, timeout=pause)
                reason = None
                if not waiting.done():
                    reason = await self._hopeless(partition, began, patience)
                if waiting.done():
                    break
                if reason is not None:
                    return reason
            waiting.result()
        except MemoryServiceError as error:
            return error.message
        else:
            return None
        finally:
            waiting.cancel()

    async def _hopeless(self, partition: int, began: float, patience: float) -> str | None:
        now = time.monotonic()
        if now - self._refused[0] > _LOOK_SECONDS[0]:  # one answer serves all who wait
            self._refused = now, self._refused[1]
            self._refused = now, await self._refusal()
        if (refusal := self._refused[1]) is not None:
            return f"the read side takes no writes now: {refusal}"
        at, since = self._stands.get(partition, (0, began))
        if time.monotonic() - max(since, began) > patience:
            self._stood_still[partition] = at
        if patience < math.inf and self._stood_still.get(partition) == at:
            return f"the fold stands still at {partition}:{at}; see human-memory status"
        return None

    async def _reached(self, partition: int, offset: int) -> None:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        self._waiting[partition][waiter] = offset
        self._came[partition].set()
        poller = self._pollers.get(partition)
        if poller is None or poller.done():
            self._pollers[partition] = asyncio.create_task(self._poll(partition))
        try:
            await waiter
        finally:
            del self._waiting[partition][waiter]

    async def _poll(self, partition: int) -> None:
        waiting, came, attempt = self._waiting[partition], self._came[partition], 0
        while waiting:
            came.clear()
            try:
                cursor = await self._cursor(partition)
                if self._stands.get(partition, (-1, 0.0))[0] != cursor:
                    self._stands[partition] = cursor, time.monotonic()
                for waiter, offset in waiting.items():
                    if cursor > offset and not waiter.done():
                        waiter.set_result(None)
            except Exception as error:  # noqa: BLE001 # else they would wait, and not hear why
                for waiter in waiting:
                    if not waiter.done():
                        waiter.set_exception(_as_ours(error))
            try:
                # Whoever comes now may wait for what is folded long since.
                async with asyncio.timeout(_POLL_SECONDS[attempt]):
                    await came.wait()
                attempt = 0
            except TimeoutError:
                attempt = min(attempt + 1, len(_POLL_SECONDS) - 1)


def _as_ours(error: Exception) -> MemoryServiceError:
    if isinstance(error, MemoryServiceError):
        return error
    return Unavailable(f"the read side does not say how far it has come: {error!r}")
