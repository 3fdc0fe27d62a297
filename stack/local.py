"""The local stack: one Kafka and one Redis that live under one data folder."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from human_memory.paths import cache_folder
from stack import state as states
from stack.errors import StackError
from stack.kafka import Kafka
from stack.platforms import require_support, this_platform
from stack.processes import Launch, ProcessId, is_alive, kill, spawn, terminate, wait_until
from stack.redis_server import RedisServer
from stack.state import HOST, State

# A first start takes 5 s on two cores, one after kill -9 10 s; the rest is for a loaded machine.
START_TIMEOUT_S = 90.0
# A program that lives but doesn't answer (its starter was killed, or it is stuck) gets this long.
ANSWER_TIMEOUT_S = 10.0
LOG_LINES_SHOWN_MAX = 15


class Component(Protocol):
    """A program of the stack. `ports` are names; the first is where clients connect."""

    name: str
    version: str
    ports: tuple[str, ...]
    stop_grace_s: float

    def prepare(self, report: Callable[[str], None]) -> None:
        """Fetches and checks what the program consists of."""

    def launch(self, ports: dict[str, int]) -> Launch:
        """Writes its settings and says how to start it."""

    def is_healthy(self, process: ProcessId, ports: dict[str, int]) -> bool:
        """True where it answers in its own protocol."""


@dataclass(frozen=True)
class ComponentStatus:
    """`running`: the process is there; `healthy`: it answers in its own protocol."""

    name: str
    running: bool
    healthy: bool
    pid: int | None
    port: int | None
    version: str


@dataclass(frozen=True)
class StackStatus:
    """Both components as they are now."""

    kafka: ComponentStatus
    redis: ComponentStatus

    @property
    def healthy(self) -> bool:
        """Both answer."""
        return self.kafka.healthy and self.redis.healthy


class LocalStack:
    """Kafka and Redis with their ports and data in one folder.

    Their processes die with the process that started them. Any number of processes may use the
    same folder: `start` finds what runs already, and `stop` stops it, whoever started it.
    A port of 0 is chosen once and kept, unless another program has taken it meanwhile.
    """

    def __init__(self, data_dir: Path, *, kafka_port: int = 0, redis_port: int = 0) -> None:
        self.data_dir = data_dir.absolute()
        self._ports_wanted = {"kafka": kafka_port, "redis": redis_port}
        cache = cache_folder()
        self._kafka = Kafka(self.data_dir / "kafka", self.log_file("kafka"), cache)
        self._redis = RedisServer(self.data_dir / "redis", self.log_file("redis"), cache)
        self._components: tuple[Component, ...] = (self._kafka, self._redis)
        self._state_file = self.data_dir / "stack.json"
        # flock() orders processes; within one, threads wait here and don't block in the kernel.
        self._thread_lock = threading.Lock()

    @property
    def kafka(self) -> str:
        """The bootstrap address, host:port."""
        return f"{HOST}:{self._port('kafka')}"

    @property
    def redis(self) -> str:
        """The URL, redis://host:port/0."""
        return f"redis://{HOST}:{self._port('redis')}/0"

    def log_file(self, name: str) -> Path:
        """The output of the component `kafka` or `redis`."""
        return self.data_dir / "logs" / f"{name}.log"

    def prepare(self, report: Callable[[str], None] | None = None) -> None:
        """Checks the platform, fetches and verifies what is missing; `report` gets the progress.

        Raises:
            UnsupportedPlatform: there are no programs for this machine.
            StackError: something can't be fetched, or is not what the lock says.
        """
        require_support(this_platform())
        for component in self._components:
            component.prepare(report or _say_nothing)

    def start(self) -> None:
        """Starts what does not run yet; returns when both answer."""
        self.prepare()
        with self._exclusive():
            self._start(self._components)

    def stop(self) -> None:
        """Stops both, saving their data; returns when their processes are gone."""
        with self._exclusive():
            for component in self._components:
                self._stop(component)

    def status(self) -> StackStatus:
        """The programs that run and answer now."""
        state = self._load()
        return StackStatus(self._status(self._kafka, state), self._status(self._redis, state))

    def start_kafka(self) -> None:
        """Starts Kafka if it does not run; returns when it answers."""
        with self._exclusive():
            self._start((self._kafka,))

    def kill_kafka(self) -> None:
        """kill -9; `restart_dead` restarts it."""
        self._kill(self._kafka)

    def start_redis(self) -> None:
        """Starts Redis if it does not run; returns when it answers."""
        with self._exclusive():
            self._start((self._redis,))

    def stop_redis(self) -> None:
        """Stops Redis with a save; `restart_dead` leaves it stopped."""
        with self._exclusive():
            self._stop(self._redis)

    def kill_redis(self) -> None:
        """kill -9, back to the last save; `restart_dead` restarts it."""
        self._kill(self._redis)

    def restart_dead(self) -> list[str]:
        """Restarts what died without being stopped, and names it. Cheap when nothing did."""
        if not self._dead(self._load()):
            return []
        with self._exclusive():
            dead = self._dead(self._load())
            self._start(dead)
        return [component.name for component in dead]

    def _start(self, components: tuple[Component, ...]) -> None:
        state = self._load()
        started: list[Component] = []
        try:
            for component in components:
                if self._answers(component, state):
                    continue
                state.ports |= self._ports_to_use(component, state)
                state.processes[component.name] = spawn(component.launch(state.ports))
                states.save(self._state_file, state)
                started.append(component)
            for component in started:
                self._await_health(component, state)
        except StackError:
            # The dead stay recorded: whoever supervises the stack tries them again.
            for component in started:
                terminate(state.processes[component.name], grace_s=component.stop_grace_s)
            raise

    def _answers(self, component: Component, state: State) -> bool:
        """True for a healthy process; one that stays silent is stopped."""
        process = state.processes.get(component.name)
        if process is None:
            return False
        wait_until(
            lambda: not is_alive(process) or component.is_healthy(process, state.ports),
            timeout_s=ANSWER_TIMEOUT_S,
        )
        if is_alive(process) and component.is_healthy(process, state.ports):
            return True
        terminate(process, grace_s=component.stop_grace_s)
        return False

    def _await_health(self, component: Component, state: State) -> None:
        process = state.processes[component.name]
        wait_until(
            lambda: not is_alive(process) or component.is_healthy(process, state.ports),
            timeout_s=START_TIMEOUT_S,
        )
        if component.is_healthy(process, state.ports):
            return
        what = f"gave no answer in {START_TIMEOUT_S:g} s" if is_alive(process) else "ended at once"
        log = self.log_file(component.name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise StackError(
            f"{component.name} was started and {what}. The end of its log {log}:\n"
            + "\n".join(lines[-LOG_LINES_SHOWN_MAX:])
        )

    def _stop(self, component: Component) -> None:
        state = self._load()
        process = state.processes.pop(component.name, None)
        if process is not None:
            terminate(process, grace_s=component.stop_grace_s)
            states.save(self._state_file, state)

    def _kill(self, component: Component) -> None:
        process = self._load().processes.get(component.name)
        if process is None:
            raise StackError(f"{component.name} was not started in {self.data_dir}")
        kill(process)

    def _dead(self, state: State) -> tuple[Component, ...]:
        return tuple(
            component
            for component in self._components
            if component.name in state.processes and not is_alive(state.processes[component.name])
        )

    def _status(self, component: Component, state: State) -> ComponentStatus:
        process = state.processes.get(component.name)
        if process is not None and not is_alive(process):
            process = None
        return ComponentStatus(
            name=component.name,
            running=process is not None,
            healthy=process is not None and component.is_healthy(process, state.ports),
            pid=None if process is None else process.pid,
            port=state.ports.get(component.ports[0]),
            version=component.version,
        )

    def _port(self, name: str) -> int:
        state = self._load()
        if self._ports_wanted[name] and name not in state.processes:
            return self._ports_wanted[name]
        if name not in state.ports:
            with self._exclusive():
                state = self._load()
                state.ports.setdefault(name, states.free_port(set(state.ports.values())))
                states.save(self._state_file, state)
        return state.ports[name]

    def _ports_to_use(self, component: Component, state: State) -> dict[str, int]:
        """For a component that does not run: the ports given, else the remembered ones if free."""
        chosen: dict[str, int] = {}
        for name in component.ports:
            port = self._ports_wanted.get(name) or state.ports.get(name, 0)
            if not port or not states.is_free(port):
                if self._ports_wanted.get(name):
                    raise StackError(
                        f"port {port} was asked for {name}, but another program listens there; "
                        "stop that program or choose another port"
                    )
                port = states.free_port(set(state.ports.values()) | set(chosen.values()))
            chosen[name] = port
        return chosen

    def _load(self) -> State:
        return states.load(self._state_file)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        require_support(this_platform())
        with self._thread_lock, states.exclusive(self.data_dir / "stack.lock"):
            yield


def _say_nothing(_: str) -> None:
    return
