"""Services as real child processes on the real engines, and what tests ask of them."""

import asyncio
import http.client
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from human_memory.bus.bus import Bus
from human_memory.bus.topics import apply_topics
from schemas.errors import Rejected
from schemas.topics import EVENTS, TOPICS, Topic
from services.common.redis import RedisClient, connect, redis_prefix
from services.projection.app import drop_read_side, live_digest
from services.projection.batch import decode
from services.projection.digest import combined_digest, digest_of_view
from services.projection.fold.fold import fold
from services.projection.fold.view import View
from services.projection.settings import ProjectionSettings
from stack.processes import Launch, ProcessId, is_alive, kill, spawn, terminate
from stack.state import free_port
from tests.polling import eventually

ROOT = Path(__file__).parents[2]
# A start takes 4 s on two idle cores, several times that beside other tests.
READY_SECONDS = 240.0
STOP_SECONDS = 20.0
FOLD_SECONDS = 60.0
LOG_CHARACTERS_SHOWN = 4_000


@dataclass
class ServiceProcess:
    """One process that runs some services."""

    names: tuple[str, ...]
    ports: dict[str, int]
    process: ProcessId
    log: Path

    def alive(self) -> bool:
        """Whether it runs."""
        return is_alive(self.process)

    async def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        await asyncio.to_thread(kill, self.process)

    async def stop(self) -> None:
        """SIGTERM; returns when it is gone."""
        await asyncio.to_thread(terminate, self.process, grace_s=STOP_SECONDS)

    async def readiness(self, name: str) -> dict[str, Any]:
        """What /ready of a service says; an empty dict while nobody listens."""
        return await asyncio.to_thread(_readiness, self.ports[name])

    async def ready(self, *, seconds: float = READY_SECONDS) -> None:
        """Return once all its services say they are ready."""

        async def all_ready() -> bool:
            assert self.alive(), f"{self.names} ended:\n{self.log_end()}"
            answers = [await self.readiness(name) for name in self.names]
            return all(answer.get("status") == "ready" for answer in answers)

        try:
            await eventually(all_ready, seconds=seconds)
        except TimeoutError:
            raise AssertionError(f"{self.names} not ready:\n{self.log_end()}") from None

    def log_end(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-LOG_CHARACTERS_SHOWN:]


def _readiness(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        body: dict[str, Any] = orjson.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException):
        return {}
    else:
        return body
    finally:
        connection.close()


@dataclass
class System:
    """One installation: topics and keys of its own, and the processes that were started for it."""

    settings: ProjectionSettings
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: list[ServiceProcess] = field(default_factory=list)

    def start(
        self,
        *names: str,
        module: str = "services.run",
        port: str = "",
        **environment: str,
    ) -> ServiceProcess:
        """Start services in one process; see `ServiceProcess.ready`.

        `module`: what is run, with the arguments of `services.run`. `port`: of the first service.
        """
        ports = {names[0]: int(port)} if port else {}
        for name in names:
            ports.setdefault(name, free_port(set(ports.values())))
        log = self.folder / f"{'-'.join(names)}-{len(self.processes)}.log"
        given = [f"--port={name}={port}" for name, port in ports.items()]
        launch = Launch(
            command=[sys.executable, "-m", module, *names, *given],
            folder=ROOT,
            log=log,
            death_signal=signal.SIGKILL,
            environment=self.environment_of_services() | environment,
        )
        started = ServiceProcess(names, ports, spawn(launch), log)
        self.processes.append(started)
        return started

    def topic(self, topic: Topic) -> str:
        """A topic's name in this installation."""
        return self.settings.topic(topic)

    def bus(self) -> Bus:
        """A client, not started."""
        return Bus(self.settings)

    @asynccontextmanager
    async def redis(self) -> AsyncIterator[RedisClient]:
        """The installation's Redis."""
        client = connect(self.settings.redis)
        try:
            yield client
        finally:
            await client.aclose()

    @property
    def prefix(self) -> str:
        """What all keys of this installation begin with."""
        return redis_prefix(self.settings.topic_prefix)

    def environment_of_services(self) -> dict[str, str]:
        """What makes a process one of this installation."""
        return {
            "PYTHONPATH": str(ROOT),
            "HUMAN_MEMORY_KAFKA": self.settings.kafka,
            "HUMAN_MEMORY_REDIS": self.settings.redis,
            "HUMAN_MEMORY_TOPIC_PREFIX": self.settings.topic_prefix,
            "HUMAN_MEMORY_PARTITIONS": str(self.settings.partitions),
            # The supervisor of the framework would hide a crash by a quiet restart.
            "FASTSTREAM_SUPERVISOR_DISABLED": "1",
            **self.environment,
        }

    async def __aenter__(self) -> Self:
        await apply_topics(self.settings)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self.processes:
            await process.kill()
        await drop_read_side(self.settings)
        admin = AIOKafkaAdminClient(**self.settings.connection_arguments())
        await admin.start()
        try:
            await admin.delete_topics([self.topic(topic) for topic in TOPICS])
        finally:
            await admin.close()


