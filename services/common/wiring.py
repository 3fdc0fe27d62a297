"""The parts that every service of the bus is made of, started and stopped in one order."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import Any

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faststream.asgi import AsgiFastStream
from faststream.specification import AsyncAPI

from human_memory.bus.producer import DurableProducer
from human_memory.bus.services import group_of
from schemas.topics import CONTRACT_VERSION, DEAD_LETTERS, REPLIES, Topic
from services.common import health
from services.common.background import beside
from services.common.broker import PAUSE_MS, make_broker
from services.common.dead_letters import DeadLetters
from services.common.envelope import Replier
from services.common.health import Check
from services.common.ownership import REBALANCE_TIMEOUT_MS, SESSION_TIMEOUT_MS, Ownership
from services.common.redis import connect
from services.common.settings import ServiceSettings
from services.common.watch import Handle, Watch, engines

Work = Callable[[], Coroutine[Any, Any, None]]
Around = Callable[[], AbstractAsyncContextManager[None]]


class Service:
    """Parts of one service, not connected yet."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self._name = name
        self._settings = settings
        self.broker = make_broker(settings, service=name)
        self.producer = DurableProducer(settings, client_id=f"human-memory-{name}")
        self.redis = connect(settings.redis)
        self.dead_letters = DeadLetters(self.producer, settings.topic(DEAD_LETTERS), service=name)
        self.replier = Replier(self.producer, settings.topic(REPLIES), service=name)
        self._subscriber: Any = None
        self._watch: Watch | None = None
        self.writes(DEAD_LETTERS, bytes)

    def batches(self, *, records_max: int) -> dict[str, Any]:
        """Arguments that all subscribers have in common.

        The policy of acknowledgement and the offset to begin with decide loss and repetition: each
        subscriber says its own.
        """
        return {
            "group_id": group_of(self._settings, self._name),
            "batch": True,
            "batch_timeout_ms": PAUSE_MS,
            "max_records": records_max,
            "partition_assignment_strategy": (RangePartitionAssignor,),
            "session_timeout_ms": SESSION_TIMEOUT_MS,
            "rebalance_timeout_ms": REBALANCE_TIMEOUT_MS,
        }

    def reads(
        self,
        subscriber: Any,
        handle: Handle,
        *,
        ownership: Ownership,
        excused: Callable[[], bool] = lambda: False,
        done: Callable[[], object] = lambda: None,
    ) -> None:
        """Give the subscriber its handler, and watch over both; see `Watch`."""
        assert self._watch is None, "a service has one subscriber: a second would not be watched"
        self._subscriber = subscriber
        self._watch = Watch(
            subscriber,
            engines(self._settings, self.redis),
            ownership=ownership,
            excused=excused,
            done=done,
        )
        subscriber(self._watch.handler(handle))

    def writes(self, topic: Topic, message: Any) -> None:
        """Describe, in the AsyncAPI document, what the service writes to a topic.

        The records themselves go through `producer`: FastStream's could not be replaced when Kafka
        has wedged it, and is not made.
        """
        self.broker.publisher(self._settings.topic(topic), schema=message)

    def app(
        self,
        checks: Mapping[str, Check],
        *,
        works: Sequence[Work] = (),
        around: Around = nullcontext,
        on_shutdown: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> AsgiFastStream:
        """The service as FastStream and the process run it.

        `works` run beside the records; what fails of them ends the service. `around` spans both,
        and ends when no record comes any more; `on_shutdown` is called before that, while the
        consumer can still commit.
        """

        watch = self._watch
        assert watch is not None, "a service reads before it is an app"

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            await self.producer.start()
            try:
                async with around(), beside(*(work() for work in (*works, watch.run))):
                    yield
            finally:
                await self.producer.stop()
                await self.redis.aclose()

        return AsgiFastStream(
            self.broker,
            lifespan=lifespan,
            on_shutdown=on_shutdown,
            asgi_routes=health.routes(
                self._name,
                {
                    "kafka": partial(health.kafka_answers, self._subscriber),
                    **checks,
                    "progress": watch.check,
                },
            ),
            specification=AsyncAPI(
                title=f"human-memory {self._name}",
                version=CONTRACT_VERSION,
                description="Messages are JSON in UTF-8.",
            ),
            logger=None,
        )
