"""`human-memory up`: the stack and the services, started in order, watched, stopped in order."""

import asyncio
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from human_memory.bus.settings import KafkaSettings
from human_memory.bus.topics import apply_topics
from human_memory.local import instance as instances
from human_memory.local.children import Children
from human_memory.local.instance import Instance
from human_memory.local.ports import Ports
from stack.errors import StackError
from stack.local import LocalStack
from stack.processes import start_ticks

POLL_SECONDS = 0.2
# A first start fetches the embedding model and rewrites it, which takes a minute on a slow machine.
START_SECONDS_MAX = 900.0
START_FAILURES_MAX = 3
STACK_RETRY_SECONDS = 5.0
LOG_CHECK_SECONDS = 30.0
LOG_BYTES_MAX = 50_000_000
LOG_LINES_SHOWN = 15


@dataclass(frozen=True)
class Plan:
    """The processes to run. Without `redis`, Kafka and Redis are those of the local stack.

    `port`: the gateway's; without it, that of the last start.
    """

    data: Path
    settings: KafkaSettings
    redis: str | None = None
    separate: bool = False
    port: int | None = None
    notes: tuple[str, ...] = ()


class Supervisor:
    """Runs a plan. `say` gets what is worth a line, `doing` what is worth a look right now."""

    def __init__(
        self, plan: Plan, *, say: Callable[[str], None], doing: Callable[[str], None]
    ) -> None:
        self._plan = plan
        self._say = say
        self._show = doing
        self._stack = LocalStack(plan.data) if plan.redis is None else None
        ports = Ports(plan.data, {"gateway": plan.port} if plan.port else {})
        self._children = Children(plan.data / "logs", ports, separate=plan.separate)
        pid = os.getpid()
        self._instance = Instance(
            pid=pid,
            started_ticks=start_ticks(pid),
            topic_prefix=plan.settings.topic_prefix,
            partitions=plan.settings.partitions,
            local_stack=self._stack is not None,
        )
        self._stack_retry_at = 0.0
        self._logs_checked_at = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Start all, keep it running until `stop`, stop all.

        Raises:
            StackError: something did not start.
            MemoryServiceError: the topics can't be made as they must be.
        """
        began = time.monotonic()
        try:
            self._start()
            while not stop.wait(POLL_SECONDS):
                self._restart_dead()
                if not self._instance.ready:
                    self._check_start(began)
                self._bound_logs()
        finally:
            self._stop()

    def _start(self) -> None:
        self._publish(phase="starting")
        if self._stack is not None:
            self._stack.prepare(lambda text: self._publish(phase=text))
        # Loading the model takes longer than starting Kafka, which the services wait for.
        self._start_children()
        if self._stack is not None:
            with self._phase("Kafka and Redis"):
                self._stack.start()
            if self._addresses() != (self._instance.kafka, self._instance.redis):
                # Another program had taken a port since the last start.
                self._children.stop()
                self._start_children()
        with self._phase("topics"):
            settings = self._plan.settings.model_copy(update={"kafka": self._instance.kafka})
            asyncio.run(apply_topics(settings))
        self._publish(phase="services")

    def _start_children(self) -> None:
        kafka, redis = self._addresses()
        news = self._children.start(
            {
                "HUMAN_MEMORY_KAFKA": kafka,
                "HUMAN_MEMORY_REDIS": redis,
                "HUMAN_MEMORY_TOPIC_PREFIX": self._plan.settings.topic_prefix,
                "HUMAN_MEMORY_PARTITIONS": str(self._plan.settings.partitions),
                **_graph_snapshots(self._plan.data),
            }
        )
        self._tell(news)
        self._publish(kafka=kafka, redis=redis)

    def _tell(self, news: list[str]) -> None:
        for each in news:
            self._say(each)
        self._publish(
            http=self._children.http,
            pids=self._children.pids,
            notes=[*self._plan.notes, *self._children.notes],
        )

    def _addresses(self) -> tuple[str, str]:
        if self._stack is not None:
            return self._stack.kafka, self._stack.redis
        assert self._plan.redis is not None
        return self._plan.settings.kafka, self._plan.redis

    def _check_start(self, began: float) -> None:
        failing = self._children.failing(START_FAILURES_MAX)
        if failing:
            log = self._children.log_file(failing[0])
            raise StackError(f"{failing[0]} does not start; the end of its log {log}:\n{tail(log)}")
        seconds = time.monotonic() - began
        unready = self._children.unready()
        if not unready:
            self._publish(phase="ready", ready=True)
            self._say(f"ready after {seconds:.1f} s")
        elif seconds > START_SECONDS_MAX:
            raise StackError(f"not ready after {START_SECONDS_MAX:g} s: {_listed(unready)}")
        else:
            self._publish(phase=_listed(unready))

    def _restart_dead(self) -> None:
        if news := self._children.restart_dead():
            self._tell(news)
        if self._stack is None or time.monotonic() < self._stack_retry_at:
            return
        try:
            for name in self._stack.restart_dead():
                self._say(f"{name} had died and was restarted")
        except StackError as error:
            self._stack_retry_at = time.monotonic() + STACK_RETRY_SECONDS
            self._say(f"{error}\ntrying again in {STACK_RETRY_SECONDS:g} s")

    def _bound_logs(self) -> None:
        now = time.monotonic()
        if now - self._logs_checked_at < LOG_CHECK_SECONDS:
            return
        self._logs_checked_at = now
        for log in (self._plan.data / "logs").glob("*.log"):
            if not log.name.endswith(".old.log") and log.stat().st_size > LOG_BYTES_MAX:
                # Its writer keeps the file open, and appends: copied and emptied, not renamed.
                shutil.copyfile(log, log.with_suffix(".old.log"))
                os.truncate(log, 0)

    def _stop(self) -> None:
        self._publish(phase="stopping", ready=False)
        try:
            self._children.stop()
        finally:
            if self._stack is not None:
                self._stack.stop()
            instances.remove(self._plan.data)

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        self._publish(phase=f"starting {name}")
        began = time.monotonic()
        yield
        self._say(f"{name} ready after {time.monotonic() - began:.1f} s")

    def _publish(self, **changes: object) -> None:
        changed = self._instance.model_copy(update=changes)
        if changed != self._instance or changed.phase == "starting":
            self._instance = changed
            self._show(changed.phase)
            instances.save(self._plan.data, changed)


@contextmanager
def supervised(
    plan: Plan, *, say: Callable[[str], None], doing: Callable[[str], None]
) -> Iterator[Instance]:
    """The plan's system for as long as the body runs, ready when it begins.

    Raises:
        StackError, MemoryServiceError: it did not start, or ended before the body did.
    """
    stop, failures = threading.Event(), list[Exception]()

    def supervise() -> None:
        try:
            Supervisor(plan, say=say, doing=doing).run(stop)
        except Exception as error:  # noqa: BLE001 (raised where it is waited for)
            failures.append(error)
            say(f"{error}; nothing is supervised from here on")

    thread = threading.Thread(target=supervise, name="supervisor")
    thread.start()
    try:
        while not ((found := instances.running(plan.data)) and found.ready) and thread.is_alive():
            time.sleep(POLL_SECONDS)
        if found is None or not thread.is_alive():
            raise failures[0] if failures else StackError("it ended while starting")
        yield found
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def _graph_snapshots(data: Path) -> dict[str, str]:
    """A folder of ours, unless someone has chosen another."""
    name = "HUMAN_MEMORY_GRAPH_SNAPSHOTS"
    return {} if name in os.environ else {name: str(data / "graphs")}


def require_linux() -> None:
    """StackError elsewhere: children can't be tied to their supervisor there."""
    if sys.platform != "linux":
        raise StackError(
            "human-memory up runs on Linux only; start the containers with `docker compose up`, or "
            "start each service with `python -m services.run SERVICE`"
        )


def tail(log: Path, lines: int = LOG_LINES_SHOWN) -> str:
    """The end of a log."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _listed(unready: dict[str, str]) -> str:
    return "; ".join(f"{name}: {waiting}" for name, waiting in unready.items())
