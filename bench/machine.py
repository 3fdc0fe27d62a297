"""The machine of a measurement, and the processes that used its processors meanwhile."""

import asyncio
import os
import platform
import subprocess
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.system import System
from services.common.redis import RedisClient

_STAT = Path("/proc/stat")
LOOK_SECONDS = 2.0
# More than this of all processors in the hands of others, and the figures say little.
BUSY_SHARE_MAX = 0.1
_PACKAGES = (
    "aiokafka", "faststream", "numpy", "onnxruntime", "redis", "tokenizers", "uvloop",
)  # fmt: skip
_METRICS = {
    "process_cpu_seconds_total": "services",
    "human_memory_embedding_slice_seconds_sum": "model_wall",
    "human_memory_embedding_slice_seconds_count": "model_slices",
    "human_memory_query_seconds_sum": "queries_wall",
}


def describe() -> dict[str, Any]:
    """Processor, cores, memory, load and versions."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
    }


def busy_share(seconds: float = LOOK_SECONDS) -> float:
    """The share of all processors that is in use now, before we use any."""
    before = busy_seconds()
    time.sleep(seconds)
    return (busy_seconds() - before) / seconds / (os.cpu_count() or 1)


def busy_seconds() -> float:
    """Processor time of all processors since they were started; 0 where unknown."""
    try:
        ticks = [int(word) for word in _STAT.read_text(encoding="ascii").split("\n")[0].split()[1:]]
    except OSError:
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = ticks[:8]
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads how much each process has worked so far; the difference of two readings is a cost."""

    def __init__(self, system: System, redis: RedisClient) -> None:
        self._system = system
        self._redis = redis

    async def read(self) -> dict[str, float]:
        """Seconds of CPU by process (`machine`: everything), and the services' own counters."""
        reading = await asyncio.to_thread(_counters, self._system.http["retrieval"])
        gateway = await asyncio.to_thread(_counters, self._system.http["gateway"])
        reading["gateway"] = gateway["services"]
        info = await self._redis.info("cpu")
        reading["redis"] = info["used_cpu_user"] + info["used_cpu_sys"]
        if self._system.kafka_pid is not None:
            reading["kafka"] = cpu_seconds(self._system.kafka_pid)
        reading["machine"] = busy_seconds()
        reading["client"] = time.process_time()
        return reading


def _counters(url: str) -> dict[str, float]:
    """Counters from the metrics of a process of ours; those that it lacks are 0."""
    with urllib.request.urlopen(f"{url}/metrics") as response:
        text = response.read().decode()
    reading = dict.fromkeys(_METRICS.values(), 0.0)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in _METRICS:
                reading[_METRICS[sample.name]] += sample.value
    return reading


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used since it was started."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _commit() -> str | None:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return None
    return asked.stdout.strip() or None
