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

import psutil

from stack.errors import StackError

CHILD_PROGRAM = Path(__file__).with_name("child.py")
POLL_INTERVAL_S = 0.02
# After SIGKILL only the kernel is left to wait for; more than this is a process stuck in it.
KILL_WAIT_S = 10.0
LOG_BYTES_MAX = 5_000_000
TICKS_PER_SECOND = 100  # as Linux tells them to programs, on every machine that it runs on here

_GONE = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


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
    """A process's start in clock ticks since the boot; with the pid it names it for ever."""
    try:
        return _start_ticks(psutil.Process(pid))
    except psutil.NoSuchProcess as error:
        raise StackError(f"there is no process {pid}") from error


def is_alive(process: ProcessId) -> bool:
    """False also for a zombie, and for another process that got the same pid."""
    child = _children.get(process)
    if child is not None:
        return child.poll() is None
    try:
        found = psutil.Process(process.pid)
        if _start_ticks(found) != process.started_ticks:
            return False
        # The main thread of a killed program can be a zombie while others still hold its ports.
        return found.status() not in _GONE or found.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def listens(process: ProcessId, port: int) -> bool:
    """True where this very process listens on a TCP port, and not another program."""
    try:
        sockets = psutil.Process(process.pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True  # another user's: there is no telling
    return any(
        each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
        for each in sockets
    )


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


def _start_ticks(process: psutil.Process) -> int:
    # Since the boot: what psutil adds to it moves when the clock is set, and this must not.
    seconds: float = process.create_time() - psutil.boot_time()
    return round(seconds * TICKS_PER_SECOND)


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
    process = ProcessId(child.pid, start_ticks(child.pid))
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
