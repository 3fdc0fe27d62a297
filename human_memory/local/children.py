"""Our services as child processes: started, watched, restarted, stopped."""

import json
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from human_memory.bus.services import SERVICES
from human_memory.deadline import Backoff
from human_memory.local.ports import Ports
from stack.errors import StackError
from stack.processes import Launch, ProcessId, is_alive, listens, spawn, terminate

# In a process of its own: HTTP must not wait while the others compute.
APART = ("gateway",)
# Kafka's start and the topics are waited for; a first Kafka start on a loaded machine is slow.
PATIENCE_SECONDS = 180
STOP_GRACE_SECONDS = 20.0
PROBE_SECONDS_MAX = 3.0
BACKOFF = Backoff((0.5, 1.0, 2.0, 5.0, 10.0, 30.0))
SILENT = "does not answer"
# Our own machine is reached without the proxy that the environment may name.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# A child that ran this long had started well: the next failure is a new one.
WELL_AFTER_SECONDS = 60.0


@dataclass
class _Child:
    services: tuple[str, ...]
    process: ProcessId | None = None
    started: float = 0.0
    failures: int = 0
    retry_at: float | None = None

    @property
    def name(self) -> str:
        return self.services[0] if len(self.services) == 1 else "services"


class Children:
    """One process for the gateway and one for all others, or with `separate` one for each."""

    def __init__(self, logs: Path, ports: Ports, *, separate: bool) -> None:
        alone = tuple(SERVICES) if separate else APART
        together = tuple(name for name in SERVICES if name not in alone)
        groups = [*((name,) for name in alone), *([together] if together else [])]
        self._children = [_Child(group) for group in groups]
        self._logs = logs
        self._ports = ports
        self._environment: Mapping[str, str] = {}

    @property
    def http(self) -> dict[str, str]:
        """Base URL by service."""
        return self._ports.addresses

    @property
    def notes(self) -> list[str]:
        """Sentences on what is otherwise than expected."""
        return list(self._ports.notes.values())

    @property
    def pids(self) -> dict[str, int]:
        """The process of each service that has one now."""
        return {
            name: child.process.pid
            for child in self._children
            if child.process is not None
            for name in child.services
        }

    def start(self, environment: Mapping[str, str]) -> list[str]:
        """Start all of them, with these variables over our own; what was found, for people.

        Raises:
            StackError: a port that was asked for is taken.
        """
        self._environment = environment
        return [news for child in self._children for news in self._start(child)]

    def restart_dead(self) -> list[str]:
        """Restart what died, after a while that grows; what was found or done, for people."""
        news = []
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and not is_alive(child.process):
                news.append(self._note_death(child, now))
            elif child.retry_at is not None and now >= child.retry_at:
                news += self._restarted(child)
        return news

    def failing(self, failures_min: int) -> list[str]:
        """Names of those that died at least so often in a row."""
        return [child.name for child in self._children if child.failures >= failures_min]

    def unready(self) -> dict[str, str]:
        """The parts that each service still waits for; empty when all are ready."""
        states = {
            name: self._probed(child, name) for child in self._children for name in child.services
        }
        return {name: state.waiting for name, state in states.items() if not state.ready}

    def log_file(self, name: str) -> Path:
        """The file to which the child `name` writes."""
        return self._logs / f"{name}.log"

    def stop(self) -> None:
        """Stop all; returns when their processes are gone."""
        for child in self._children:
            child.retry_at = None
            if child.process is not None:
                terminate(child.process, grace_s=STOP_GRACE_SECONDS)
                child.process = None

    def _probed(self, child: _Child, name: str) -> "Readiness":
        # Another installation's server at that port would say that it is ready, too.
        if child.process is None or not listens(child.process, self._ports[name]):
            return Readiness(ready=False, waiting=SILENT)
        return probe(self.http[name])

    def _restarted(self, child: _Child) -> list[str]:
        try:
            return [*self._start(child), f"{child.name} restarted"]
        except StackError as error:
            return [f"{error}; {self._note_death(child, time.monotonic())}"]

    def _note_death(self, child: _Child, now: float) -> str:
        if now - child.started > WELL_AFTER_SECONDS:
            child.failures = 0
        wait = BACKOFF.after(child.failures)
        child.failures += 1
        child.process = None
        child.retry_at = now + wait
        return f"{child.name} ended, see {self.log_file(child.name)}; restart in {wait:g} s"

    def _start(self, child: _Child) -> list[str]:
        news = [said for name in child.services if (said := self._ports.choose(name)) is not None]
        ports = [f"--port={name}={self._ports[name]}" for name in child.services]
        child.process = spawn(
            Launch(
                command=[
                    # Not with the folder we stand in: it may have packages with the names of ours.
                    *(sys.executable, "-P", "-m", "services.run", *child.services, *ports),
                    f"--patience={PATIENCE_SECONDS}",
                ],
                folder=Path.cwd(),
                log=self.log_file(child.name),
                # Kafka dies with us too, and a service that waits for it would not end by itself.
                death_signal=signal.SIGKILL,
                # Several services can't share the one port that this variable names.
                environment={**self._environment, "HUMAN_MEMORY_HTTP_PORT": "0"},
            )
        )
        child.started = time.monotonic()
        child.retry_at = None
        return news


@dataclass(frozen=True)
class Readiness:
    """A service's answer to /ready; `waiting` says what is missing, `note` what goes on."""

    ready: bool
    waiting: str
    version: str | None = None
    note: str = ""


def probe(url: str) -> Readiness:
    """Ask the service at `url` whether it is ready."""
    try:
        with _DIRECT.open(f"{url}/ready", timeout=PROBE_SECONDS_MAX) as response:
            body = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            body = _json_or_nothing(error.read())
    except (OSError, ValueError):
        return Readiness(ready=False, waiting=SILENT)
    missing = [f"{k} {v}" for k, v in body.get("checks", {}).items() if v != "ok"]
    return Readiness(
        ready=body.get("status") == "ready",
        waiting=", ".join(missing),
        version=body.get("version"),
        note=", ".join(f"{name}: {text}" for name, text in body.get("notes", {}).items()),
    )


def _json_or_nothing(text: bytes) -> dict[str, object]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
