"""The running system of one data folder: what `human-memory up` writes down, and who reads it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from stack.processes import ProcessId, is_alive
from stack.state import HOST

THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
_FILE = "instance.json"
_LOCK = "instance.lock"


class Instance(BaseModel):
    """A supervisor's description of itself. It is the file's only writer."""

    pid: int
    started_ticks: int
    phase: str = "starting"
    ready: bool = False
    kafka: str = ""
    redis: str = ""
    topic_prefix: str = ""
    partitions: int = 0
    local_stack: bool = True
    http: dict[str, str] = {}
    pids: dict[str, int] = {}
    notes: list[str] = []

    @property
    def process(self) -> ProcessId:
        """The supervisor, told apart from another process that got its pid later."""
        return ProcessId(self.pid, self.started_ticks)


def same_server(one: str, other: str) -> bool:
    """True for two addresses of one server; this machine has several names for itself.

    >>> same_server("localhost:24752", "127.0.0.1:24752")
    True
    """
    return _plain(one) == _plain(other)


def _plain(address: str) -> str:
    rest = address.partition("://")[2] or address
    host, _, port = rest.partition("/")[0].rpartition(":")
    return f"{HOST}:{port}" if host in THIS_MACHINE else address


def running(data: Path) -> Instance | None:
    """The instance whose supervisor lives; its addresses may not answer yet."""
    try:
        instance = Instance.model_validate_json((data / _FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    return instance if is_alive(instance.process) else None


def save(data: Path, instance: Instance) -> None:
    """Replaces the file in one step, so that a reader never sees half of it."""
    new = data / f"{_FILE}.{os.getpid()}.tmp"
    new.touch(mode=0o600)  # an address may hold a password
    new.write_text(instance.model_dump_json(indent=2) + "\n", encoding="utf-8")
    new.replace(data / _FILE)


def remove(data: Path) -> None:
    """Nothing runs here any more."""
    (data / _FILE).unlink(missing_ok=True)


@contextmanager
def sole_supervisor(data: Path) -> Iterator[bool]:
    """True in one process at a time; the kernel lets go when it dies."""
    import fcntl  # not on Windows, where this module must still be importable

    data.mkdir(parents=True, exist_ok=True)
    with (data / _LOCK).open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
