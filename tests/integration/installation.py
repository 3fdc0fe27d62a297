"""A whole installation under a data folder of its own, through the real command line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# A safety net, far above what anything takes.
COMMAND_SECONDS_MAX = 240.0
_OURS = "HUMAN_MEMORY_"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    printed: str
    complained: str

    def json(self) -> Any:
        """What a successful command printed with --json."""
        assert self.code == 0, self.complained
        return json.loads(self.printed)


@dataclass(frozen=True)
class Installation:
    """The command line with this data folder and these `settings`, called in `folder`."""

    data: Path
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT

    @property
    def environment(self) -> dict[str, str]:
        """Ours, without what the tests' own environment sets."""
        rest = {k: v for k, v in os.environ.items() if not k.startswith(_OURS)}
        kept = {k: v for k, v in os.environ.items() if k == f"{_OURS}CACHE"}
        return {**rest, **kept, f"{_OURS}DATA": str(self.data), **self.settings}

    def run(self, *arguments: str, text: str = "") -> Done:
        """Run a command to its end, `text` on its standard input."""
        done = subprocess.run(
            [sys.executable, "-m", "human_memory.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a command that stays."""
        return subprocess.Popen(
            [sys.executable, "-m", "human_memory.cli", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def state(self) -> dict[str, Any]:
        """What the supervisor says of itself; empty before it says anything."""
        file = self.data / "instance.json"
        return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}

    def processes(self) -> dict[int, str]:
        """Command lines of the living processes that were started with this data folder."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._started(folder):
                    line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if line:  # a zombie has none
                        found[int(folder.name)] = line
            except OSError:
                continue  # it has just ended, or is another user's
        return found

    def _started(self, process: Path) -> bool:
        # Redis writes its title over its environment, but it runs in its folder.
        mark = f"{_OURS}DATA={self.data}\0".encode()
        inside = (process / "cwd").resolve().is_relative_to(self.data)
        return inside or mark in (process / "environ").read_bytes()

    def pid_of(self, part: str) -> int | None:
        """The process with `part` in its command line."""
        return next((pid for pid, line in self.processes().items() if part in line), None)
