"""Child processes that die with us, known by pid and start time, stopped from any process."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from stack.errors import StackError

CHILD_PROGRAM = Path(__file__).with_name("child.py")
POLL_INTERVAL_S = 0.02
# After SIGKILL only the kernel is left to wait for; more than this is a process stuck in it.
KILL_WAIT_S = 10.0
LOG_BYTES_MAX = 5_000_000


@dataclass(frozen=True)
class ProcessId:
    """A process, also after its pid was given to another one: start time in clock ticks."""

    pid: int
    started_ticks: int


@dataclass(frozen=True)
class Launch:
    """The start of a program; `death_signal` is sent to it when this process dies.

    It gets our environment and, over that, `environment`.
    """

    command: list[str]
    folder: Path
    log: Path
    death_signal: signal.Signals
    environment: Mapping[str, str] = field(default_factory=dict)


_children: dict[ProcessId, subprocess.Popen[bytes]] = {}


def spawn(launch: Launch) -> ProcessId:
    """Starts the program in its own session, with its output appended to the log."""
    return _spawner.run(lambda: _spawn(launch))


def start_ticks(pid: int) -> int:
    """The start time of a process, which with the pid names it for ever."""
    fields = _stat_fields(pid)
    if fields is None:
        raise StackError(f"there is no process {pid}")
    return int(fields[19])


def is_alive(process: ProcessId) -> bool:
    """False also for a zombie, and for another process that got the same pid."""
    child = _children.get(process)
    if child is not None:
        return child.poll() is None
    fields = _stat_fields(process.pid)
    if fields is None or int(fields[19]) != process.started_ticks:
        return False
    # The main thread of a killed program can be a zombie while others still hold its ports.
    return fields[0] not in "ZX" or int(fields[17]) > 1


def kill(process: ProcessId) -> None:
    """kill -9; returns when the process is gone."""
    _send(process, signal.SIGKILL)
    if not wait_until(lambda: not is_alive(process), timeout_s=KILL_WAIT_S):
        raise StackError(f"process {process.pid} still runs {KILL_WAIT_S:g} s after SIGKILL")


def terminate(process: ProcessId, *, grace_s: float) -> None:
    """SIGTERM, and SIGKILL for a process that is still there when the grace is over."""
    _send(process, signal.SIGTERM)
    if not wait_until(lambda: not is_alive(process), timeout_s=grace_s):
        kill(process)


def wait_until(condition: Callable[[], bool], *, timeout_s: float) -> bool:
    """Polls until the condition holds; False when the time is over first."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _send(process: ProcessId, signal_number: signal.Signals) -> None:
    if is_alive(process):
        try:
            os.kill(process.pid, signal_number)
        except ProcessLookupError:
            return


def _stat_fields(pid: int) -> list[str] | None:
    """The fields of proc(5) `stat` from the third on: state, ..., threads [17], start [19]."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the name, is in parentheses and may hold any character.
    return text.rpartition(")")[2].split()


def _spawn(launch: Launch) -> ProcessId:
    launch.folder.mkdir(parents=True, exist_ok=True)
    launch.log.parent.mkdir(parents=True, exist_ok=True)
    if launch.log.exists() and launch.log.stat().st_size > LOG_BYTES_MAX:
        launch.log.replace(launch.log.with_suffix(".old.log"))
    parent = [str(os.getpid()), str(int(launch.death_signal))]
    with launch.log.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603 (our own command, no shell)
            [sys.executable, "-I", "-S", str(CHILD_PROGRAM), *parent, *launch.command],
            cwd=launch.folder,
            env={**os.environ, **launch.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in a terminal goes to the whole group; we stop the programs in order instead.
            start_new_session=True,
        )
    # Ours until we wait for it, dead or alive: its pid can't be another's yet.
    fields = _stat_fields(child.pid)
    assert fields is not None
    process = ProcessId(child.pid, started_ticks=int(fields[19]))
    _children[process] = child
    return process


class _Spawner:
    """One thread that starts all children and never ends.

    The kernel sends the death signal when the *thread* that forked is gone, so a child started
    from a pool's thread would die with the pool.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[ProcessId], Callable[[], ProcessId]]]
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()

    def run(self, job: Callable[[], ProcessId]) -> ProcessId:
        with self._guard:
            # Not alive in a forked copy of this process: it needs its own thread.
            if self._thread is None or not self._thread.is_alive():
                self._jobs = queue.SimpleQueue()
                self._thread = threading.Thread(target=self._loop, name="stack", daemon=True)
                self._thread.start()
        future: Future[ProcessId] = Future()
        self._jobs.put((future, job))
        return future.result()

    def _loop(self) -> None:
        while True:
            future, job = self._jobs.get()
            try:
                future.set_result(job())
            except BaseException as error:  # noqa: BLE001 (raised again in the caller)
                future.set_exception(error)


_spawner = _Spawner()
