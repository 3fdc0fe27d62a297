"""The system under measurement: Kafka, Redis and the services, as `human-memory up` runs them."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from human_memory.bus.topics import apply_topics
from human_memory.local.children import Children
from human_memory.local.ports import Ports
from human_memory.local.supervisor import START_FAILURES_MAX, tail
from schemas.topics import TOPICS
from services.common.redis import connect, redis_prefix
from services.projection.pause import unlink
from services.retrieval.settings import RetrievalSettings
from stack.errors import StackError
from stack.local import LocalStack

# The first start of all exports the model, which takes a minute on a slow machine.
START_SECONDS_MAX = 900.0
POLL_SECONDS = 0.1
# At six o'clock a consolidation of all that was stored would be measured as well.
NOT_BY_THE_CLOCK = {
    "HUMAN_MEMORY_DECAY_INTERVAL_SECONDS": "86400",
    "HUMAN_MEMORY_CAPACITY_INTERVAL_SECONDS": "86400",
    "HUMAN_MEMORY_CONSOLIDATION_INTERVAL_SECONDS": "604800",
}
# All texts of a round and the cached ones fit in, whatever the environment says.
CACHE_TEXTS = 50_000
Say = Callable[[str], None]


@dataclass(frozen=True)
class System:
    """The system's addresses. `http`: base URLs by service, `pids`: the process that each runs in.

    `scratch`: a topic that nobody reads. `kafka_pid`: only of our own Kafka.
    """

    settings: RetrievalSettings
    scratch: str
    http: Mapping[str, str]
    kafka_pid: int | None
    pids: Mapping[str, int]


@contextmanager
def running(
    kafka: str | None,
    redis: str | None,
    say: Say,
    *,
    separate: bool = False,
) -> Iterator[System]:
    """Everything up; without addresses on a local stack in a temporary folder.

    With addresses under a topic prefix of its own, whose topics and keys are deleted afterwards.
    `separate`: each service in a process of its own.

    Raises:
        StackError: something does not start.
    """
    with TemporaryDirectory(prefix="human-memory-bench-") as folder:
        data = Path(folder)
        children = Children(data / "logs", Ports(data, {}), separate=separate)
        if kafka and redis:
            prefix = f"bench-{secrets.token_hex(4)}."
            settings = RetrievalSettings(kafka=kafka, redis=redis, topic_prefix=prefix)
            try:
                with _services(settings, children, say):
                    yield _system(settings, children, None)
            finally:
                asyncio.run(_clean_up(settings))
            return
        stack = LocalStack(data)
        try:
            say("starting Kafka and Redis")
            stack.prepare(say)
            stack.start()
            settings = RetrievalSettings(kafka=stack.kafka, redis=stack.redis)
            with _services(settings, children, say):
                yield _system(settings, children, stack.status().kafka.pid)
        finally:
            stack.stop()


def _system(settings: RetrievalSettings, children: Children, kafka_pid: int | None) -> System:
    return System(settings, _scratch(settings), children.http, kafka_pid, children.pids)


@contextmanager
def _services(settings: RetrievalSettings, children: Children, say: Say) -> Iterator[None]:
    asyncio.run(_create_topics(settings))
    say("starting the services")
    try:
        children.start(
            {
                "HUMAN_MEMORY_KAFKA": settings.kafka,
                "HUMAN_MEMORY_REDIS": settings.redis,
                "HUMAN_MEMORY_TOPIC_PREFIX": settings.topic_prefix,
                "HUMAN_MEMORY_PARTITIONS": str(settings.partitions),
                "HUMAN_MEMORY_EMBEDDING_CACHE": str(CACHE_TEXTS),
                **NOT_BY_THE_CLOCK,
            }
        )
        _await_ready(children, say)
        yield
    finally:
        children.stop()


def _await_ready(children: Children, say: Say) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while unready := children.unready():
        waiting = "; ".join(f"{name}: {what}" for name, what in unready.items())
        # Another program may take the port that was free a moment ago: then it tries another.
        children.restart_dead()
        if failing := children.failing(START_FAILURES_MAX):
            ended = tail(children.log_file(failing[0]))
            raise StackError(f"the services do not start:\n{ended}")
        if time.monotonic() > until:
            raise StackError(f"not ready after {START_SECONDS_MAX:g} s: {waiting}")
        say(f"waiting for {waiting}")
        time.sleep(POLL_SECONDS)


def _scratch(settings: RetrievalSettings) -> str:
    return f"{settings.topic_prefix}bench.scratch"


async def _create_topics(settings: RetrievalSettings) -> None:
    await apply_topics(settings)
    admin = AIOKafkaAdminClient(**settings.connection_arguments())
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(_scratch(settings), settings.partitions, settings.replication_factor)]
        )
    finally:
        await admin.close()


async def _clean_up(settings: RetrievalSettings) -> None:
    await _delete_keys(settings)
    admin = AIOKafkaAdminClient(**settings.connection_arguments())
    await admin.start()
    try:
        names = [settings.topic(topic) for topic in TOPICS]
        await admin.delete_topics([*names, _scratch(settings)])
    finally:
        await admin.close()


async def _delete_keys(settings: RetrievalSettings) -> None:
    redis = connect(settings.redis)
    prefix = redis_prefix(settings.topic_prefix)
    try:
        for name in await redis.execute_command("FT._LIST"):
            if name.decode().startswith(prefix):
                await redis.execute_command("FT.DROPINDEX", name)
        await unlink(redis, f"{prefix}*")
    finally:
        await redis.aclose()
