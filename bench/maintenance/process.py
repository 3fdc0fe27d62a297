"""A process as the kernel sees it: what it has worked, and what it holds in memory."""

from pathlib import Path

from bench.machine import cpu_seconds

MIB = 2**20
_KIB = 1024
# proc(5): forget the peak, from here on it counts anew.
_RESET_PEAK = "5"


class Process:
    """One of our own."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._pid = pid

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far."""
        return cpu_seconds(self._pid)

    @property
    def resident_mib(self) -> float:
        """Memory that it holds now."""
        return memory_mib((self._folder / "status").read_text(encoding="ascii"), "VmRSS")

    @property
    def peak_mib(self) -> float:
        """The most memory that it held since `forget_peak`."""
        return memory_mib((self._folder / "status").read_text(encoding="ascii"), "VmHWM")

    def forget_peak(self) -> None:
        """Count the peak from now on."""
        (self._folder / "clear_refs").write_text(_RESET_PEAK, encoding="ascii")


def memory_mib(status: str, name: str) -> float:
    """A field of /proc/PID/status.

    >>> memory_mib("Name: python\\nVmHWM:\\t  2048 kB\\n", "VmHWM")
    2.0
    """
    (line,) = (line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * _KIB / MIB
