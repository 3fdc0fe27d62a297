"""The state of a data folder between processes: its ports and running programs."""

import json
import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from stack.errors import StackError
from stack.processes import ProcessId

HOST = "127.0.0.1"
# Below the range from which the kernel takes ports for outgoing connections (32768 and up on
# Linux): a client that keeps knocking at a stopped server's port in that range can be given the
# same port for its own end, connect to itself and hold the port.
PORTS = range(20_000, 30_000)
PORT_TRIES_MAX = 100


@dataclass
class State:
    """Ports by name, and a process for each program that is meant to be running."""

    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ProcessId] = field(default_factory=dict)


def load(path: Path) -> State:
    """An absent or broken file (a power cut) is an empty state: nothing runs then."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return State(
            ports=fields["ports"],
            processes={name: ProcessId(**value) for name, value in fields["processes"].items()},
        )
    except FileNotFoundError:
        return State()
    except (ValueError, KeyError, TypeError, AttributeError):
        return State()


def save(path: Path, state: State) -> None:
    """Replaces the file in one step, so that a reader never sees half of it."""
    new = path.with_suffix(f".{os.getpid()}.tmp")
    new.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    new.replace(path)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process and one thread at a time; the kernel releases it when the holder dies."""
    # Not at the top: elsewhere this package must be importable, to say that it can't run there.
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_free(port: int, host: str = HOST) -> bool:
    """True where a server could listen on the port now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do it: a connection in TIME_WAIT doesn't hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(taken: set[int], host: str = HOST) -> int:
    """A port nobody listens on and that is not in `taken`."""
    for _ in range(PORT_TRIES_MAX):
        port = random.choice(PORTS)  # noqa: S311 (no secret)
        if port not in taken and is_free(port, host):
            return port
    raise StackError(
        f"no free port found in {PORT_TRIES_MAX} tries between {PORTS.start} and {PORTS.stop - 1} "
        f"on {host}; give the ports yourself"
    )
