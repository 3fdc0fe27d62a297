"""A service watches over itself: what it is to read gets read, and done."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import structlog
from prometheus_client import Counter

from human_memory.bus.consumer import SILENT_SECONDS_MAX
from human_memory.bus.lasting import DOUBT_SECONDS, Lasting
from human_memory.bus.probing import PROBE_SECONDS_MAX, kafka_answers
from schemas.errors import Unavailable
from services.common.ownership import REBALANCE_TIMEOUT_MS, Ownership
from services.common.redis import REDIS_ERRORS, RedisClient, redis_prefix
from services.common.settings import ServiceSettings

log = structlog.get_logger(__name__)
RESTARTS = Counter(
    "human_memory_consumer_restarts_total", "Consumers started anew, as they stood still", ["group"]
)
LOOK_SECONDS = 1.0
# What takes longest: a group whose members wait for a batch of one of them, who then begins.
UNASSIGNED_SECONDS_MAX = REBALANCE_TIMEOUT_MS / 1000 + 30.0
# Records wait, and nobody takes them.
UNTAKEN_SECONDS_MAX = 30.0
# A batch of the longest texts takes a minute on a loaded machine.
BATCH_SECONDS_MAX = 90.0
# What got on for so long after its restart was helped by it.
WELL_SECONDS = 30.0
RESTART_SECONDS_MAX = 45.0
LIMITS = {
    "Kafka has sent nothing": SILENT_SECONDS_MAX,
    "no partitions": UNASSIGNED_SECONDS_MAX,
    "a batch is not done": BATCH_SECONDS_MAX,
    "records wait, and none was taken": UNTAKEN_SECONDS_MAX,
}
Handle = Callable[[tuple[Any, ...]], Awaitable[None]]


class Watch:
    """Looks after one consumer.

    It stands still if records wait, or a batch is in hand, and nothing gets done for long; if it
    gets no partitions; if Kafka sends it nothing; or if one of the tasks behind it has ended. As
    long as Kafka and Redis answer nobody, that is theirs. Otherwise it is started anew, and if
    that does not help, the service ends with an error: whoever supervises it starts it anew.
    """

    def __init__(
        self,
        subscriber: Any,
        engines_answer: Callable[[], Awaitable[bool]],
        *,
        ownership: Ownership | None = None,
        excused: Callable[[], bool] = lambda: False,
        done: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`excused`: the batch in hand has a reason to wait.

        `done`: changes with what else gets done.
        """
        self._subscriber = subscriber  # FastStream's, which makes its consumer when it starts
        self.reason: str | None = None
        self._engines_answer = engines_answer
        self._clock = clock
        self._ownership = ownership
        self._excused = excused
        self._done = done
        self._batches = 0
        self._in_hand = False
        self._lasting = Lasting(clock)
        self._probed = self._unwell = clock()
        self._batches_at_restart: int | None = None

    def handler(self, handle: Handle) -> Handle:
        """`handle`, watched."""

        @wraps(handle)
        async def watched(records: tuple[Any, ...]) -> None:
            self._in_hand = True
            try:
                await handle(records)
            finally:
                self._in_hand = False
                self._batches += 1

        return watched

    async def check(self) -> str:
        """For /ready: `ok`, or why it stands still."""
        return self.reason or "ok"

    async def run(self) -> None:
        """Watch for ever.

        Raises:
            Unavailable: the consumer stands still, and starting it anew did not help.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once, and do what is to be done; see `run`."""
        consumer = self._subscriber.consumer
        if consumer is None:
            return  # it starts or stops
        if self._in_doubt(consumer) and not await self._probe(consumer):
            return
        if (reason := self._standstill(consumer)) is not None:
            self.reason = f"stands still: {reason}"
            await self._restart()
        elif self._gets_on(consumer):
            self.reason = None
            if self._clock() - self._unwell > WELL_SECONDS:
                self._batches_at_restart = None

    def _in_doubt(self, consumer: Any) -> bool:
        """True if it is time to ask if Kafka and Redis answer."""
        longest = max(self._lasts(consumer).values(), default=0.0)
        if longest > DOUBT_SECONDS or not self._gets_on(consumer):
            self._unwell = self._clock()
        due = longest > DOUBT_SECONDS and self._clock() - self._probed >= DOUBT_SECONDS
        return due or self._standstill(consumer) is not None

    async def _probe(self, consumer: Any) -> bool:
        """False if Kafka or Redis does not answer: nothing that lasts is the consumer's then."""
        answered = await self._engines_answer()
        self._probed = self._clock()
        if not answered:
            self._lasting.forget()
            consumer.forget_silence()
        return answered

    def _standstill(self, consumer: Any) -> str | None:
        """The reason why the consumer stands still; None if it gets on, or has nothing to do."""
        if (ended := consumer.ended()) is not None:
            return str(ended)
        tasks = self._subscriber.tasks
        if tasks and all(task.done() for task in tasks):
            return "the task that takes records has ended"
        for what, seconds in self._lasts(consumer).items():
            if seconds > LIMITS[what]:
                return f"{what} for {LIMITS[what]:g} s"
        return None

    def _lasts(self, consumer: Any) -> dict[str, float]:
        """What must not last, and for how many seconds it has."""
        waiting = consumer.waiting()
        stamp = (self._batches, waiting, self._done())
        states: dict[str, object] = {}
        if self._unassigned(consumer):
            states["no partitions"] = True
        if self._in_hand and not self._excused():
            states["a batch is not done"] = stamp
        if waiting and not self._in_hand:
            states["records wait, and none was taken"] = stamp
        silent = {"Kafka has sent nothing": consumer.silent_seconds()}
        return silent | self._lasting.look(states)

    def _gets_on(self, consumer: Any) -> bool:
        if self._batches_at_restart != self._batches:
            return True
        idle = not self._in_hand and not consumer.waiting()
        return idle and not self._unassigned(consumer)

    def _unassigned(self, consumer: Any) -> bool:
        if not consumer.settled():
            return True
        return bool(
            self._ownership is not None and consumer.assignment() and not self._ownership.partitions
        )

    async def _restart(self) -> None:
        group, reason = self._subscriber.group_id, self.reason
        log.critical("consumer stands still", group=group, reason=reason)
        if self._batches_at_restart == self._batches:
            raise Unavailable(f"{group} {reason}; starting its consumer anew did not help")
        try:
            async with asyncio.timeout(RESTART_SECONDS_MAX):
                if self._ownership is not None:
                    self._ownership.cut_off(0.0)
                    await self._ownership.on_partitions_revoked([])
                await self._subscriber.stop()
                await self._subscriber.start()
        except Exception as error:
            raise Unavailable(
                f"{group} {reason}; its consumer could not be started anew: {error!r}"
            ) from error
        RESTARTS.labels(group).inc()
        self._lasting.forget()
        self._unwell = self._clock()
        self._batches_at_restart = self._batches


def engines(settings: ServiceSettings, redis: RedisClient) -> Callable[[], Awaitable[bool]]:
    """A function that finds out whether Kafka lets others in, and Redis takes writes."""

    async def answer() -> bool:
        key = f"{redis_prefix(settings.topic_prefix)}probe"
        try:
            async with asyncio.timeout(PROBE_SECONDS_MAX):
                await redis.set(key, b"", px=1)
        except (*REDIS_ERRORS, TimeoutError):
            return False
        return await kafka_answers(settings)

    return answer