def system_on(kafka: str, redis: str, folder: Path, **settings: Any) -> System:
    """An installation of its own on engines that run; use it as `async with`."""
    prefix = f"t{secrets.token_hex(3)}."
    folder.mkdir(parents=True, exist_ok=True)
    return System(
        ProjectionSettings(kafka=kafka, redis=redis, topic_prefix=prefix, **settings), folder
    )


async def read_all(system: System, topic: Topic) -> list[Any]:
    """All records that a topic has now, by partition and offset."""
    consumer = AIOKafkaConsumer(
        **system.settings.connection_arguments(), group_id=None, enable_auto_commit=False
    )
    await consumer.start()
    try:
        numbers = range(system.settings.partitions)
        partitions = [TopicPartition(system.topic(topic), number) for number in numbers]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        records: list[Any] = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += batch
    finally:
        await consumer.stop()
    return sorted(records, key=lambda record: (record.partition, record.offset))


def digest_of_log(records: Iterable[Any], partitions: int) -> str:
    """Digest of the pure fold of a log."""
    views = {number: View() for number in range(partitions)}
    for record in records:
        decoded = decode(record)
        if decoded.event is not None:
            try:
                fold(views[record.partition], decoded.event, record.offset)
            except Rejected:
                continue  # a dead letter; the cursor passes it
    return combined_digest({number: digest_of_view(view) for number, view in views.items()})


async def log_and_live_digest(system: System) -> tuple[str, str]:
    """Digests of the fold of the log and of Redis, both at the end of the log."""
    while True:
        before = await read_all(system, EVENTS)
        live = await live_digest(system.settings)
        # An event that came in between belongs to only one of the two.
        if len(await read_all(system, EVENTS)) == len(before):
            return digest_of_log(before, system.settings.partitions), live


async def assert_redis_is_the_fold_of_the_log(system: System) -> None:
    """The invariant that everything else rests on."""
    log, live = await log_and_live_digest(system)
    assert live == log, "Redis is not the fold of the log"


async def folded(system: System) -> None:
    """Return once the live projection stands at the end of the log."""
    consumer = AIOKafkaConsumer(**system.settings.connection_arguments(), group_id=None)
    await consumer.start()
    numbers = range(system.settings.partitions)
    topic = system.topic(EVENTS)
    try:
        async with system.redis() as redis:

            async def at_the_end() -> bool:
                ends = await consumer.end_offsets([TopicPartition(topic, n) for n in numbers])
                cursors = [await cursor_of(system, redis, number) for number in numbers]
                return all(
                    cursors[number] == ends[TopicPartition(topic, number)] for number in numbers
                )

            await eventually(at_the_end, seconds=FOLD_SECONDS)
    finally:
        await consumer.stop()


async def cursor_of(system: System, redis: RedisClient, partition: int) -> int:
    """Where the live projection of a partition stands."""
    version = await redis.get(f"{system.prefix}live:{{p{partition}}}")
    if version is None:
        return -1
    cursor = await redis.get(f"{system.prefix}v{int(version)}:cursor:{{p{partition}}}")
    return int(cursor or 0)
