"""The ports of our services on this machine: asked for, else those of the last start."""

import os
from collections.abc import Mapping
from pathlib import Path

from human_memory.bus.services import SERVICES
from stack import state as states
from stack.errors import StackError
from stack.state import HOST, State, free_port, is_free

_FILE = "services.json"


class Ports:
    """A port for each service; it stays the same from start to start, as clients remember it."""

    def __init__(self, data: Path, asked: Mapping[str, int]) -> None:
        self._file = data / _FILE
        self._asked = asked
        self._chosen: dict[str, int] = {}
        self.notes: dict[str, str] = {}  # of those that are not where they were expected

    @property
    def addresses(self) -> dict[str, str]:
        """Base URL by service."""
        host = _host()
        shown = HOST if host in ("0.0.0.0", "::") else host  # noqa: S104 (compared, not bound)
        return {name: f"http://{shown}:{port}" for name, port in self._chosen.items()}

    def __getitem__(self, name: str) -> int:
        """The port that was chosen."""
        return self._chosen[name]

    def choose(self, name: str) -> str | None:
        """Choose the port of a service that does not run; what people should know of it.

        Raises:
            StackError: another program has the port that was asked for.
        """
        kept = states.load(self._file).ports
        wanted = self._chosen.get(name) or self._asked.get(name) or kept.get(name, SERVICES[name])
        others = {port for other, port in self._chosen.items() if other != name}
        if wanted not in others and is_free(wanted, _host()):
            self._keep(name, wanted, kept)
            return None
        if name in self._asked:
            raise StackError(
                f"port {wanted} was asked for {name}, but another program listens there; stop "
                "that program or choose another port with --port"
            )
        port = free_port(others | set(kept.values()), _host())
        self._keep(name, port, kept)
        self.notes[name] = f"port {wanted} is taken: {name} is at {port}, now and after a restart"
        return self.notes[name]

    def _keep(self, name: str, port: int, kept: dict[str, int]) -> None:
        self._chosen[name] = port
        if kept.get(name) != port:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            states.save(self._file, State(ports={**kept, name: port}))


def _host() -> str:
    return os.environ.get("HUMAN_MEMORY_HTTP_HOST") or HOST
